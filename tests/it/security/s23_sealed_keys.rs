//! Nothing usable at rest (S23): the signing keys in the store are worth nothing without the secret.

use crate::cli::assert_all;
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};
use crate::support::on_both_stores;
use crate::support::waiting::eventually;

on_both_stores!(s23_keys_are_worth_nothing_without_the_secret);

async fn s23_keys_are_worth_nothing_without_the_secret(backend: Backend) {
    let [own, stolen] = ["the secret of the owner: 32 bytes", "the secret of a thief: 32 bytes"]
        .map(|secret| Installation::new(backend).set("auth.secret", secret.repeat(2)));
    let stolen = stolen.over_the_store_of(&own);
    let server = own.start().await;
    let ada = server.client().newcomer("ada").await;
    let listed = own.run(&["keys", "list"]).await;
    let kid = listed.printed().lines().nth(1).unwrap().split(' ').next().unwrap().to_owned();
    server.kill().await;

    let elsewhere = stolen.start().await;
    ada.at(&elsewhere).get("/api/v1/me").await.problem(401, "invalid_token");
    assert_eq!(elsewhere.client().log_in("ada").await.get("/api/v1/me").await.status, 200, "it signs with its own");
    let listed = stolen.run(&["keys", "list"]).await;
    let line = listed.printed().lines().find(|line| line.starts_with(&kid)).unwrap();
    assert!(line.ends_with(" sealed with another secret"), "{line}");
    let findings = stolen.run(&["doctor"]).await;
    assert_all(
        &findings.out,
        &["FAIL  keys\nerror: auth.secret does not open a signing key", &kid, "`colloquy keys retire`"],
    );

    // Two more looks at the store, at least.
    for count in 1..=2 {
        stolen.run(&["keys", "add", "--algorithm", "EdDSA"]).await.printed();
        eventually("the new key is published", async || (published(&elsewhere).await == count).then_some(())).await;
    }
    elsewhere.terminate();
    let said = elsewhere.ended().await.err;
    assert_eq!(said.matches("cannot be opened with this secret").count(), 1, "{said}");

    assert_eq!(ada.at(&own.start().await).get("/api/v1/me").await.status, 200, "the owner still can");
}

async fn published(server: &Server) -> usize {
    server.client().get("/.well-known/jwks.json").await.json()["keys"].as_array().unwrap().len()
}
