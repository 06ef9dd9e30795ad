//! A session ends when nobody uses it, and at the latest when its time is over; an administrator's sooner.

use serde_json::Value;

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(a_session_that_nobody_uses_ends, a_session_has_an_end, using_a_session_keeps_it);

const DAY: u64 = 24 * 60 * 60;

async fn a_session_that_nobody_uses_ends(backend: Backend) {
    ends(backend, "last_seen_at", DAY - 60, DAY + 60, 30 * 60 - 60, 30 * 60 + 60).await;
}

async fn a_session_has_an_end(backend: Backend) {
    ends(backend, "expires_at", 30 * DAY - 60, 30 * DAY + 60, DAY / 2 - 60, DAY / 2 + 60).await;
}

/// Both kinds of session live and die when their column is so many seconds older.
async fn ends(
    backend: Backend,
    column: &str,
    user_lives: u64,
    user_is_over: u64,
    admin_lives: u64,
    admin_is_over: u64,
) {
    let installation = Installation::new(backend).set("auth.session_cache_ms", 0);
    installation.make_admin("root").await;
    let server = installation.start().await;
    let client = server.client();
    client.sign_up("ada").await;
    for (name, age, lives) in [
        ("ada", user_lives, true),
        ("ada", user_is_over, false),
        ("root", admin_lives, true),
        ("root", admin_is_over, false),
    ] {
        let caller = client.log_in(name).await;
        let browser = client.log_in_browser(name).await;
        installation.database().age_sessions(column, age);
        let expected = if lives { 200 } else { 401 };
        if !lives {
            assert_eq!(client.refresh(&caller.refresh_token).await.body::<Value>(400)["error"], "invalid_grant");
            assert!(caller.web_socket().await.is_err());
        }
        assert_eq!(caller.get("/api/v1/me").await.status, expected, "{name} after {age} s");
        assert_eq!(browser.send(reqwest::Method::GET, "/api/v1/me").await.status, expected, "{name} after {age} s");
        if lives {
            assert_eq!(client.refresh(&caller.refresh_token).await.status, 200);
        }
        installation.database().execute("DELETE FROM sessions");
    }
}

async fn using_a_session_keeps_it(backend: Backend) {
    let installation = Installation::new(backend).set("auth.session_cache_ms", 0);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    for _ in 0..3 {
        installation.database().age_sessions("last_seen_at", DAY - 60);
        assert_eq!(ada.get("/api/v1/me").await.status, 200, "it was used within a day");
    }
}
