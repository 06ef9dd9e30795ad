//! Serialization failures and deadlocks (R28): they are tried again, not for ever, and nothing is stored twice.
//!
//! That a panicking handler costs one request is shown by `a_panic_costs_one_request` and
//! `a_panic_does_not_cost_the_connection` in the tests of `api`, for one has to be planted there.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::support::client::{Caller, Question};
use crate::support::database::{Backend, Database};
use crate::support::installation::{Installation, Server};

/// The most times that anything is tried: once, and three times again.
const MOST_TRIES: u64 = 4;

struct Scene {
    installation: Installation,
    server: Server,
    ada: Caller,
}

/// A store in which the next changes of one kind fail, as if others had been in the way.
///
/// A sequence counts them, for it is not undone with the transaction that took from it.
async fn failing(times: u64, change: &str, table: &str, code: &str, message: &str) -> Scene {
    let installation = Installation::new(Backend::Postgres);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    ada.ask("My name is Ada.").await;
    let mut connection = PgConnection::establish(installation.database().url()).unwrap();
    let plant = format!(
        "CREATE SEQUENCE tries;
         CREATE FUNCTION get_in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('tries') <= {times} THEN RAISE EXCEPTION '{message}' USING ERRCODE = '{code}'; END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER in_the_way BEFORE {change} ON {table} FOR EACH ROW EXECUTE FUNCTION get_in_the_way()"
    );
    connection.batch_execute(&plant).unwrap();
    Scene { installation, server, ada }
}

fn tries(database: &Database) -> u64 {
    database.texts("SELECT last_value::text AS value FROM tries")[0].as_deref().unwrap().parse().unwrap()
}

const CONTENTIONS: [(&str, &str); 2] =
    [("40001", "could not serialize access due to concurrent update"), ("40P01", "deadlock detected")];

#[tokio::test]
async fn r28_contention_that_passes_is_not_noticed() {
    for (code, message) in CONTENTIONS {
        for change in ["INSERT", "UPDATE"] {
            let Scene { installation, ada, server: _server } = failing(2, change, "turns", code, message).await;
            let answer = ada.ask(Question::from("What is my name?").with_key("k")).await;
            assert_eq!(answer.response, "Your name is Ada.");
            assert_eq!(tries(installation.database()), 3, "{change} fails twice with {code}");
            let statuses: Vec<_> =
                ada.turns(answer.conversation_id).await.into_iter().map(|turn| turn.status).collect();
            assert_eq!(statuses, ["completed", "completed"]);
        }
    }
}

#[tokio::test]
async fn r28_contention_that_stays_is_a_refusal_and_nothing_is_stored() {
    for (code, message) in CONTENTIONS {
        let Scene { installation, ada, server } = failing(1_000_000, "INSERT", "turns", code, message).await;
        let question = Question::from("What is my name?").with_key("k");
        let refused = ada.send(question.clone()).await;
        refused.problem(503, "store_unavailable");
        assert!(refused.header("retry-after").is_some(), "{refused:?}");
        let tries = tries(installation.database());
        assert!(tries <= MOST_TRIES, "it was tried {tries} times");
        assert_eq!(server.client().get("/readyz").await.status, 200);

        let mut connection = PgConnection::establish(installation.database().url()).unwrap();
        connection.batch_execute("DROP TRIGGER in_the_way ON turns").unwrap();
        let answer = ada.ask(question).await;
        assert_eq!(answer.response, "Your name is Ada.");
        assert_eq!(ada.turns(answer.conversation_id).await.len(), 2, "the refused attempt left nothing");
    }
}

#[tokio::test]
async fn r28_contention_outside_of_turns_is_not_noticed_either() {
    for (code, message) in CONTENTIONS {
        let Scene { installation, ada, server: _server } = failing(2, "INSERT", "conversations", code, message).await;
        let before = ada.conversations().await.len();
        ada.new_conversation().await;
        assert_eq!(tries(installation.database()), 3, "it fails twice with {code}");
        assert_eq!(ada.conversations().await.len(), before + 1);
    }
}
