//! What a stolen session must not do needs the password, given within five minutes.

use serde_json::json;

use crate::support::client::PASSWORD;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(sensitive_changes_need_a_recent_password);

async fn sensitive_changes_need_a_recent_password(backend: Backend) {
    // Whether a session is fresh is believed for a moment, like all that is known of it.
    let installation = Installation::new(backend).set("auth.session_cache_ms", 0);
    installation.make_admin("root").await;
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let root = server.client().log_in("root").await;
    let of_ada = format!("/api/v1/admin/users/{}", ada.user_id().await);
    let sensitive = async || {
        [
            ada.patch("/api/v1/me", &json!({"email": "new@example.org"})).await,
            ada.post("/api/v1/me/api-keys", &json!({"name": "k", "scopes": ["usage:read"]})).await,
            root.patch(&of_ada, &json!({"role": "admin"})).await,
            root.patch(&of_ada, &json!({"is_active": false})).await,
            root.patch(&of_ada, &json!({"password": "an entirely different horse"})).await,
        ]
    };
    let before = installation.database().row_counts();
    installation.database().age_sessions("authenticated_at", 301);
    for reply in sensitive().await {
        reply.problem(403, "reauth_required");
    }
    assert_eq!(installation.database().row_counts(), before);
    let made = json!({"username": "eve", "email": "eve@example.org", "password": PASSWORD, "role": "admin"});
    root.post("/api/v1/admin/users", &made).await.problem(403, "reauth_required");

    for caller in [&ada, &root] {
        caller.post("/api/v1/me/reauth", &json!({"password": "wrong horse"})).await.problem(403, "wrong_password");
        caller.get("/api/v1/me").await.json();
        assert_eq!(caller.post("/api/v1/me/reauth", &json!({"password": PASSWORD})).await.status, 204);
    }
    assert_eq!(ada.patch("/api/v1/me", &json!({"email": "new@example.org"})).await.json()["email"], "new@example.org");
    ada.new_key(&["usage:read"]).await;
    assert_eq!(root.patch(&of_ada, &json!({"role": "admin"})).await.status, 204);

    installation.database().age_sessions("authenticated_at", 290);
    assert_eq!(root.patch(&of_ada, &json!({"role": "user"})).await.status, 204, "five minutes are five minutes");
}
