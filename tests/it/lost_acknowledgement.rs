//! A commit whose acknowledgement is lost (reliability R4): nobody may take it for a failure.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::Unexpected;
use domain::audit::{AuditKind, AuditTrail, Origin};
use domain::chat::{AcceptError, Acceptance, ContextBudget, ConversationChoice, FinishedTurn, NewTurn, Settlement};
use domain::clock::Clock as _;
use domain::conversation::{Answer, Failure, Metadata, Question, TimeToLive, TurnState, Usage};
use domain::id::{ConversationId, IdGenerator as _, ReplicaId, TurnId, UserId};
use domain::user::{HashedPassword, NewUser, Role};
use infra::clock::SystemClock;
use infra::ids::UuidV7;
use infra::store::{Opener, Store, StoreSettings, open};

use crate::support::database::{Backend, Database};
use crate::support::proxy::Proxy;

struct Scene {
    proxy: Proxy,
    store: Store,
    user: UserId,
    replica: ReplicaId,
    _database: Database,
}

impl Scene {
    async fn set() -> Self {
        let database = Database::migrated(Backend::Postgres);
        let server = address(database.url());
        let proxy = Proxy::start(server);
        let StoreSettings::Postgres(mut settings) = database.settings().clone() else { panic!() };
        settings.url = database.url().replace(&server.to_string(), &proxy.address().to_string()).into();
        settings.acquire_timeout = Duration::from_secs(2);
        let store = open(&StoreSettings::Postgres(settings), Opener::Server).unwrap();
        let user = UserId::generate(&UuidV7);
        let account = NewUser {
            id: user,
            username: "ada".to_owned().try_into().unwrap(),
            email: "ada@example.org".to_owned().try_into().unwrap(),
            hashed_password: HashedPassword::new("none"),
            role: Role::User,
            account_created: SystemClock.now(),
        };
        let ids = Arc::new(UuidV7);
        let trail = AuditTrail::new(store.audit.clone(), Arc::new(SystemClock), ids);
        let made = trail.event(AuditKind::UserCreated, &Origin::command_line());
        store.users.create(account, made).await.unwrap();
        Self { proxy, store, user, replica: ReplicaId::from_uuid(UuidV7.next()), _database: database }
    }

    fn question(&self) -> NewTurn {
        NewTurn {
            id: TurnId::generate(&UuidV7),
            user_id: self.user,
            session_id: None,
            conversation: ConversationChoice::Current { or_new: ConversationId::generate(&UuidV7) },
            question: Question::try_from("Is anybody there?".to_owned()).unwrap(),
            model: None,
            metadata: Metadata::default(),
            replica: self.replica,
            entry_time: SystemClock.now(),
            default_ttl: TimeToLive::try_from(3600).unwrap(),
            budget: ContextBudget { max_turns: 7, max_tokens: 1_000 },
            idempotency: None,
        }
    }

    fn answered(&self, question: &NewTurn) -> FinishedTurn {
        let usage = Usage { input_tokens: 30, output_tokens: 4 };
        let state = TurnState::Completed(Answer { response: "Yes.".to_owned(), usage, ..Answer::default() });
        FinishedTurn { state, ..self.failed(question) }
    }

    fn failed(&self, question: &NewTurn) -> FinishedTurn {
        FinishedTurn {
            id: question.id,
            replica: self.replica,
            state: TurnState::Failed(Failure::EngineUnavailable),
            model: None,
            completed_at: SystemClock.now(),
        }
    }
}

fn address(url: &str) -> SocketAddr {
    url.split_once('@').unwrap().1.split_once('/').unwrap().0.parse().unwrap()
}

/// What comes of a call once the store can be reached again; within ten seconds.
async fn settled<T, E, F>(call: impl Fn() -> F, is_away: impl Fn(&E) -> bool) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let tries = async {
        loop {
            match call().await {
                Err(error) if is_away(&error) => tokio::task::yield_now().await,
                outcome => return outcome,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), tries).await.expect("the store is within reach again")
}

#[tokio::test]
async fn an_acceptance_that_was_not_acknowledged_is_undecided_and_can_be_settled() {
    let scene = Scene::set().await;
    // The writer has its connection, and the conversation is there.
    let first = scene.question();
    assert!(matches!(scene.store.journal.accept(first.clone()).await, Ok(Acceptance::Accepted(_))));
    assert_eq!(scene.store.journal.finish(scene.failed(&first)).await.unwrap(), Settlement::Stored);

    let question = scene.question();
    scene.proxy.lose_the_next_answer();
    let undecided = scene.store.journal.accept(question.clone()).await;
    assert!(scene.proxy.has_lost_an_answer());
    assert!(matches!(undecided, Err(AcceptError::Undecided(_))), "{undecided:?}");

    scene.proxy.heal();
    let again = settled(
        || scene.store.journal.accept(question.clone()),
        |error| matches!(error, AcceptError::Unexpected(error) if error.is_unavailable()),
    );
    let again = again.await;
    let Ok(Acceptance::Accepted(accepted)) = again else { panic!("{again:?}") };
    assert_eq!((accepted.id, accepted.seq), (question.id, 2), "it had been stored, once");
    assert_eq!(scene.store.journal.finish(scene.failed(&question)).await.unwrap(), Settlement::Stored);
}

#[tokio::test]
async fn an_end_that_was_not_acknowledged_is_stored_once_it_is_offered_again() {
    let scene = Scene::set().await;
    for _ in 0..2 {
        let question = scene.question();
        assert!(matches!(scene.store.journal.accept(question.clone()).await, Ok(Acceptance::Accepted(_))));
        let end = scene.answered(&question);
        let day = end.completed_at.date_naive();
        let counted = async || scene.store.usage.tokens_on(scene.user, day).await.unwrap();
        let before =
            settled(|| scene.store.usage.tokens_on(scene.user, day), Unexpected::is_unavailable).await.unwrap();
        scene.proxy.lose_the_next_answer();
        // The first time the writer has no connection yet, and what is lost is the answer to its greeting.
        assert!(scene.store.journal.finish(end.clone()).await.unwrap_err().is_unavailable());
        scene.proxy.heal();
        let again = settled(|| scene.store.journal.finish(end.clone()), Unexpected::is_unavailable).await;
        assert_eq!(again.unwrap(), Settlement::Stored);
        assert_eq!(counted().await, before + 34, "and is counted once");
    }
}
