//! Idle connections that PostgreSQL has closed (reliability R2): no client hears of it.

use crate::support::database::Backend;
use crate::support::installation::Installation;

const CLOSE_ALL: &str = "SELECT count(pg_terminate_backend(pid, 5000))::text AS value FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test]
async fn r2_closing_all_idle_connections_is_not_noticed() {
    let installation = Installation::new(Backend::Postgres);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    ada.ask("My name is Ada.").await;
    let client = server.client();
    let paths = ["/readyz", "/api/v1/conversations", "/readyz", "/api/v1/conversations"];
    for round in 0..5 {
        // Several at once, so that several connections are open.
        let opened = paths.map(|path| ada.get(path));
        futures_util::future::join_all(opened).await;
        let closed = installation.database().texts(CLOSE_ALL);
        assert!(closed[0].as_deref().is_some_and(|count| count.parse::<u32>().unwrap() >= 3), "{closed:?}");

        assert_eq!(client.get("/readyz").await.status, 200, "in round {round}");
        assert_eq!(ada.ask("What is my name?").await.response, "Your name is Ada.");
        assert_eq!(ada.conversations().await.len(), 1);
    }
}
