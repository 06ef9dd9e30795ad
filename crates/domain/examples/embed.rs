//! A service that uses Colloquy's domain with a store and an engine of its own: `cargo run -p domain --example embed`
use chrono::{DateTime, SubsecRound, Utc};
use domain::chat::{self, AcceptError, Acceptance, AcceptedTurn, ChatPolicy, ConversationChoice, PastTurn, Settlement};
use domain::{Unexpected, access, clock::Clock, conversation::TurnState, id, user::Role};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::{ContextV7, Timestamp, Uuid};

/// A store for one conversation that may end with its process: questions, and how each turn ended once it has.
struct Journal(Mutex<Vec<(chat::NewTurn, Option<TurnState>)>>);

#[async_trait::async_trait]
impl chat::TurnJournal for Journal {
    async fn accept(&self, turn: chat::NewTurn) -> Result<Acceptance, AcceptError> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((running, None)) = turns.last() {
            return Err(AcceptError::ConversationBusy { running: running.id });
        }
        let past = |(turn, end): &(chat::NewTurn, Option<TurnState>)| {
            let (question, answer) = (turn.question.as_str().to_owned(), end.as_ref()?.answer()?.clone());
            let tokens = turn.question.estimated_tokens() + answer.usage.output_tokens;
            let expiry_timestamp = turn.default_ttl.after(turn.entry_time);
            Some(PastTurn { question, response: answer.response, tokens, expiry_timestamp })
        };
        let (ConversationChoice::Existing(id) | ConversationChoice::Current { or_new: id }) = turn.conversation;
        let accepted = AcceptedTurn {
            id: turn.id,
            conversation_id: id,
            seq: i64::try_from(turns.len() + 1).map_err(Unexpected::new)?,
            parent_turn_id: turns.last().map(|(last, _)| last.id),
            expiry_timestamp: turn.default_ttl.after(turn.entry_time),
            conversation_model: None,
            system: None,
            context: turns.iter().rev().filter_map(past).take(turn.budget.max_turns.into()).collect(),
        };
        turns.push((turn, None));
        Ok(Acceptance::Accepted(accepted))
    }

    async fn finish(&self, finished: chat::FinishedTurn) -> Result<Settlement, Unexpected> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let running = turns.last_mut().filter(|(turn, end)| turn.id == finished.id && end.is_none());
        let stored = running.map(|(_, end)| *end = Some(finished.state));
        Ok(if stored.is_some() { Settlement::Stored } else { Settlement::Lost })
    }
}

/// An engine that knows nothing but what was said before.
struct Echo;

#[async_trait::async_trait]
impl chat::ChatEngine for Echo {
    fn models(&self) -> Vec<chat::OfferedModel> {
        let name = String::from("echo").try_into();
        name.map(|name| chat::OfferedModel { name, provider: "embed".to_owned() }).into_iter().collect()
    }

    async fn answer(&self, request: chat::EngineRequest) -> Result<chat::EngineStream, chat::EngineError> {
        let before: Vec<&str> = request.context.iter().map(|past| past.question.as_str()).collect();
        let text = format!("You say {:?}. Before, you said {before:?}.", request.question);
        let events = [chat::EngineEvent::Text(text), chat::EngineEvent::Finish(chat::FinishReason::Stop)];
        Ok(Box::pin(futures_util::stream::iter(events.map(Ok))))
    }
}

struct Machine(Mutex<ContextV7>);

impl Clock for Machine {
    #[expect(clippy::disallowed_methods, reason = "time, as the host gives it: the domain has it from this port only")]
    fn now(&self) -> DateTime<Utc> {
        DateTime::<Utc>::from(std::time::SystemTime::now()).trunc_subsecs(6)
    }
}

impl id::IdGenerator for Machine {
    fn next(&self) -> Uuid {
        Uuid::new_v7(Timestamp::now(&self.0))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let host = Arc::new(Machine(Mutex::new(ContextV7::new())));
    let runner = chat::InlineRunner::new(Arc::new(Journal(Mutex::default())), Arc::new(Echo), host.clone());
    let budget = chat::ContextBudget { max_turns: 20, max_tokens: 2_000 };
    let policy = ChatPolicy { replica: id::ReplicaId::generate(&*host), budget, default_ttl: 3_600_u64.try_into()? };
    let service = chat::ChatService::new(Arc::new(runner), Arc::new(Echo), host.clone(), host.clone(), policy);
    let (user_id, conversation) = (id::UserId::generate(&*host), Some(id::ConversationId::generate(&*host)));
    let credential = access::Credential::Session { id: id::SessionId::generate(&*host), is_fresh: false };
    let ada = access::Principal { user_id, username: String::from("ada").try_into()?, role: Role::User, credential };
    for question in ["My name is Ada.", "Who am I?"].map(String::from) {
        let ask = chat::Ask { conversation, ..chat::Ask::new(question.try_into()?) };
        writeln!(std::io::stdout(), "{}", service.ask(&ada, ask).await?.turn.state.response().unwrap_or_default())?;
    }
    Ok(())
}
