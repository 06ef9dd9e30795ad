//! [`crate::export::RecordRepository`].

use std::time::Duration;

use super::StoreUnderTest;
use super::fixtures::{
    Asker, HARD_TEXT, HOUR, at, create_key, create_user, event, new_conversation, new_key, open_session, ttl,
};
use crate::audit::AuditKind;
use crate::conversation::NewConversation;
use crate::session::EndReason;

/// What has expired is read as well as what has not, by id, page by page; nobody else's is.
pub async fn conversations_are_read_in_full(store: StoreUnderTest) {
    let (asker, stranger) = (Asker::new(&store).await, Asker::new(&store).await);
    stranger.conversation().await;
    let expired = NewConversation { expiry_timestamp: at(1), ..new_conversation(asker.user, at(0)) };
    asker.create(expired.clone()).await;
    let mut expected = vec![expired.id, asker.conversation().await, asker.conversation().await];
    expected.sort();
    let mut read = Vec::new();
    while let [conversation] =
        &store.records.conversations(asker.user, read.last().copied(), 1).await.expect("conversations can be read")[..]
    {
        read.push(conversation.id);
    }
    assert_eq!(read, expected);
}

/// Turns are read as they are found, expired ones too, after a place in their conversation.
pub async fn turns_are_read_in_full(store: StoreUnderTest) {
    let (asker, stranger) = (Asker::new(&store).await, Asker::new(&store).await);
    let short = NewConversation { ttl: Some(ttl(1)), ..new_conversation(asker.user, at(0)) };
    asker.create(short.clone()).await;
    let first = asker.say(short.id, HARD_TEXT, HARD_TEXT, 0).await;
    let running = asker.ask(short.id, 0);
    asker.accept(&running).await;
    asker.append(running.id, 0, "so far").await;
    assert!(asker.find(first, 5).await.is_none(), "it has expired");
    let read = async |owner, after, limit| {
        store.records.turns(owner, short.id, after, limit).await.expect("turns can be read")
    };
    let turns = read(asker.user, 0, 10).await;
    let found = [asker.turn(first, 0).await, asker.turn(running.id, 0).await];
    assert_eq!(format!("{turns:?}"), format!("{found:?}"));
    assert_eq!(read(asker.user, 0, 1).await.iter().map(|turn| turn.id).collect::<Vec<_>>(), [first]);
    assert_eq!(read(asker.user, 1, 10).await.iter().map(|turn| turn.id).collect::<Vec<_>>(), [running.id]);
    assert!(read(stranger.user, 0, 10).await.is_empty(), "it is somebody else's");
    assert_eq!(store.records.count_turns(asker.user).await.expect("turns can be counted"), 2);
    assert_eq!(store.records.count_turns(stranger.user).await.expect("turns can be counted"), 0);
}

/// Sessions and keys are read whether they are good or not.
pub async fn credentials_are_read_in_full(store: StoreUnderTest) {
    let user = create_user(&store).await.id;
    let [live, ended, expired] = [
        open_session(&store, user, HOUR).await,
        open_session(&store, user, HOUR).await,
        open_session(&store, user, Duration::ZERO).await,
    ];
    let logout = event(AuditKind::Logout).about(user);
    assert!(store.sessions.end(user, ended, EndReason::Logout, logout).await.expect("a session can be ended"));
    let sessions = store.records.sessions(user, None, 10).await.expect("sessions can be read");
    let found: Vec<_> =
        sessions.iter().map(|row| (row.id, row.ended_at.is_some(), row.end_reason.as_deref())).collect();
    let mut expected = [(live, false, None), (ended, true, Some("logout")), (expired, false, None)];
    expected.sort_by_key(|row| row.0);
    assert_eq!(found, expected);
    let rest = store.records.sessions(user, Some(expected[0].0), 1).await.expect("sessions can be read");
    assert_eq!(rest.iter().map(|row| row.id).collect::<Vec<_>>(), [expected[1].0]);

    let (good, revoked) = (new_key(user), new_key(user));
    for key in [&good, &revoked] {
        create_key(&store, key).await;
    }
    let revocation = event(AuditKind::KeyRevoked).about(user);
    assert!(store.keys.revoke(user, revoked.id, revocation).await.expect("a key can be revoked"));
    let keys = store.records.api_keys(user, None, 10).await.expect("keys can be read");
    let mut found: Vec<_> = keys.iter().map(|row| (row.key.id, row.revoked_at.is_some())).collect();
    found.sort();
    let mut expected = [(good.id, false), (revoked.id, true)];
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(keys[0].key.name, good.name);
}
