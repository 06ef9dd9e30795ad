//! [`crate::conversation::TurnRepository`].

use super::StoreUnderTest;
use super::fixtures::{Asker, at, completed, new_conversation, new_id, page, ttl};
use crate::chat::NewTurn;
use crate::conversation::NewConversation;
use crate::id::{ConversationId, TurnId};
use crate::page::{ListError, Order};

/// Somebody else's turn is as missing as one that never was, while it runs and after.
pub async fn a_foreign_turn_is_missing(store: StoreUnderTest) {
    let (owner, other) = (Asker::new(&store).await, Asker::new(&store).await);
    let question = owner.ask(owner.conversation().await, 1);
    owner.accept(&question).await;
    assert_eq!(other.find(question.id, 2).await, None, "it is somebody else's");
    owner.finish(question.id, completed("Yes."), 2).await;
    assert_eq!(other.find(question.id, 3).await, None, "it is somebody else's");
    assert_eq!(owner.find(TurnId::from_uuid(new_id()), 3).await, None, "it never was");
    assert!(owner.find(question.id, 3).await.is_some());
}

/// A turn is missing from the moment at which it expires.
pub async fn an_expired_turn_is_missing(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let brief = NewTurn { default_ttl: ttl(59), ..asker.ask(conversation, 1) };
    asker.accept(&brief).await;
    asker.finish(brief.id, completed("Yes."), 2).await;
    asker.say(conversation, "Later?", "Later.", 3).await;
    assert!(asker.find(brief.id, 59).await.is_some(), "it has a second left");
    assert_eq!(asker.find(brief.id, 60).await, None, "its time is over");
}

/// Turns come by their number, in either order, and whole.
pub async fn turns_are_listed_by_number(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let mut expected = Vec::new();
    // Replicas whose clocks differ may store a later turn with an earlier time.
    for seconds in [30, 10, 20] {
        let id = asker.say(conversation, "Once more?", "Once more.", seconds).await;
        expected.push(asker.turn(id, 40).await);
    }
    for order in [Order::Ascending, Order::Descending] {
        let listed = store.turns.list(asker.user, conversation, page(10, None, order), at(40)).await;
        let listed = listed.expect("turns can be listed");
        assert_eq!((listed.items, listed.has_more), (expected.clone(), false), "{order:?}");
        expected.reverse();
    }
}

/// A page begins after its cursor, in either order, and says whether there is more.
pub async fn pages_follow_one_another(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let mut ids = Vec::new();
    for seconds in 0..5 {
        ids.push(asker.say(conversation, "Once more?", "Once more.", seconds).await);
    }
    for order in [Order::Ascending, Order::Descending] {
        let listed = async |after| {
            let page = store.turns.list(asker.user, conversation, page(2, after, order), at(10)).await;
            let page = page.expect("turns can be listed");
            (page.items.iter().map(|turn| turn.id).collect::<Vec<_>>(), page.has_more)
        };
        assert_eq!(listed(None).await, (vec![ids[0], ids[1]], true), "{order:?}");
        assert_eq!(listed(Some(ids[1])).await, (vec![ids[2], ids[3]], true), "{order:?}");
        assert_eq!(listed(Some(ids[2])).await, (vec![ids[3], ids[4]], false), "a last page that is full: {order:?}");
        assert_eq!(listed(Some(ids[3])).await, (vec![ids[4]], false), "{order:?}");
        assert_eq!(listed(Some(ids[4])).await, (vec![], false), "{order:?}");
        ids.reverse();
    }
}

/// A turn is out of the list from the moment at which it expires.
pub async fn an_expired_turn_is_not_listed(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let brief = NewTurn { default_ttl: ttl(59), ..asker.ask(conversation, 1) };
    asker.accept(&brief).await;
    asker.finish(brief.id, completed("Yes."), 2).await;
    asker.say(conversation, "Later?", "Later.", 3).await;
    assert_eq!(asker.count(conversation, 59).await, 2);
    assert_eq!(asker.count(conversation, 60).await, 1);
}

/// A conversation in which nothing was said yet has a list, with nothing in it.
pub async fn a_conversation_without_turns_is_an_empty_list(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let listed = store.turns.list(asker.user, conversation, page(10, None, Order::Ascending), at(1)).await;
    let listed = listed.expect("turns can be listed");
    assert_eq!((listed.items, listed.has_more), (vec![], false));
}

/// A conversation that is somebody else's, has expired or never was has no list, whatever the cursor.
pub async fn a_list_that_is_not_there_is_not_found(store: StoreUnderTest) {
    let (asker, other) = (Asker::new(&store).await, Asker::new(&store).await);
    let foreign = other.conversation().await;
    let theirs = other.say(foreign, "Mine?", "Yours.", 1).await;
    let expired = NewConversation { expiry_timestamp: at(60), ..new_conversation(asker.user, at(0)) };
    asker.create(expired.clone()).await;
    let missing = ConversationId::from_uuid(new_id());
    for (conversation, after) in [(foreign, None), (foreign, Some(theirs)), (expired.id, None), (missing, None)] {
        let listed = store.turns.list(asker.user, conversation, page(10, after, Order::Ascending), at(60)).await;
        assert!(matches!(listed, Err(ListError::NotFound)), "there is no such list, but: {listed:?}");
    }
}

/// A cursor that names no turn of the conversation is an error, also when it names one of another.
pub async fn an_unknown_cursor_is_refused(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let [here, there] = [asker.conversation().await, asker.conversation().await];
    asker.say(here, "Here?", "Here.", 1).await;
    let elsewhere = asker.say(there, "There?", "There.", 2).await;
    for cursor in [TurnId::from_uuid(new_id()), elsewhere] {
        let listed = store.turns.list(asker.user, here, page(10, Some(cursor), Order::Ascending), at(3)).await;
        assert!(matches!(listed, Err(ListError::UnknownCursor)), "not a cursor of this list, but: {listed:?}");
    }
}
