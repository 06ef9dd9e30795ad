//! What [`crate::chat::TurnJournal::accept`] makes of a request's key.

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{Asker, HARD_TEXT, answer, as_ended, claim, completed, new_id, the_only_accepted, ttl, valid};
use crate::chat::{AcceptError, Acceptance, FinishedTurn, NewTurn};
use crate::conversation::{Failure, IncompleteReason, TurnState};
use crate::id::{ConversationId, TurnId};

const HOUR: i64 = 60 * 60;

/// The same request is told of the running turn, and once that has ended, with any answer, it gets that turn.
pub async fn a_repeated_request_is_in_progress_and_then_replayed(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let ends = [
        completed(HARD_TEXT),
        TurnState::Incomplete(answer("Some."), IncompleteReason::UpstreamTimeout),
        TurnState::Cancelled(answer("Half")),
    ];
    for (key, state) in ["k", "!~\"'\\%_$1{}", &"k".repeat(255)].into_iter().zip(ends) {
        let conversation = asker.conversation().await;
        let request = |seconds| NewTurn { idempotency: Some(claim(key, 1)), ..asker.ask(conversation, seconds) };
        let first = request(1);
        let accepted = asker.accept(&first).await;
        let repeated = request(2);
        assert_in_progress(first.id, &asker.refused(&repeated).await);
        let end = FinishedTurn { model: Some(valid("gpt-4o")), ..asker.end(first.id, state, 3) };
        asker.settle(&end).await;
        assert_eq!(asker.replayed(&request(4)).await, as_ended(&first, &accepted, &end));
        assert_eq!(asker.replayed(&repeated).await.id, first.id);
        assert_eq!(asker.find(repeated.id, 4).await, None, "a replay stores nothing");
        assert_eq!(asker.count(conversation, 4).await, 1, "a replay stores nothing");
    }
}

/// A key is settled before it is asked whether the conversation is there, or busy.
pub async fn a_replay_comes_before_anything_else(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let first = NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask(conversation, 1) };
    asker.accept(&first).await;
    asker.finish(first.id, completed("Yes."), 2).await;
    asker.accept(&asker.ask(conversation, 3)).await;
    let missing = ConversationId::from_uuid(new_id());
    for repeated in [asker.ask(conversation, 4), asker.ask(missing, 4), asker.ask_on(4)] {
        let repeated = NewTurn { idempotency: Some(claim("key", 1)), ..repeated };
        assert_eq!(asker.replayed(&repeated).await.id, first.id);
        let other = NewTurn { idempotency: Some(claim("key", 2)), ..repeated };
        let refused = asker.refused(&other).await;
        assert!(matches!(refused, AcceptError::KeyReused), "the key is another request's, but: {refused:?}");
    }
}

/// A turn that has expired is found by nobody, with its key neither.
pub async fn the_key_of_an_expired_turn_is_gone(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let ask = |seconds| NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask(conversation, seconds) };
    let first = NewTurn { default_ttl: ttl(9), ..ask(1) };
    asker.accept(&first).await;
    asker.finish(first.id, completed("Yes."), 2).await;
    assert_eq!(asker.replayed(&ask(9)).await.id, first.id);
    let refused = asker.refused(&ask(10)).await;
    assert!(matches!(refused, AcceptError::KeyGone), "its turn has expired, but: {refused:?}");
}

/// Another request with the same key is refused, while the first runs and after.
pub async fn another_request_may_not_use_the_key(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let first = NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask(conversation, 1) };
    asker.accept(&first).await;
    for seconds in [2, 4] {
        let other = NewTurn { idempotency: Some(claim("key", 2)), ..asker.ask(conversation, seconds) };
        let refused = asker.refused(&other).await;
        assert!(matches!(refused, AcceptError::KeyReused), "the key is another request's, but: {refused:?}");
        assert_eq!(asker.find(other.id, seconds).await, None, "what was refused is not stored");
        if seconds == 2 {
            asker.finish(first.id, completed("Yes."), 3).await;
        }
    }
    let another_key = NewTurn { idempotency: Some(claim("KEY", 2)), ..asker.ask(conversation, 5) };
    asker.accept(&another_key).await;
}

/// Two users may use the same key for the same request.
pub async fn a_key_is_its_users_own(store: StoreUnderTest) {
    for asker in [Asker::new(&store).await, Asker::new(&store).await] {
        let question = NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask_on(1) };
        asker.accept(&question).await;
        asker.finish(question.id, completed("Yes."), 2).await;
        let repeated = NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask_on(3) };
        assert_eq!(asker.replayed(&repeated).await.id, question.id);
    }
}

/// A turn that failed gives its key back, to the same request or to another one.
pub async fn a_failure_releases_the_key(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    for (request, seconds) in [(1, 10), (1, 20), (2, 30)] {
        let question = NewTurn { idempotency: Some(claim("key", request)), ..asker.ask(conversation, seconds) };
        asker.accept(&question).await;
        asker.finish(question.id, TurnState::Failed(Failure::EngineUnavailable), seconds + 1).await;
        let failed = asker.turn(question.id, seconds + 1).await;
        assert_eq!(failed.state, TurnState::Failed(Failure::EngineUnavailable), "the question stays stored");
    }
    assert_eq!(asker.count(conversation, 40).await, 3);
}

/// A turn that was cancelled before there was any output leaves its key free; one with output is an answer.
pub async fn a_turn_cancelled_without_output_releases_the_key(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let request = |seconds| NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask(conversation, seconds) };
    let nothing = request(1);
    asker.accept(&nothing).await;
    asker.finish(nothing.id, TurnState::Cancelled(answer("")), 2).await;
    let something = request(3);
    asker.accept(&something).await;
    asker.finish(something.id, TurnState::Cancelled(answer("Half")), 4).await;
    assert_eq!(asker.replayed(&request(5)).await.id, something.id);
}

/// A request that was refused leaves its key free.
pub async fn a_refused_question_claims_no_key(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let running = asker.ask(conversation, 1);
    asker.accept(&running).await;
    let busy = NewTurn { idempotency: Some(claim("busy", 1)), ..asker.ask(conversation, 2) };
    asker.refused(&busy).await;
    let missing = asker.ask(ConversationId::from_uuid(new_id()), 2);
    asker.refused(&NewTurn { idempotency: Some(claim("missing", 1)), ..missing }).await;
    asker.finish(running.id, completed("Yes."), 3).await;
    for key in ["busy", "missing"] {
        let again = NewTurn { idempotency: Some(claim(key, 2)), ..asker.ask(conversation, 4) };
        asker.accept(&again).await;
        asker.finish(again.id, completed("Yes."), 4).await;
    }
}

/// A key holds for 24 hours from when it was claimed, by the times the requests were made at.
pub async fn a_key_holds_for_a_day(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let request = |seconds| NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask(conversation, seconds) };
    let first = request(0);
    asker.accept(&first).await;
    asker.finish(first.id, completed("Yes."), 1).await;
    assert_eq!(asker.replayed(&request(23 * HOUR)).await.id, first.id, "after 23 hours");
    let second = request(25 * HOUR);
    asker.accept(&second).await;
    assert_in_progress(second.id, &asker.refused(&request(26 * HOUR)).await);
    asker.finish(second.id, completed("Yes."), 26 * HOUR).await;
    assert_eq!(asker.replayed(&request(48 * HOUR)).await.id, second.id, "a day counts from the second claim");
    assert_eq!(asker.count(conversation, 48 * HOUR).await, 2);
}

/// A turn that fails after its key has passed to another request does not take the key from that.
pub async fn a_late_failure_releases_no_later_claim(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let [here, there] = [asker.conversation().await, asker.conversation().await];
    let first = NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask(here, 0) };
    asker.accept(&first).await;
    let second = NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask(there, 25 * HOUR) };
    asker.accept(&second).await;
    asker.finish(first.id, TurnState::Failed(Failure::EngineTimeout), 25 * HOUR + 1).await;
    let repeated = NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask(there, 25 * HOUR + 2) };
    assert_in_progress(second.id, &asker.refused(&repeated).await);
}

/// Of fifty copies of a request at once, one is accepted and the others are told of it.
pub async fn of_fifty_at_once_one_is_accepted(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let copies = (0..50).map(|_| NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask(conversation, 1) });
    let (accepted, refused) = the_only_accepted(ask_at_once(&store, copies).await);
    for error in &refused {
        assert_in_progress(accepted.id, error);
    }
    assert_eq!(asker.count(conversation, 2).await, 1);
}

/// The same of a request that names no conversation.
pub async fn of_fifty_first_questions_at_once_one_is_accepted(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let copies = (0..50).map(|_| NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask_on(1) });
    let (accepted, refused) = the_only_accepted(ask_at_once(&store, copies).await);
    for error in &refused {
        assert_in_progress(accepted.id, error);
    }
    assert_eq!(asker.count(accepted.conversation_id, 2).await, 1);
}

/// Of fifty requests with one key at once, each in a conversation of its own, one gets the key.
pub async fn of_fifty_different_requests_at_once_one_is_accepted(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let mut requests = Vec::new();
    for request in 0..50 {
        let conversation = asker.conversation().await;
        requests.push(NewTurn { idempotency: Some(claim("key", request)), ..asker.ask(conversation, 1) });
    }
    let (_, refused) = the_only_accepted(ask_at_once(&store, requests.into_iter()).await);
    for error in refused {
        assert!(matches!(error, AcceptError::KeyReused), "the key is another request's, but: {error:?}");
    }
}

/// A process that was not told that its question was accepted is not told that somebody else answers it.
pub async fn a_lost_acknowledgement_is_given_again(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    for question in [asker.ask(conversation, 1), asker.ask_on(2)] {
        let question = NewTurn { idempotency: Some(claim(&question.id.to_string(), 1)), ..question };
        let first = asker.accept(&question).await;
        let again = asker.accept(&question).await;
        assert_eq!(format!("{again:?}"), format!("{first:?}"), "the same question is accepted as it was");
        asker.finish(question.id, completed("Yes."), 2).await;
    }
}

async fn ask_at_once(
    store: &StoreUnderTest,
    questions: impl Iterator<Item = NewTurn>,
) -> Vec<Result<Acceptance, AcceptError>> {
    join_all(questions.map(|question| store.journal.accept(question))).await
}

fn assert_in_progress(running: TurnId, error: &AcceptError) {
    let is_in_progress = matches!(error, AcceptError::InProgress { running: id } if *id == running);
    assert!(is_in_progress, "the request is in progress as {running}, but: {error:?}");
}
