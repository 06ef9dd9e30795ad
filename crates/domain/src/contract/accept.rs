//! [`crate::chat::TurnJournal::accept`] in a conversation that is named.

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{
    Asker, HARD_TEXT, as_running, at, claim, completed, new_conversation, new_id, the_only_accepted, ttl, valid,
};
use crate::chat::{AcceptError, Acceptance, NewTurn};
use crate::conversation::{Failure, NewConversation, Question, TurnState};
use crate::id::{ConversationId, TurnId};

/// An accepted question is stored whole, and runs.
pub async fn a_question_is_stored_and_runs(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let question = NewTurn { model: Some(valid("gpt-4o")), ..asker.ask(conversation, 10) };
    let accepted = asker.accept(&question).await;
    assert_eq!(accepted.id, question.id);
    assert_eq!(accepted.conversation_id, conversation);
    assert_eq!((accepted.seq, accepted.parent_turn_id), (1, None), "it is the first");
    assert_eq!(accepted.expiry_timestamp, question.default_ttl.after(at(10)), "it is kept as long as by default");
    assert_eq!(accepted.context, [], "nothing was said before");
    assert_eq!(asker.turn(question.id, 10).await, as_running(&question, &accepted, ""));

    let without_session = NewTurn { session_id: None, ..asker.ask(asker.conversation().await, 10) };
    let accepted = asker.accept(&without_session).await;
    assert_eq!(asker.turn(without_session.id, 10).await, as_running(&without_session, &accepted, ""));
}

/// Turns are numbered from 1 without a gap, each after the one before it, however that ended.
pub async fn turns_are_numbered_and_chained(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let mut parent = None;
    let ends = [completed("One."), TurnState::Failed(Failure::EngineError), completed("Three."), completed("Four.")];
    for (seq, end) in (1i64..).zip(ends) {
        let question = asker.ask(conversation, 10 * seq);
        let accepted = asker.accept(&question).await;
        assert_eq!((accepted.seq, accepted.parent_turn_id), (seq, parent));
        asker.refused(&asker.ask(conversation, 10 * seq + 1)).await;
        asker.finish(question.id, end, 10 * seq + 2).await;
        let stored = asker.turn(question.id, 10 * seq + 2).await;
        assert_eq!((stored.seq, stored.parent_turn_id), (seq, parent));
        parent = Some(question.id);
    }
}

/// The conversation's leaf, last activity and expiry are those of its last turn.
pub async fn the_conversation_moves_on(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let created = NewConversation { expiry_timestamp: at(3_600), ..new_conversation(asker.user, at(0)) };
    asker.create(created.clone()).await;
    for (seconds, kept) in [(10, 7_200), (20, 14_400)] {
        let question = NewTurn { default_ttl: ttl(kept), ..asker.ask(created.id, seconds) };
        asker.accept(&question).await;
        let found = asker.store.conversations.find(asker.user, created.id, at(seconds)).await;
        let found = found.expect("conversations can be looked up").expect("the conversation is live");
        assert_eq!(found.leaf_turn_id, Some(question.id), "the newest turn is the leaf");
        assert_eq!(found.updated_at, at(seconds), "the question is its last activity");
        assert_eq!(found.expiry_timestamp, ttl(kept).after(at(seconds)), "it lives as long as its last turn");
        assert_eq!(found.created_at, at(0), "it was made when it was made");
        asker.finish(question.id, completed("Yes."), seconds + 1).await;
    }
}

/// A conversation that says how long its turns are kept is heeded.
pub async fn the_conversations_own_time_to_live_counts(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation =
        NewConversation { ttl: Some(ttl(600)), expiry_timestamp: at(600), ..new_conversation(asker.user, at(0)) };
    asker.create(conversation.clone()).await;
    let question = asker.ask(conversation.id, 100);
    let accepted = asker.accept(&question).await;
    assert_eq!(accepted.expiry_timestamp, at(700));
    assert_eq!(asker.turn(question.id, 100).await.expiry_timestamp, at(700));
    let found = store.conversations.find(asker.user, conversation.id, at(699)).await;
    let found = found.expect("conversations can be looked up").expect("the conversation is live");
    assert_eq!(found.expiry_timestamp, at(700));
}

/// The conversation's model and system prompt come back with the question, which may name a model of its own.
pub async fn the_answerer_is_told_the_conversations_model_and_prompt(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = NewConversation {
        model: Some(valid("the-conversations")),
        system: Some(valid(HARD_TEXT)),
        ..new_conversation(asker.user, at(0))
    };
    asker.create(conversation.clone()).await;
    let question = NewTurn { model: Some(valid("the-questions")), ..asker.ask(conversation.id, 1) };
    let accepted = asker.accept(&question).await;
    assert_eq!(accepted.conversation_model, conversation.model);
    assert_eq!(accepted.system, conversation.system);
    assert_eq!(asker.turn(question.id, 1).await.model, question.model, "the turn has the model it asked for");
}

/// A conversation that never was is not found, and nothing is stored.
pub async fn a_missing_conversation_is_not_found(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    assert_not_found(&asker, &asker.ask(ConversationId::from_uuid(new_id()), 1)).await;
}

/// Somebody else's conversation is not found, nothing is stored, and its owner notices nothing.
pub async fn a_foreign_conversation_is_not_found(store: StoreUnderTest) {
    let (owner, other) = (Asker::new(&store).await, Asker::new(&store).await);
    let conversation = owner.conversation().await;
    assert_not_found(&other, &other.ask(conversation, 1)).await;
    owner.accept(&owner.ask(conversation, 2)).await;
    assert_not_found(&other, &other.ask(conversation, 3)).await;
    assert_eq!(owner.count(conversation, 4).await, 1, "only the owner's turn is there");
}

/// A conversation is not found from the moment at which it expires.
pub async fn an_expired_conversation_is_not_found(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = NewConversation { expiry_timestamp: at(60), ..new_conversation(asker.user, at(0)) };
    asker.create(conversation.clone()).await;
    assert_not_found(&asker, &asker.ask(conversation.id, 60)).await;
    asker.accept(&asker.ask(conversation.id, 59)).await;
}

/// While a turn runs its conversation is busy with it, for every session; its owner's others are not.
pub async fn a_running_turn_keeps_the_conversation_busy(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let running = asker.ask(conversation, 1);
    asker.accept(&running).await;
    for another in [asker.clone(), asker.in_another_session().await] {
        let question = another.ask(conversation, 2);
        assert_busy_with(running.id, &another.refused(&question).await);
        assert_eq!(another.find(question.id, 2).await, None, "what was refused is not stored");
    }
    let elsewhere = asker.conversation().await;
    asker.accept(&asker.ask(elsewhere, 3)).await;
}

/// Of a hundred questions at once in one conversation, one is accepted and the others are told which.
pub async fn of_a_hundred_at_once_one_is_accepted(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    asker.say(conversation, "Before?", "Before.", 1).await;
    let questions: Vec<NewTurn> = (0..100).map(|_| asker.ask(conversation, 2)).collect();
    let results = join_all(questions.iter().map(|question| store.journal.accept(question.clone()))).await;
    let (accepted, refused) = the_only_accepted(results);
    assert_eq!(accepted.seq, 2, "no number is skipped");
    assert_eq!(accepted.context.len(), 1);
    for error in &refused {
        assert_busy_with(accepted.id, error);
    }
    assert_eq!(asker.count(conversation, 3).await, 2, "only the accepted one is stored");
    asker.finish(accepted.id, completed("Yes."), 3).await;
    assert_eq!(asker.accept(&asker.ask(conversation, 4)).await.seq, 3, "no number was used up");
}

/// Two hundred conversations are asked at once, and each gets its own context.
pub async fn two_hundred_conversations_are_served_at_once(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let mut conversations = Vec::new();
    for _ in 0..200 {
        conversations.push(asker.conversation().await);
    }
    let fact = |conversation: ConversationId| format!("This is {conversation}.");
    join_all(conversations.iter().map(async |&id| asker.say(id, &fact(id), &fact(id), 1).await)).await;
    let accepted = join_all(conversations.iter().map(async |&id| asker.accept(&asker.ask(id, 2)).await)).await;
    for (&conversation, accepted) in conversations.iter().zip(&accepted) {
        assert_eq!((accepted.conversation_id, accepted.seq), (conversation, 2));
        let told: Vec<&str> = accepted.context.iter().map(|turn| turn.question.as_str()).collect();
        assert_eq!(told, [fact(conversation)], "each conversation has its own context");
    }
}

/// Questions that are refused for one reason or another do not get in the way of those beside them.
pub async fn a_refused_question_spoils_no_other(store: StoreUnderTest) {
    let (asker, other) = (Asker::new(&store).await, Asker::new(&store).await);
    let (busy, foreign) = (asker.conversation().await, other.conversation().await);
    let running = NewTurn { idempotency: Some(claim("taken", 1)), ..asker.ask(busy, 1) };
    asker.accept(&running).await;
    let mut questions = Vec::new();
    for _ in 0..8 {
        let free = asker.conversation().await;
        questions.extend([
            asker.ask(busy, 2),
            asker.ask(foreign, 2),
            asker.ask(ConversationId::from_uuid(new_id()), 2),
            NewTurn { idempotency: Some(claim("taken", 1)), ..asker.ask(free, 2) },
            NewTurn { idempotency: Some(claim("taken", 2)), ..asker.ask(free, 2) },
            asker.ask(free, 2),
        ]);
    }
    let results = join_all(questions.iter().map(|question| store.journal.accept(question.clone()))).await;
    for results in results.chunks(6) {
        let [busy, foreign, missing, repeated, reused, free] = results else { panic!("six results to a chunk") };
        assert!(matches!(busy, Err(AcceptError::ConversationBusy { running: id }) if *id == running.id), "{busy:?}");
        assert!(matches!(foreign, Err(AcceptError::ConversationNotFound)), "somebody else's, but: {foreign:?}");
        assert!(matches!(missing, Err(AcceptError::ConversationNotFound)), "it never was, but: {missing:?}");
        assert!(matches!(repeated, Err(AcceptError::InProgress { running: id }) if *id == running.id), "{repeated:?}");
        assert!(matches!(reused, Err(AcceptError::KeyReused)), "another request, but: {reused:?}");
        assert!(matches!(free, Ok(Acceptance::Accepted(turn)) if turn.seq == 1), "nothing is in its way: {free:?}");
    }
}

/// A process that was not told that its question was accepted asks again, is told the same, and has one turn.
pub async fn a_lost_acknowledgement_is_given_again(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    asker.say(conversation, "Before?", "Before.", 1).await;
    let question = asker.ask(conversation, 2);
    let first = asker.accept(&question).await;
    let again = asker.accept(&question).await;
    assert_eq!(format!("{again:?}"), format!("{first:?}"), "the same question is accepted as it was");
    assert_eq!(asker.count(conversation, 3).await, 2, "it is stored once");
    asker.finish(question.id, completed("Yes."), 3).await;
    assert_eq!(asker.accept(&asker.ask(conversation, 4)).await.seq, 3, "no number was used up");
}

/// A question comes back as it was asked, to the last byte, as long as questions may be.
pub async fn hard_questions_are_kept_exactly(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let long = "𝕊".repeat(Question::MAX_BYTES / 4);
    let mixed: String = HARD_TEXT.chars().cycle().take(Question::MAX_BYTES / 4).collect();
    for text in [HARD_TEXT, "?", "\u{1}", " '", "\\", "NULL", &long, &mixed] {
        let conversation = asker.conversation().await;
        let question = NewTurn { question: valid(text), ..asker.ask(conversation, 1) };
        asker.accept(&question).await;
        assert_eq!(asker.turn(question.id, 1).await.request_question.as_str(), text, "in a look-up");
        asker.finish(question.id, completed("Yes."), 2).await;
        let context = asker.accept(&asker.ask(conversation, 3)).await.context;
        assert_eq!(context.first().map(|turn| turn.question.as_str()), Some(text), "in a context");
    }
}

async fn assert_not_found(asker: &Asker, question: &NewTurn) {
    let refused = asker.refused(question).await;
    assert!(matches!(refused, AcceptError::ConversationNotFound), "it cannot be found, but: {refused:?}");
    assert_eq!(asker.find(question.id, 1).await, None, "what was refused is not stored");
}

fn assert_busy_with(running: TurnId, error: &AcceptError) {
    let is_busy = matches!(error, AcceptError::ConversationBusy { running: id } if *id == running);
    assert!(is_busy, "the conversation is busy with {running}, but: {error:?}");
}
