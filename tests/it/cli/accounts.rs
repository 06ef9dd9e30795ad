//! `colloquy user`: accounts without HTTP, and the only way to an administrator (S11).

use super::assert_all;
use crate::support::client::PASSWORD;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(accounts_are_made_and_listed, what_is_taken_or_too_weak_is_refused);

const ADA: [&str; 6] = ["user", "create", "ada", "--email", "ada@example.org", "--password-stdin"];

async fn accounts_are_made_and_listed(backend: Backend) {
    let installation = Installation::new(backend);
    let admin = [&ADA[..], &["--admin"]].concat();
    let created = installation.run_with(&admin, &format!("{PASSWORD}\n")).await;
    assert_eq!(created.printed(), "made admin ada <ada@example.org>\n");
    let generated =
        installation.run(&["user", "create", "bob", "--email", "bob@example.org", "--generate-password"]).await;
    let (made, password) = generated.printed().split_once("password, shown this once: ").unwrap();
    assert_eq!(made, "made user bob <bob@example.org>\n");

    let server = installation.start().await;
    let ada = server.client().log_in("ada").await;
    assert_eq!(ada.get("/api/v1/me").await.json()["role"], "admin");
    assert_eq!(server.client().try_log_in("bob", password.trim_end()).await.status, 200);

    let listed = installation.run(&["user", "list"]).await;
    let rows: Vec<Vec<&str>> = listed.printed().lines().map(|line| line.split_whitespace().take(4).collect()).collect();
    let expected = [
        ["username", "email", "role", "active"],
        ["ada", "ada@example.org", "admin", "yes"],
        ["bob", "bob@example.org", "user", "yes"],
    ];
    assert_eq!(rows, expected);
    assert!(!format!("{created:?}{listed:?}").contains(PASSWORD));
}

async fn what_is_taken_or_too_weak_is_refused(backend: Backend) {
    let installation = Installation::new(backend);
    installation.run_with(&ADA, PASSWORD).await.printed();
    let before = installation.database().row_counts();

    let name = installation.run_with(&["user", "create", "ADA", "--email", "a@example.org"], PASSWORD).await;
    assert_all(name.complained(), &["username", "taken", "choose another name"]);
    let email = installation.run_with(&["user", "create", "eve", "--email", "ada@example.org"], PASSWORD).await;
    assert_all(email.complained(), &["e-mail address", "use another address"]);
    let password = installation.run_with(&["user", "create", "eve", "--email", "eve@example.org"], "short\n").await;
    assert_all(password.complained(), &["the password ", "--generate-password"]);
    let nothing = installation.run(&["user", "create", "eve", "--email", "eve@example.org"]).await;
    assert_all(nothing.complained(), &["there is no password", "standard input"]);
    assert_eq!(installation.database().row_counts(), before);
}
