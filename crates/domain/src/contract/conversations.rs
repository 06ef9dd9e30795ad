//! [`crate::conversation::ConversationRepository`].

use std::collections::BTreeMap;

use super::StoreUnderTest;
use super::fixtures::{Asker, HARD_TEXT, at, completed, new_conversation, new_id, page, ttl, valid};
use crate::conversation::{Conversation, Metadata, NewConversation};
use crate::id::{ConversationId, UserId};
use crate::page::{ListError, Order, PageRequest};

/// Every field comes back as it was given, to the last character and microsecond.
pub async fn every_field_is_kept(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let metadata: BTreeMap<String, String> = [
        ("k".repeat(64), "v".repeat(512)),
        ("𝕊".repeat(64), "👩".repeat(512)),
        ("it's \"quoted\" \\u0000".to_owned(), HARD_TEXT.to_owned()),
        ("empty".to_owned(), String::new()),
    ]
    .into();
    let conversation = NewConversation {
        title: Some(valid("  Grüße, '日本' \"𝕊\" \\ 👩\u{200d}👧 ")),
        model: Some(valid("gpt-'4o':latest/π")),
        system: Some(valid(HARD_TEXT)),
        metadata: Metadata::try_from(metadata).expect("valid metadata"),
        ttl: Some(ttl(315_360_000)),
        expiry_timestamp: ttl(315_360_000).after(at(0)),
        ..new_conversation(asker.user, at(0))
    };
    asker.create(conversation.clone()).await;
    assert_eq!(find(&asker, conversation.id, 1).await, Some(conversation.into_conversation()));
}

/// A conversation of which only the owner is known comes back as bare as it was.
pub async fn a_bare_conversation_is_kept(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = new_conversation(asker.user, at(0));
    asker.create(conversation.clone()).await;
    assert_eq!(find(&asker, conversation.id, 0).await, Some(conversation.clone().into_conversation()));
    let listed = list(&asker, page(10, None, Order::Descending), 0).await;
    assert_eq!(listed.0, [conversation.into_conversation()], "the list shows the same");
}

/// Somebody else's conversation is as missing as one that never was.
pub async fn a_foreign_conversation_is_missing(store: StoreUnderTest) {
    let (owner, other) = (Asker::new(&store).await, Asker::new(&store).await);
    let conversation = owner.conversation().await;
    assert!(find(&owner, conversation, 1).await.is_some());
    assert_eq!(find(&other, conversation, 1).await, None, "it is somebody else's");
    assert_eq!(find(&owner, ConversationId::from_uuid(new_id()), 1).await, None, "it never was");
}

/// A conversation is missing from the moment at which it expires.
pub async fn an_expired_conversation_is_missing(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = NewConversation { expiry_timestamp: at(60), ..new_conversation(asker.user, at(0)) };
    asker.create(conversation.clone()).await;
    assert!(find(&asker, conversation.id, 59).await.is_some(), "it has a second left");
    assert_eq!(find(&asker, conversation.id, 60).await, None, "its time is over");
}

/// What was said last moves a conversation to the top.
pub async fn the_list_is_by_last_activity(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let mut ids = Vec::new();
    for seconds in [10, 20, 30] {
        let conversation = new_conversation(asker.user, at(seconds));
        ids.push(conversation.id);
        asker.create(conversation).await;
    }
    let listed = async |order| ids_of(&list(&asker, page(10, None, order), 200).await.0);
    assert_eq!(listed(Order::Descending).await, [ids[2], ids[1], ids[0]], "newest activity first");
    let question = asker.ask(ids[0], 100);
    asker.accept(&question).await;
    assert_eq!(listed(Order::Descending).await, [ids[0], ids[2], ids[1]], "something was said in the oldest");
    asker.finish(question.id, completed("Yes."), 101).await;
    assert_eq!(listed(Order::Descending).await, [ids[0], ids[2], ids[1]]);
    assert_eq!(listed(Order::Ascending).await, [ids[1], ids[2], ids[0]], "the other way round");
}

/// The list is empty for whoever has no conversation, and never shows another's.
pub async fn the_list_holds_the_owners_only(store: StoreUnderTest) {
    let (owner, other) = (Asker::new(&store).await, Asker::new(&store).await);
    owner.conversation().await;
    let (listed, has_more) = list(&other, page(10, None, Order::Descending), 1).await;
    assert_eq!((listed, has_more), (vec![], false), "nothing here is theirs");
}

/// A conversation is out of the list from the moment at which it expires.
pub async fn the_list_leaves_out_the_expired(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let live = asker.conversation().await;
    let brief = NewConversation { expiry_timestamp: at(60), ..new_conversation(asker.user, at(1)) };
    asker.create(brief.clone()).await;
    let listed = async |now| ids_of(&list(&asker, page(10, None, Order::Descending), now).await.0);
    assert_eq!(listed(59).await, [brief.id, live]);
    assert_eq!(listed(60).await, [live]);
}

/// A page begins after its cursor, in either order, and says whether there is more.
pub async fn pages_follow_one_another(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let mut ids = Vec::new();
    for seconds in 0..5 {
        let conversation = new_conversation(asker.user, at(seconds));
        ids.push(conversation.id);
        asker.create(conversation).await;
    }
    for order in [Order::Ascending, Order::Descending] {
        let listed = async |after| {
            let (items, has_more) = list(&asker, page(2, after, order), 10).await;
            (ids_of(&items), has_more)
        };
        assert_eq!(listed(None).await, (vec![ids[0], ids[1]], true), "{order:?}");
        assert_eq!(listed(Some(ids[1])).await, (vec![ids[2], ids[3]], true), "{order:?}");
        assert_eq!(listed(Some(ids[2])).await, (vec![ids[3], ids[4]], false), "a last page that is full: {order:?}");
        assert_eq!(listed(Some(ids[3])).await, (vec![ids[4]], false), "{order:?}");
        assert_eq!(listed(Some(ids[4])).await, (vec![], false), "{order:?}");
        ids.reverse();
    }
}

/// Conversations of one moment are neither skipped nor repeated between pages.
pub async fn conversations_of_one_moment_are_listed_once_each(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(asker.conversation().await);
    }
    expected.sort();
    for order in [Order::Descending, Order::Ascending] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let (items, has_more) = list(&asker, page(2, after, order), 1).await;
            seen.extend(ids_of(&items));
            after = seen.last().copied();
            if !has_more || seen.len() > expected.len() {
                break;
            }
        }
        seen.sort();
        assert_eq!(seen, expected, "each conversation once: {order:?}");
    }
}

/// A cursor that names none of the owner's conversations is an error; another's conversation is none of theirs.
pub async fn an_unknown_cursor_is_refused(store: StoreUnderTest) {
    let (owner, other) = (Asker::new(&store).await, Asker::new(&store).await);
    owner.conversation().await;
    for cursor in [ConversationId::from_uuid(new_id()), other.conversation().await] {
        let request = page(10, Some(cursor), Order::Descending);
        let refused = store.conversations.list(owner.user, request, at(1)).await;
        assert!(matches!(refused, Err(ListError::UnknownCursor)), "not a cursor of this list, but: {refused:?}");
    }
}

async fn find(asker: &Asker, id: ConversationId, seconds: i64) -> Option<Conversation> {
    asker.store.conversations.find(asker.user, id, at(seconds)).await.expect("conversations can be looked up")
}

async fn list(asker: &Asker, request: PageRequest<ConversationId>, seconds: i64) -> (Vec<Conversation>, bool) {
    let owner: UserId = asker.user;
    let page = asker.store.conversations.list(owner, request, at(seconds)).await;
    let page = page.expect("conversations can be listed");
    (page.items, page.has_more)
}

fn ids_of(conversations: &[Conversation]) -> Vec<ConversationId> {
    conversations.iter().map(|conversation| conversation.id).collect()
}
