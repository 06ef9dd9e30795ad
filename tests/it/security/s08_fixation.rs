//! Session ids, and what stands for them, never come from the client.

use reqwest::Method;

use crate::support::client::{PASSWORD, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;

#[tokio::test]
async fn a_cookie_that_was_set_before_the_login_is_worth_nothing_after_it() {
    let server = Installation::new(Backend::Sqlite).start().await;
    let client = server.client();
    client.sign_up("ada").await;
    let fixed = "sessid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let login = client.form_request("/login", &[("username", "ada"), ("password", PASSWORD)]);
    let reply = sent(login.header("Cookie", fixed).header("Sec-Fetch-Site", "same-origin")).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    let given = reply.header("set-cookie").unwrap();
    assert!(!given.contains(fixed), "{given}");

    let me = async |cookie: &str| sent(client.request(Method::GET, "/api/v1/me").header("Cookie", cookie)).await;
    me(fixed).await.problem(401, "invalid_token");
    assert_eq!(me(given.split(';').next().unwrap()).await.status, 200);
}

#[tokio::test]
async fn every_login_has_a_session_of_its_own() {
    let server = Installation::new(Backend::Sqlite).start().await;
    let one = server.client().newcomer("ada").await;
    let form = [("username", "ada"), ("password", PASSWORD), ("session_id", &one.session_id.to_string())];
    let other = server.client().form("/token", &form).await;
    assert_ne!(server.client().refreshed(&other).session_id, one.session_id);
}
