//! Replicas that end turns of the same users at once add to the same rows: nothing is lost, and none waits for another
//! that waits for it (PostgreSQL).

use domain::audit::{AuditKind, NewAuditEvent, Origin};
use domain::chat::{ContextBudget, ConversationChoice, FinishedTurn, NewTurn, Settlement};
use domain::clock::Clock as _;
use domain::conversation::{Answer, Metadata, Question, TimeToLive, TurnState, Usage};
use domain::id::{AuditEventId, ConversationId, IdGenerator as _, ReplicaId, TurnId, UserId};
use domain::user::{HashedPassword, NewUser, Role};
use futures_util::future::join_all;
use infra::clock::SystemClock;
use infra::ids::UuidV7;
use infra::store::{Opener, Store, open};

use crate::support::database::{Backend, Database};
use crate::support::waiting::eventually;

const USERS: usize = 24;
const ROUNDS: usize = 3;
/// Of each user on each replica.
const TURNS_AT_ONCE: usize = 40;

async fn sign_up(store: &Store) -> UserId {
    let id = UserId::generate(&UuidV7);
    let name = format!("u{}", id.as_uuid().simple());
    let account = NewUser {
        id,
        username: name.clone().try_into().unwrap(),
        email: format!("{name}@example.org").try_into().unwrap(),
        hashed_password: HashedPassword::new("none"),
        role: Role::User,
        account_created: SystemClock.now(),
    };
    let created = NewAuditEvent {
        id: AuditEventId::generate(&UuidV7),
        at: SystemClock.now(),
        kind: AuditKind::UserCreated,
        origin: Origin::command_line(),
        subject: Some(id),
        object: None,
        detail: None,
    };
    store.users.create(account, created).await.unwrap();
    id
}

/// A turn of that user's that runs in a conversation of its own, and how it will end.
async fn running(store: &Store, replica: ReplicaId, user_id: UserId) -> FinishedTurn {
    let now = SystemClock.now();
    let conversation = domain::conversation::NewConversation {
        id: ConversationId::generate(&UuidV7),
        user_id,
        title: None,
        model: None,
        system: None,
        metadata: Metadata::default(),
        ttl: None,
        created_at: now,
        expiry_timestamp: TimeToLive::try_from(3600).unwrap().after(now),
    };
    store.conversations.create(conversation.clone()).await.unwrap();
    let id = TurnId::generate(&UuidV7);
    let question = NewTurn {
        id,
        user_id,
        session_id: None,
        conversation: ConversationChoice::Existing(conversation.id),
        question: Question::try_from("And more?".to_owned()).unwrap(),
        model: None,
        metadata: Metadata::default(),
        replica,
        entry_time: now,
        default_ttl: TimeToLive::try_from(3600).unwrap(),
        budget: ContextBudget { max_turns: 1, max_tokens: 1_000 },
        idempotency: None,
    };
    store.journal.accept(question).await.unwrap();
    let usage = Usage { input_tokens: 2, output_tokens: 1 };
    let state = TurnState::Completed(Answer { response: "Yes.".to_owned(), usage, ..Answer::default() });
    FinishedTurn { id, replica, state, model: None, completed_at: now }
}

#[tokio::test]
async fn turns_that_end_on_two_replicas_are_counted_and_no_statement_is_given_up() {
    let database = Database::migrated(Backend::Postgres);
    let replicas = [(), ()].map(|()| {
        let store = open(database.settings(), Opener::Server).unwrap();
        (store, ReplicaId::from_uuid(UuidV7.next()))
    });
    let users = join_all((0..USERS).map(async |_| sign_up(&replicas[0].0).await)).await;
    let day = SystemClock.now().date_naive();
    for _ in 0..ROUNDS {
        let mut ends = Vec::new();
        for (store, replica) in &replicas {
            // The users come in turns, so that a batch has many of them.
            for _ in 0..TURNS_AT_ONCE {
                let some = join_all(users.iter().map(async |user| running(store, *replica, *user).await)).await;
                ends.extend(some.into_iter().map(|end| (store, end)));
            }
        }
        let settled =
            join_all(ends.into_iter().map(async |(store, end)| store.journal.finish(end).await.unwrap())).await;
        assert!(settled.iter().all(|settlement| *settlement == Settlement::Stored));
    }
    let turns = u64::try_from(ROUNDS * TURNS_AT_ONCE * replicas.len()).unwrap();
    for user in users {
        // They may have ended around midnight.
        let mut tokens = 0;
        for day in [day, day.succ_opt().unwrap()] {
            tokens += replicas[0].0.usage.tokens_on(user, day).await.unwrap();
        }
        assert_eq!(tokens, 3 * turns);
    }

    drop(replicas);
    // A connection tells what it did when it is closed, at the latest.
    let others = "SELECT CAST(count(*) AS text) AS value FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let are_closed = async || (database.texts(others) == [Some("0".to_owned())]).then_some(());
    eventually("the connections are closed", are_closed).await;
    let given_up =
        "SELECT CAST(xact_rollback AS text) AS value FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(database.texts(given_up), [Some("0".to_owned())]);
}
