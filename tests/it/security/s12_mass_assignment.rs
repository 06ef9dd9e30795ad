//! What a client may not set it cannot set by naming it.

use serde_json::{Value, json};

use crate::support::client::{PASSWORD, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(fields_that_are_not_a_clients_are_refused_and_change_nothing);

async fn fields_that_are_not_a_clients_are_refused_and_change_nothing(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let users = || {
        let columns = "username || role || email || hashed_password || CAST(is_active AS text)";
        installation.database().texts(&format!("SELECT {columns} AS value FROM users"))
    };
    let before = users();
    let hidden: [(&str, Value); 8] = [
        ("role", json!("admin")),
        ("is_active", json!(true)),
        ("hashed_password", json!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$AAAA")),
        ("id", json!("01890f5e-6c1f-7cc2-98c4-dc0c0c07398f")),
        ("account_created", json!("2020-01-01T00:00:00Z")),
        ("last_login", json!(null)),
        ("session_id", json!("01890f5e-6c1f-7cc2-98c4-dc0c0c07398f")),
        ("scopes", json!(["users:write"])),
    ];
    for (field, value) in hidden {
        let mut account = json!({"username": "eve", "email": "eve@example.org", "password": PASSWORD});
        account[field] = value.clone();
        let refused = sent(server.client().request(reqwest::Method::POST, "/api/v1/users").json(&account)).await;
        assert_eq!(refused.problem(422, "validation_failed").errors[0].pointer, format!("/{field}"));
        let refused = ada.patch("/api/v1/me", &json!({"email": "new@example.org", field: value})).await;
        assert_eq!(refused.problem(422, "validation_failed").errors[0].pointer, format!("/{field}"));
    }
    assert_eq!(users(), before);
}
