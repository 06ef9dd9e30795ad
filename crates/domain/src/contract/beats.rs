//! [`crate::chat::ReplicaLease::beat`]: what a process hears, and [`crate::chat::ReplicaLease::request_cancel`].

use std::time::Duration;

use super::StoreUnderTest;
use super::fixtures::{
    Asker, HARD_TEXT, HOUR, at, completed, create_key, event, new_id, new_key, open_session, piece, sorted,
    the_only_reaper,
};
use crate::access::CredentialId;
use crate::api_key::NewApiKey;
use crate::audit::AuditKind;
use crate::chat::{Beat, Cancellation, Course, Followed, Following, NewTurn, Piece, PieceContent, Position};
use crate::conversation::{Failure, Part, TurnState};
use crate::id::{ApiKeyId, SessionId, TurnId};
use crate::session::EndReason;

/// The wish that a turn stop is told to the process that runs it, to no other, and as long as it runs.
pub async fn a_wish_to_stop_is_told_to_the_turns_process(store: StoreUnderTest) {
    let (asker, other) = (Asker::new(&store).await, Asker::new(&store).await);
    let (wanted, unwanted) = (running(&asker).await, running(&asker).await);
    for _ in 0..2 {
        let wish = store.leases.request_cancel(asker.user, wanted.id, at(2)).await.expect("a wish can be noted");
        assert_eq!(wish, Some(Cancellation::Requested { by: asker.replica }));
    }
    for _ in 0..2 {
        assert_eq!(asker.tell(asker.beat()).await.cancelled, [wanted.id]);
        assert_eq!(other.tell(other.beat()).await.cancelled, []);
    }
    asker.finish(wanted.id, TurnState::Cancelled(crate::conversation::Answer::default()), 3).await;
    assert_eq!(asker.tell(asker.beat()).await.cancelled, []);
    asker.finish(unwanted.id, completed("Yes."), 3).await;
}

/// A process that goes on telling of a turn which was closed behind its back is told to stop.
pub async fn a_turn_that_was_closed_elsewhere_is_told_to_its_process(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let asker = Asker::on_dead_replica(&store).await;
    let (lost, kept) = (running(&asker).await, running(&asker).await);
    asker.finish(lost.id, completed("Over."), 2).await;
    let pieces = vec![piece(lost.id, 0, "So"), piece(kept.id, 0, "So"), piece(lost.id, 2, " far")];
    assert_eq!(asker.tell(Beat { pieces, ..asker.beat() }).await.cancelled, [lost.id]);
    assert_eq!(asker.tell(asker.beat()).await.cancelled, [], "it is told once");
}

/// A turn that has ended cannot be stopped, and stays as it is.
pub async fn what_has_ended_is_not_stopped(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    for state in [completed("Yes."), TurnState::Failed(Failure::EngineError)] {
        let question = running(&asker).await;
        asker.finish(question.id, state, 2).await;
        let before = asker.turn(question.id, 3).await;
        let wish = store.leases.request_cancel(asker.user, question.id, at(3)).await.expect("a turn can be looked up");
        assert_eq!(wish, Some(Cancellation::Ended));
        assert_eq!(asker.turn(question.id, 4).await, before);
    }
}

/// Nobody stops somebody else's turn, one that is not there, or one that has expired.
pub async fn only_its_owner_stops_a_turn(store: StoreUnderTest) {
    let (asker, other) = (Asker::new(&store).await, Asker::new(&store).await);
    let question = running(&asker).await;
    let long_after = at(10_000_000_000);
    for (user, id, now) in [
        (other.user, question.id, at(2)),
        (asker.user, TurnId::from_uuid(new_id()), at(2)),
        (asker.user, question.id, long_after),
    ] {
        let wish = store.leases.request_cancel(user, id, now).await.expect("a turn can be looked up");
        assert_eq!(wish, None);
    }
    assert_eq!(asker.tell(asker.beat()).await.cancelled, []);
}

/// Of the sessions that are asked for, those are told that are over.
pub async fn sessions_that_are_over_are_told(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let ended = open_session(&store, asker.user, HOUR).await;
    let end = store.sessions.end(asker.user, ended, EndReason::Logout, event(AuditKind::Logout));
    assert!(end.await.expect("a session can be ended"));
    let expired = open_session(&store, asker.user, Duration::ZERO).await;
    let unknown = SessionId::from_uuid(new_id());
    let credentials = [ended, asker.session, expired, unknown].map(CredentialId::Session).to_vec();
    let told = asker.tell(Beat { credentials, ..asker.beat() }).await.ended;
    assert_eq!(sorted(told), sorted([ended, expired, unknown].map(CredentialId::Session).to_vec()));
    assert_eq!(asker.tell(asker.beat()).await.ended, [], "nobody asked");
}

/// Of the keys that are asked for, those are told that are over.
pub async fn keys_that_are_over_are_told(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let (live, revoked) = (new_key(asker.user), new_key(asker.user));
    let expired = NewApiKey { expires_at: at(1), ..new_key(asker.user) };
    for key in [&live, &revoked, &expired] {
        create_key(&store, key).await;
    }
    let revoke = store.keys.revoke(asker.user, revoked.id, event(AuditKind::KeyRevoked));
    assert!(revoke.await.expect("a key can be revoked"));
    let over = [revoked.id, expired.id, ApiKeyId::from_uuid(new_id())].map(CredentialId::ApiKey);
    let mut credentials = vec![CredentialId::ApiKey(live.id), CredentialId::Session(asker.session)];
    credentials.extend(over);
    let told = asker.tell(Beat { credentials, ..asker.beat() }).await.ended;
    assert_eq!(sorted(told), sorted(over.to_vec()));
}

/// A user who may do nothing any more has nothing that is live, and nobody else is told.
pub async fn credentials_of_the_disabled_are_told(store: StoreUnderTest) {
    let (asker, other) = (Asker::new(&store).await, Asker::new(&store).await);
    let (key, others_key) = (new_key(asker.user), new_key(other.user));
    for key in [&key, &others_key] {
        create_key(&store, key).await;
    }
    let disable = store.users.set_active(asker.user, false, event(AuditKind::UserDisabled));
    disable.await.expect("an account can be disabled");
    let over = vec![CredentialId::Session(asker.session), CredentialId::ApiKey(key.id)];
    let mut credentials = vec![CredentialId::Session(other.session), CredentialId::ApiKey(others_key.id)];
    credentials.extend(&over);
    let told = other.tell(Beat { credentials, ..other.beat() }).await.ended;
    assert_eq!(sorted(told), sorted(over));
}

/// A turn of another process is told as it comes, from wherever one is.
pub async fn a_turn_is_followed_piece_by_piece(store: StoreUnderTest) {
    let (asker, reader) = (Asker::new(&store).await, Asker::new(&store).await);
    let question = running(&asker).await;
    assert_eq!(follow(&reader, question.id, Position::START).await, []);

    let image = Part::Image { url: "/a.png".to_owned(), alt: None };
    let part = |parts, offset, content| Piece { turn_id: question.id, at: Position { parts, offset }, content };
    let pieces = [
        piece(question.id, 0, "Grüße "),
        piece(question.id, 8, HARD_TEXT),
        part(0, 8 + HARD_TEXT.len(), PieceContent::Part(image)),
        part(1, 8 + HARD_TEXT.len(), PieceContent::Text("und".to_owned())),
    ];
    asker.tell(Beat { pieces: pieces[..3].to_vec(), ..asker.beat() }).await;
    assert_eq!(follow(&reader, question.id, Position::START).await, pieces[..3]);
    asker.tell(Beat { pieces: pieces[3..].to_vec(), ..asker.beat() }).await;
    assert_eq!(follow(&reader, question.id, Position { parts: 0, offset: 8 }).await, pieces[1..]);
    assert_eq!(follow(&reader, question.id, pieces[3].at).await, pieces[3..]);
    let end = Position { parts: 1, offset: 8 + HARD_TEXT.len() + 3 };
    assert_eq!(follow(&reader, question.id, end).await, []);
}

/// A piece that has grown since it was read is told again, for whoever knows only its beginning.
pub async fn a_piece_that_has_grown_is_told_again(store: StoreUnderTest) {
    let (asker, reader) = (Asker::new(&store).await, Asker::new(&store).await);
    let question = running(&asker).await;
    asker.append(question.id, 0, "One").await;
    asker.append(question.id, 0, "One, two").await;
    let known = Position { parts: 0, offset: 3 };
    assert_eq!(follow(&reader, question.id, known).await, [piece(question.id, 0, "One, two")]);
}

/// A turn that has ended is told whole, and one that is not there is told as well; each in its own place.
pub async fn ends_are_told(store: StoreUnderTest) {
    let (asker, reader) = (Asker::new(&store).await, Asker::new(&store).await);
    let (done, failed, runs) = (running(&asker).await, running(&asker).await, running(&asker).await);
    asker.finish(done.id, completed(HARD_TEXT), 2).await;
    asker.finish(failed.id, TurnState::Failed(Failure::EngineTimeout), 2).await;
    asker.append(runs.id, 0, "So far").await;
    let gone = TurnId::from_uuid(new_id());
    let after = Position::START;
    let followed = [done.id, gone, runs.id, failed.id].map(|turn_id| Following { turn_id, after }).to_vec();
    let told = reader.tell(Beat { followed, ..reader.beat() }).await.followed;
    assert_eq!(told.len(), 4);
    for Followed { turn_id, course } in told {
        match course {
            Course::Ended(turn) if turn_id == done.id => assert_eq!(*turn, asker.turn(done.id, 3).await),
            Course::Ended(turn) if turn_id == failed.id => assert_eq!(*turn, asker.turn(failed.id, 3).await),
            Course::Running(pieces) if turn_id == runs.id => assert_eq!(pieces, [piece(runs.id, 0, "So far")]),
            Course::Gone if turn_id == gone => {}
            other => panic!("{turn_id} is told as {other:?}"),
        }
    }
}

async fn running(asker: &Asker) -> NewTurn {
    let question = asker.ask(asker.conversation().await, 1);
    asker.accept(&question).await;
    question
}

async fn follow(reader: &Asker, turn_id: TurnId, after: Position) -> Vec<Piece> {
    let followed = vec![Following { turn_id, after }];
    let mut told = reader.tell(Beat { followed, ..reader.beat() }).await.followed;
    match (told.pop(), told.is_empty()) {
        (Some(Followed { course: Course::Running(pieces), .. }), true) => pieces,
        other => panic!("the turn should be told as running, but: {other:?}"),
    }
}
