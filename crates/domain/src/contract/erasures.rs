//! [`crate::erasure::ErasureRepository`].

use std::time::Duration;

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::exports::{append, begin_export};
use super::fixtures::{
    Asker, HOUR, assert_written, at, claim, create, create_key, create_user, event, new_hash, new_id, new_key,
    new_session, new_user, open, sorted, the_only_admins, the_only_reaper,
};
use super::rights::only_admins;
use crate::access::CredentialId;
use crate::audit::{AuditKind, NewAuditEvent};
use crate::chat::NewTurn;
use crate::erasure::{Begun, Erased, Stage, Step};
use crate::id::UserId;
use crate::session::{NewSession, NewTicket, SessionState};
use crate::user::{NewUser, RightsChange};

/// Everything that belongs to the account goes, and is counted; its name and address are free again. Nothing of anybody
/// else goes.
pub async fn an_account_goes_with_all_it_had(store: StoreUnderTest) {
    let account = new_user();
    create(&store, &account).await;
    let (user, bystander) = (account.id, Asker::new(&store).await);
    let session = NewSession { refresh: Some(new_hash()), cookie: Some(new_hash()), ..new_session(user) };
    open(&store, &session).await;
    let asker = Asker { user, session: session.id, ..bystander.clone() };
    let kept = bystander.conversation().await;
    bystander.say(kept, "And I?", "You stay.", 1).await;
    for _ in 0..3 {
        let conversation = asker.conversation().await;
        let keyed = NewTurn { idempotency: Some(claim(&new_id().to_string(), 1)), ..asker.ask(conversation, 1) };
        asker.accept(&keyed).await;
        asker.finish(keyed.id, super::fixtures::completed("An answer."), 2).await;
        asker.say(conversation, "Why?", "Because.", 3).await;
    }
    asker.conversation().await;
    create_key(&store, &new_key(user)).await;
    let ticket =
        NewTicket { hash: new_hash(), user_id: user, credential: CredentialId::Session(session.id), lifetime: HOUR };
    store.tickets.issue(ticket.clone()).await.expect("a ticket can be issued");
    let export = begin_export(&store, &asker, HOUR).await;
    for number in 0..3 {
        assert!(append(&store, &asker, export, number, b"some bytes").await);
    }

    let deleted = deleted(user);
    begin(&store, user, &deleted).await;
    let mut last = Erased::default();
    let erased = loop {
        let Step { erased, stage } = step(&store, user, 2).await.expect("it is being deleted");
        assert!(erased.turns >= last.turns && erased.sessions >= last.sessions, "what is gone stays gone: {erased:?}");
        last = erased;
        match stage {
            Stage::More => {}
            Stage::Finished => break erased,
            Stage::Waiting => panic!("nothing runs"),
        }
    };
    assert_eq!(erased, Erased { conversations: 4, turns: 6, sessions: 1, api_keys: 1, exports: 1 });
    assert!(store.users.find(user).await.expect("users can be looked up").is_none());
    assert!(store.sessions.find(session.id).await.expect("sessions can be looked up").is_none());
    assert!(store.tickets.redeem(ticket.hash).await.expect("tickets can be redeemed").is_none());
    assert!(store.exports.find(user, export).await.expect("exports can be looked up").is_none());
    assert!(store.records.conversations(user, None, 10).await.expect("records can be read").is_empty());
    assert_eq!(step(&store, user, 2).await, None, "there is nothing left to do");
    assert_written(&store, user, &[&deleted]).await;
    create(&store, &NewUser { username: account.username, email: account.email, ..new_user() }).await;
    assert_eq!(bystander.count(kept, 4).await, 1, "it was somebody else's");
}

/// From the beginning nobody can use the account, and nobody can bring it back.
pub async fn an_account_is_over_from_the_beginning(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let key = new_key(asker.user);
    create_key(&store, &key).await;
    let deleted = deleted(asker.user);
    let expected = sorted(vec![CredentialId::Session(asker.session), CredentialId::ApiKey(key.id)]);
    assert_eq!(begin(&store, asker.user, &deleted).await, expected);
    let session = store.sessions.find(asker.session).await.expect("sessions can be looked up");
    let session = session.expect("it is not gone yet");
    assert!(!session.user_is_active && session.state == SessionState::Ended, "{session:?}");
    let key = store.keys.find(key.id).await.expect("keys can be looked up").expect("it is not gone yet");
    assert!(!key.is_usable());
    let enabled = store.users.set_active(asker.user, true, event(AuditKind::UserEnabled).about(asker.user)).await;
    assert_eq!(enabled.expect("that is no error"), RightsChange::NotFound);
    assert_eq!(
        begin(&store, asker.user, &self::deleted(asker.user)).await,
        expected,
        "a repeated wish is told the same"
    );
    assert_written(&store, asker.user, &[&deleted]).await;
}

/// A turn that runs is asked to stop, and stays until it has; whatever else there is goes meanwhile.
pub async fn a_running_turn_is_waited_for(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let (busy, quiet) = (asker.conversation().await, asker.conversation().await);
    asker.say(quiet, "Why?", "Because.", 1).await;
    let running = asker.ask(busy, 2);
    asker.accept(&running).await;
    begin(&store, asker.user, &deleted(asker.user)).await;
    assert_eq!(asker.tell(asker.beat()).await.cancelled, [running.id]);
    let erased = loop {
        let Step { erased, stage } = step(&store, asker.user, 100).await.expect("it is being deleted");
        match stage {
            Stage::More => {}
            Stage::Waiting => break erased,
            Stage::Finished => panic!("a turn still runs"),
        }
    };
    assert_eq!((erased.conversations, erased.turns, erased.sessions), (1, 1, 1));
    asker.turn(running.id, 3).await;
    asker.finish(running.id, super::fixtures::completed("The last word."), 3).await;
    assert_eq!(finish(&store, asker.user).await.turns, 2);
    assert!(asker.find(running.id, 4).await.is_none());
}

/// What a dead process left running is not waited for.
pub async fn turns_of_the_dead_go(store: StoreUnderTest) {
    let _reaper = the_only_reaper().await;
    let asker = Asker::on_dead_replica(&store).await;
    let conversation = asker.conversation().await;
    asker.accept(&asker.ask(conversation, 1)).await;
    begin(&store, asker.user, &deleted(asker.user)).await;
    let erased = finish(&store, asker.user).await;
    assert_eq!((erased.conversations, erased.turns), (1, 1));
}

/// Of two administrators who go at once, one stays.
pub async fn the_last_admin_stays(store: StoreUnderTest) {
    let _admins = the_only_admins().await;
    let admins = only_admins(&store).await;
    let begun = join_all(admins.map(|admin| store.erasures.begin(admin, deleted(admin)))).await;
    let begun: Vec<_> = begun.into_iter().map(|begun| begun.expect("that is no error")).collect();
    assert_eq!(begun.iter().filter(|begun| **begun == Begun::LastAdmin).count(), 1, "{begun:?}");
    let last = admins[usize::from(begun[1] == Begun::LastAdmin)];
    let account = store.users.find(last).await.expect("users can be looked up").expect("the last one stays");
    assert!(account.is_active);
    assert_written(&store, last, &[]).await;
    assert_eq!(step(&store, last, 100).await, None);
}

/// An account that nobody wants to delete, or that is not there, has no steps.
pub async fn only_what_has_begun_goes(store: StoreUnderTest) {
    let nobody = UserId::from_uuid(new_id());
    let begun = store.erasures.begin(nobody, deleted(nobody)).await.expect("that is no error");
    assert_eq!(begun, Begun::NotFound);
    let user = create_user(&store).await.id;
    for id in [nobody, user] {
        assert_eq!(step(&store, id, 100).await, None);
    }
    assert!(store.users.find(user).await.expect("users can be looked up").is_some());
}

/// What was begun and left is found, and no longer once it is finished.
pub async fn what_was_left_is_found(store: StoreUnderTest) {
    let user = create_user(&store).await.id;
    begin(&store, user, &deleted(user)).await;
    let unfinished = async |idle| store.erasures.unfinished(idle, 1000).await.expect("erasures can be listed");
    assert!(unfinished(Duration::ZERO).await.contains(&user));
    assert!(!unfinished(HOUR).await.contains(&user), "somebody may be at it");
    finish(&store, user).await;
    assert!(!unfinished(Duration::ZERO).await.contains(&user));
}

fn deleted(user: UserId) -> NewAuditEvent {
    NewAuditEvent { at: at(5), ..event(AuditKind::UserDeleted) }.about(user)
}

async fn begin(store: &StoreUnderTest, user: UserId, event: &NewAuditEvent) -> Vec<CredentialId> {
    match store.erasures.begin(user, event.clone()).await.expect("an erasure can be begun") {
        Begun::Begun(ended) => sorted(ended),
        other => panic!("it should begin, but: {other:?}"),
    }
}

async fn step(store: &StoreUnderTest, user: UserId, limit: u32) -> Option<Step> {
    store.erasures.step(user, limit).await.expect("an erasure can go on")
}

async fn finish(store: &StoreUnderTest, user: UserId) -> Erased {
    loop {
        let Step { erased, stage } = step(store, user, 100).await.expect("it is being deleted");
        match stage {
            Stage::More => {}
            Stage::Finished => return erased,
            Stage::Waiting => panic!("nothing runs that is alive"),
        }
    }
}
