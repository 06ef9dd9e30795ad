//! Somebody is always left who can manage accounts.

use serde_json::json;

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(the_last_administrator_stays, two_who_demote_each_other_do_not_both_succeed);

async fn the_last_administrator_stays(backend: Backend) {
    let installation = Installation::new(backend);
    installation.make_admin("root").await;
    let server = installation.start().await;
    let root = server.client().log_in("root").await;
    let own = format!("/api/v1/admin/users/{}", root.user_id().await);
    for change in [json!({"role": "user"}), json!({"is_active": false})] {
        root.patch(&own, &change).await.problem(409, "last_admin");
    }
    for arguments in [&["user", "set-role", "root", "user"][..], &["user", "disable", "root"]] {
        let refused = installation.run(arguments).await;
        assert!(refused.complained().contains("the last administrator"), "{refused:?}");
    }
    assert_eq!(root.get("/api/v1/me").await.json()["role"], "admin", "and keeps the session");

    installation.make_admin("other").await;
    installation.run(&["user", "disable", "other"]).await.printed();
    root.patch(&own, &json!({"role": "user"})).await.problem(409, "last_admin");
    installation.run(&["user", "enable", "other"]).await.printed();
    assert_eq!(root.patch(&own, &json!({"role": "user"})).await.status, 204, "another one is there");
}

async fn two_who_demote_each_other_do_not_both_succeed(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    for name in ["one", "two"] {
        installation.make_admin(name).await;
    }
    for round in 0..20 {
        let change = if round % 2 == 0 { json!({"role": "user"}) } else { json!({"is_active": false}) };
        let (one, two) = (server.client().log_in("one").await, server.client().log_in("two").await);
        let paths = [&one, &two].map(|caller| async { format!("/api/v1/admin/users/{}", caller.user_id().await) });
        let [of_one, of_two] = paths;
        let (of_one, of_two) = (of_one.await, of_two.await);
        let (by_one, by_two) = tokio::join!(one.patch(&of_two, &change), two.patch(&of_one, &change));
        let mut statuses = [by_one.status, by_two.status];
        statuses.sort_unstable();
        // The loser may have lost the session, or the role, before it was looked at.
        assert!(statuses[0] == 204 && [401, 403, 409].contains(&statuses[1]), "{by_one:?} {by_two:?}");
        let left = "SELECT username AS value FROM users WHERE role = 'admin' AND is_active";
        assert_eq!(installation.database().texts(left).len(), 1);
        for name in ["one", "two"] {
            installation.run(&["user", "enable", name]).await.printed();
            installation.run(&["user", "set-role", name, "admin"]).await.printed();
        }
    }
}
