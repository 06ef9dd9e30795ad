//! [`crate::chat::TurnJournal::accept`] in the conversation that goes on.

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{Asker, at, completed, new_conversation, page, the_only_accepted, ttl};
use crate::chat::{AcceptError, ConversationChoice, NewTurn};
use crate::conversation::{Conversation, NewConversation};
use crate::id::ConversationId;
use crate::page::Order;

/// Whoever has no conversation gets one, under the id that was proposed.
pub async fn a_first_question_makes_a_conversation(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let question = asker.ask_on(10);
    let accepted = asker.accept(&question).await;
    assert_eq!(accepted.conversation_id, proposed(&question));
    assert_eq!((accepted.seq, accepted.parent_turn_id), (1, None));
    assert_eq!((&accepted.conversation_model, &accepted.system), (&None, &None));
    let conversation = NewConversation { id: proposed(&question), ..new_conversation(asker.user, at(10)) };
    let expected = Conversation { leaf_turn_id: Some(question.id), ..conversation.into_conversation() };
    let found = store.conversations.find(asker.user, proposed(&question), at(10)).await;
    assert_eq!(found.expect("conversations can be looked up"), Some(expected));
}

/// The next question of a session goes on where its last one was, with what was said there.
pub async fn the_conversation_goes_on(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let first = asker.ask_on(1);
    asker.accept(&first).await;
    let refused = asker.refused(&asker.ask_on(2)).await;
    let is_busy = matches!(refused, AcceptError::ConversationBusy { running } if running == first.id);
    assert!(is_busy, "the conversation that goes on is busy, but: {refused:?}");
    asker.finish(first.id, completed("Yes."), 3).await;
    let second = asker.accept(&asker.ask_on(4)).await;
    assert_eq!((second.conversation_id, second.seq), (proposed(&first), 2));
    assert_eq!(second.parent_turn_id, Some(first.id));
    assert_eq!(second.context.len(), 1, "what was said there is known");
    assert_eq!(conversations(&asker, 5).await, [proposed(&first)], "no other was made");
}

/// Whoever logs in again goes on where they stopped.
pub async fn another_session_goes_on_where_the_user_was(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let first = asker.ask_on(1);
    asker.accept(&first).await;
    asker.finish(first.id, completed("Yes."), 2).await;
    let tomorrow = asker.in_another_session().await;
    let second = tomorrow.accept(&tomorrow.ask_on(86_400)).await;
    assert_eq!((second.conversation_id, second.seq), (proposed(&first), 2));
}

/// A new session goes on where something was said last, and not in what was made last.
pub async fn the_latest_is_the_last_active_one(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let [older, newer] = [asker.conversation().await, asker.conversation().await];
    asker.say(newer, "First?", "First.", 10).await;
    asker.say(older, "Second?", "Second.", 20).await;
    let next = asker.in_another_session().await;
    assert_eq!(next.accept(&next.ask_on(30)).await.conversation_id, older);
}

/// A session keeps to its own conversation, whatever its user says elsewhere meanwhile.
pub async fn the_sessions_own_conversation_comes_first(store: StoreUnderTest) {
    let here = Asker::new(&store).await;
    let there = here.in_another_session().await;
    let [mine, theirs] = [here.conversation().await, here.conversation().await];
    here.say(theirs, "Once?", "Once.", 5).await;
    here.say(mine, "Here?", "Here.", 10).await;
    there.say(theirs, "There?", "There.", 20).await;
    assert_eq!(here.accept(&here.ask_on(30)).await.conversation_id, mine);
    assert_eq!(there.accept(&there.ask_on(31)).await.conversation_id, theirs);
}

/// Neither a session nor its user goes on in a conversation that has expired.
pub async fn an_expired_conversation_is_left_behind(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let brief = NewTurn { default_ttl: ttl(50), ..asker.ask_on(10) };
    asker.accept(&brief).await;
    asker.finish(brief.id, completed("Yes."), 11).await;
    let next = asker.ask_on(60);
    assert_eq!(asker.accept(&next).await.conversation_id, proposed(&next), "the old one expired at this moment");

    let asker = Asker::new(&store).await;
    let lasting = asker.conversation().await;
    let brief = NewConversation { ttl: Some(ttl(50)), expiry_timestamp: at(50), ..new_conversation(asker.user, at(1)) };
    asker.create(brief.clone()).await;
    asker.say(brief.id, "Soon gone?", "Yes.", 10).await;
    let accepted = asker.accept(&asker.ask_on(60)).await;
    assert_eq!(accepted.conversation_id, lasting, "the user's latest that is live goes on");
}

/// What others say is no conversation to go on with.
pub async fn somebody_elses_conversation_never_goes_on(store: StoreUnderTest) {
    let (asker, other) = (Asker::new(&store).await, Asker::new(&store).await);
    let theirs = other.conversation().await;
    other.say(theirs, "Mine?", "Yours.", 1).await;
    let question = asker.ask_on(2);
    assert_eq!(asker.accept(&question).await.conversation_id, proposed(&question));
    assert_eq!(asker.accept(&question).await.context, []);
}

/// Twenty first questions at once, from two sessions, make one conversation and one turn.
pub async fn first_questions_at_once_make_one_conversation(store: StoreUnderTest) {
    let here = Asker::new(&store).await;
    let there = here.in_another_session().await;
    let questions: Vec<NewTurn> = (0..10).flat_map(|_| [here.ask_on(1), there.ask_on(1)]).collect();
    let results = join_all(questions.iter().map(|question| store.journal.accept(question.clone()))).await;
    let (accepted, refused) = the_only_accepted(results);
    for error in refused {
        let is_busy = matches!(error, AcceptError::ConversationBusy { running } if running == accepted.id);
        assert!(is_busy, "the one conversation is busy with {}, but: {error:?}", accepted.id);
    }
    assert_eq!(accepted.seq, 1);
    assert_eq!(conversations(&here, 2).await, [accepted.conversation_id]);
}

/// A repeated acceptance neither makes a second conversation nor finds its own turn in the way.
pub async fn a_lost_acknowledgement_is_given_again(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let question = asker.ask_on(1);
    let first = asker.accept(&question).await;
    let again = asker.accept(&question).await;
    assert_eq!(format!("{again:?}"), format!("{first:?}"), "the same question is accepted as it was");
    assert_eq!(conversations(&asker, 2).await, [first.conversation_id]);
    assert_eq!(asker.count(first.conversation_id, 2).await, 1, "it is stored once");
}

fn proposed(question: &NewTurn) -> ConversationId {
    match question.conversation {
        ConversationChoice::Existing(id) | ConversationChoice::Current { or_new: id } => id,
    }
}

async fn conversations(asker: &Asker, seconds: i64) -> Vec<ConversationId> {
    let all = page(100, None, Order::Descending);
    let listed = asker.store.conversations.list(asker.user, all, at(seconds)).await;
    listed.expect("conversations can be listed").items.iter().map(|conversation| conversation.id).collect()
}
