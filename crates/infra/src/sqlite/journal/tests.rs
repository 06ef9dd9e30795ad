//! What the contract suite cannot see: how the statements run, and states that only an accident leaves behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::Text;
use domain::chat::{
    ContextBudget, ConversationChoice, Fingerprint, FinishedTurn, IdempotencyClaim, IdempotencyKey, NewTurn, Settlement,
};
use domain::conversation::{Answer, Failure, Metadata, Question, TimeToLive, TurnState, Usage};
use domain::id::{ConversationId, ReplicaId, SessionId, TurnId, UserId};
use tempfile::TempDir;
use uuid::Uuid;

use super::accept::{Refusal, Verdict, accept};
use super::finish::finish;
use crate::sql::Connect;
use crate::sql::rows::FinishedRow;
use crate::sqlite::connection::{Access, ConnectionOptions};
use crate::sqlite::migrations;
use crate::sqlite::statement::Statement;

const USER: Uuid = Uuid::from_u128(1);
const SESSION: Uuid = Uuid::from_u128(2);
const REPLICA: Uuid = Uuid::from_u128(3);

fn store() -> (TempDir, SqliteConnection) {
    let directory = tempfile::tempdir().unwrap();
    let options = ConnectionOptions { path: directory.path().join("c.db"), access: Access::Write };
    let mut connection = SqliteConnection::connect(&options).unwrap();
    migrations::apply(&mut connection).unwrap();
    let rows = format!(
        "INSERT INTO users (id, username, hashed_password, email, account_created) VALUES ('{USER}', 'a', '', 'a', 0);
         INSERT INTO sessions (id, user_id, created_at, expires_at, last_seen_at, idle_seconds, authenticated_at)
         VALUES ('{SESSION}', '{USER}', 0, 0, 0, 0, 0)"
    );
    connection.batch_execute(&rows).unwrap();
    (directory, connection)
}

/// A question in the session's conversation, or else in a new one.
fn turn(id: u128) -> NewTurn {
    NewTurn {
        id: TurnId::from_uuid(Uuid::from_u128(id)),
        user_id: UserId::from_uuid(USER),
        session_id: Some(SessionId::from_uuid(SESSION)),
        conversation: ConversationChoice::Current { or_new: ConversationId::from_uuid(Uuid::from_u128(id + 1_000)) },
        question: Question::try_from("What now?".to_owned()).unwrap(),
        model: None,
        metadata: Metadata::default(),
        replica: ReplicaId::from_uuid(REPLICA),
        entry_time: chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        default_ttl: TimeToLive::try_from(86_400).unwrap(),
        budget: ContextBudget { max_turns: 7, max_tokens: 1_000 },
        idempotency: None,
    }
}

fn claim(fingerprint: u8) -> IdempotencyClaim {
    IdempotencyClaim {
        key: IdempotencyKey::try_from("k".to_owned()).unwrap(),
        fingerprint: Fingerprint([fingerprint; 32]),
    }
}

fn ended(turn: &NewTurn, state: TurnState) -> FinishedRow {
    let ended = FinishedTurn { id: turn.id, replica: turn.replica, state, model: None, completed_at: turn.entry_time };
    FinishedRow::try_from(ended).unwrap()
}

fn completed(turn: &NewTurn) -> FinishedRow {
    let usage = Usage { input_tokens: 3, output_tokens: 2 };
    let answer = Answer { response: "This.".to_owned(), parts: None, image_url: None, usage };
    ended(turn, TurnState::Completed(answer))
}

fn is_accepted(connection: &mut SqliteConnection, turn: &NewTurn) -> bool {
    matches!(accept(connection, turn).unwrap(), Verdict::Accepted(accepted) if accepted.id == turn.id)
}

/// The single text that a query returns.
fn text(connection: &mut SqliteConnection, sql: &'static str) -> String {
    Statement::<Text, 0>::new(sql, []).get_result(connection).unwrap()
}

/// A statement that diesel does not keep, such as its own `INSERT`, would be run without having been kept.
#[test]
fn every_statement_of_a_turn_is_prepared_once() {
    let (_directory, mut connection) = store();
    let (kept, run) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (kept.clone(), run.clone());
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| match event {
        InstrumentationEvent::CacheQuery { .. } => drop(counts.0.fetch_add(1, Ordering::Relaxed)),
        InstrumentationEvent::StartQuery { .. } => drop(counts.1.fetch_add(1, Ordering::Relaxed)),
        _ => {}
    });
    let mut turn = |id| {
        let turn = turn(id);
        assert!(is_accepted(&mut connection, &turn));
        assert_eq!(finish(&mut connection, &completed(&turn)).unwrap(), Settlement::Stored);
        (run.swap(0, Ordering::Relaxed), kept.swap(0, Ordering::Relaxed))
    };
    assert_eq!(turn(10), (10, 10), "the first makes its conversation, and its session follows it");
    assert_eq!(turn(11), (7, 0), "find, insert, extend, context; finish, count, clear");
}

#[test]
fn a_turn_that_runs_is_accepted_again_wherever_its_session_has_gone() {
    let (_directory, mut connection) = store();
    assert!(is_accepted(&mut connection, &turn(10)));
    assert!(is_accepted(&mut connection, &turn(10)), "in the same conversation");
    let elsewhere = "INSERT INTO conversations (id, user_id, created_at, updated_at, expiry_timestamp) \
         SELECT '00000000-0000-0000-0000-000000000009', user_id, created_at, updated_at + 1, expiry_timestamp \
         FROM conversations; UPDATE sessions SET conversation_id = '00000000-0000-0000-0000-000000000009'";
    connection.batch_execute(elsewhere).unwrap();
    assert!(is_accepted(&mut connection, &turn(10)), "from another conversation");
    connection.batch_execute("UPDATE conversations SET archived = TRUE").unwrap();
    assert!(is_accepted(&mut connection, &turn(10)), "from none");
    assert_eq!(text(&mut connection, "SELECT CAST(count(*) AS TEXT) FROM turns"), "1");
}

#[test]
fn the_key_of_a_failed_turn_is_free() {
    let (_directory, mut connection) = store();
    let mut failing = turn(10);
    failing.idempotency = Some(claim(1));
    assert!(is_accepted(&mut connection, &failing));
    finish(&mut connection, &ended(&failing, TurnState::Failed(Failure::EngineError))).unwrap();
    let left_behind = "INSERT INTO idempotency_keys SELECT user_id, 'k', zeroblob(32), id, entry_time FROM turns";
    connection.batch_execute(left_behind).unwrap();
    let mut again = turn(11);
    again.idempotency = Some(claim(1));
    assert!(is_accepted(&mut connection, &again));
    let mut another = turn(12);
    another.idempotency = Some(claim(2));
    let verdict = accept(&mut connection, &another).unwrap();
    assert!(matches!(verdict, Verdict::Refused(Refusal::KeyReused)), "the new turn has the key now");
}
