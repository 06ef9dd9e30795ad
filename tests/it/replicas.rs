//! Several servers: on one PostgreSQL as many as one likes, on one SQLite file one.

use crate::support::client::PASSWORD;
use crate::support::database::Backend;
use crate::support::installation::Installation;

#[tokio::test]
async fn replicas_on_one_postgres_are_one_server() {
    let installation = Installation::new(Backend::Postgres);
    let (one, other) = (installation.start().await, installation.start().await);
    let ada = one.client().newcomer("ada").await;
    let told = ada.ask("My name is Ada.").await;
    let answer = ada.at(&other).ask("What is my name?").await;
    assert_eq!((answer.response.as_str(), answer.conversation_id), ("Your name is Ada.", told.conversation_id));
}

#[tokio::test]
async fn a_second_server_on_one_sqlite_file_is_refused() {
    let installation = Installation::new(Backend::Sqlite);
    let server = installation.start().await;
    let refused = installation.run(&["serve"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("error: another Colloquy server is using /"), "{}", refused.err);
    assert!(refused.err.contains("next: "), "{}", refused.err);
    assert_eq!(refused.out, "", "it never said that it listens");

    assert_eq!(server.client().get("/readyz").await.status, 200, "the first goes on");
    server.kill().await;
    installation.start().await;
}

#[tokio::test]
async fn commands_work_beside_a_server_on_sqlite() {
    let installation = Installation::new(Backend::Sqlite);
    let server = installation.start().await;
    server.client().sign_up("ada").await;
    let create = ["user", "create", "bob", "--email", "bob@example.org", "--password-stdin"];
    let created = installation.run_with(&create, PASSWORD).await;
    assert_eq!(created.code, Some(0), "{created:?}");
    let listed = installation.run(&["user", "list"]).await;
    assert!(listed.out.contains("ada@example.org") && listed.out.contains("bob@example.org"), "{listed:?}");
    assert_eq!(installation.run(&["doctor"]).await.code, Some(0));

    let bob = server.client().log_in("bob").await;
    assert_eq!(bob.ask("My name is Bob.").await.response, "Nice to meet you, Bob.");
}
