//! Unknown, wrong and disabled logins cannot be told apart. (That each of them costs one hash is held by the use case's
//! tests; how long they take is not a matter of a test.)

use crate::support::client::PASSWORD;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::reply::Reply;

#[tokio::test]
async fn unknown_wrong_and_disabled_logins_give_the_same_bytes() {
    let installation = Installation::new(Backend::Sqlite);
    let server = installation.start().await;
    let client = server.client();
    for name in ["ada", "bob"] {
        client.sign_up(name).await;
    }
    installation.run(&["user", "disable", "bob"]).await.printed();

    let mut told = Vec::new();
    for _ in 0..5 {
        for (name, password) in [("nobody", PASSWORD), ("ada", "incorrect horse"), ("bob", PASSWORD), ("no name!", "x")]
        {
            told.push(without_request_id(&client.try_log_in(name, password).await));
        }
    }
    assert!(told[0].contains("invalid_grant"), "{}", told[0]);
    assert!(told.iter().all(|text| *text == told[0]), "{told:?}");
}

fn without_request_id(reply: &Reply) -> String {
    let mut headers: Vec<String> = reply.headers.keys().map(ToString::to_string).collect();
    headers.sort();
    format!("{} {headers:?} {}", reply.status, reply.text.replace(reply.header("x-request-id").unwrap(), ""))
}
