//! Refresh tokens rotate, and one that comes again ends its session.

use serde_json::Value;

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(an_old_token_ends_the_session, a_token_goes_on_for_as_long_as_it_is_the_newest);

async fn an_old_token_ends_the_session(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let client = server.client();
    let first = client.newcomer("ada").await;
    let bystander = client.log_in("ada").await;
    let second = client.refreshed(&client.refresh(&first.refresh_token).await);
    let third = client.refreshed(&client.refresh(&second.refresh_token).await);
    assert_eq!(third.session_id, first.session_id);
    let mut socket = third.web_socket().await.unwrap();

    let replayed = client.refresh(&first.refresh_token).await;
    assert_eq!(replayed.body::<Value>(400)["error"], "invalid_grant");
    for caller in [&first, &second, &third] {
        caller.get("/api/v1/me").await.problem(401, "invalid_token");
        assert_eq!(client.refresh(&caller.refresh_token).await.body::<Value>(400)["error"], "invalid_grant");
    }
    assert_eq!(socket.closed().await, 4401);
    assert_eq!(bystander.get("/api/v1/me").await.status, 200, "it was another session");

    let rows = "SELECT CAST(subject_id AS text) || ' ' || CAST(object_id AS text) AS value FROM audit_events \
                WHERE kind = 'refresh.reused'";
    let expected = format!("{} {}", bystander.user_id().await, first.session_id);
    assert_eq!(installation.database().texts(rows), [Some(expected)], "once, and whose it was");
}

async fn a_token_goes_on_for_as_long_as_it_is_the_newest(backend: Backend) {
    let server = Installation::new(backend).start().await;
    let client = server.client();
    let mut caller = client.newcomer("ada").await;
    for _ in 0..10 {
        caller = client.refreshed(&client.refresh(&caller.refresh_token).await);
        assert_eq!(caller.get("/api/v1/me").await.status, 200);
    }
    for unknown in ["", "x", &"A".repeat(43), &"\u{fc}".repeat(43)] {
        assert_eq!(client.refresh(unknown).await.status, 400, "{unknown}");
    }
    assert_eq!(caller.get("/api/v1/me").await.status, 200, "a guess costs nobody a session");
}
