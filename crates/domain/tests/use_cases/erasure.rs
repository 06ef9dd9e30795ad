use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use domain::Unexpected;
use domain::access::{Credential, Principal};
use domain::audit::{AuditKind, AuditTrail, MockAuditLog};
use domain::clock::{MockClock, MockPause};
use domain::erasure::{Begun, EraseError, Erased, Erasure, ErasureService, MockErasureRepository, Stage, Step};
use domain::id::{SessionId, UserId};
use domain::session::Client;
use domain::user::{Role, Username};
use mockall::Sequence;
use uuid::Uuid;

use crate::{ids, moment};

const SOME: Erased = Erased { conversations: 1, turns: 500, sessions: 0, api_keys: 0, exports: 0 };
const ALL: Erased = Erased { conversations: 2, turns: 700, sessions: 3, api_keys: 4, exports: 1 };

fn caller(is_fresh: bool) -> Principal {
    Principal {
        user_id: UserId::from_uuid(Uuid::from_u128(7)),
        username: Username::try_from("ada".to_owned()).unwrap(),
        role: Role::User,
        credential: Credential::Session { id: SessionId::from_uuid(Uuid::from_u128(8)), is_fresh },
    }
}

/// Time goes on by `tick` whenever somebody asks for it.
pub(super) fn service(erasures: MockErasureRepository, pause: MockPause, tick: TimeDelta) -> ErasureService {
    let mut clock = MockClock::new();
    let asked = AtomicI64::new(0);
    clock
        .expect_now()
        .returning(move || moment() + tick * i32::try_from(asked.fetch_add(1, Ordering::Relaxed)).unwrap());
    let clock = Arc::new(clock);
    let audit = AuditTrail::new(Arc::new(MockAuditLog::new()), clock.clone(), ids());
    ErasureService::new(Arc::new(erasures), clock, Arc::new(pause), audit)
}

fn begins(begun: Begun) -> MockErasureRepository {
    let mut erasures = MockErasureRepository::new();
    erasures.expect_begin().times(1).returning(move |user, event| {
        assert_eq!((event.kind, event.subject, event.origin.actor), (AuditKind::UserDeleted, Some(user), Some(user)));
        Ok(begun.clone())
    });
    erasures
}

fn steps(erasures: &mut MockErasureRepository, steps: Vec<Option<Step>>) {
    let mut sequence = Sequence::new();
    for step in steps {
        erasures.expect_step().times(1).in_sequence(&mut sequence).returning(move |_, _| Ok(step));
    }
}

#[tokio::test]
async fn it_goes_step_by_step_and_waits_for_what_runs() {
    let mut erasures = begins(Begun::Begun(Vec::new()));
    let step = |erased, stage| Some(Step { erased, stage });
    steps(&mut erasures, vec![step(SOME, Stage::More), step(SOME, Stage::Waiting), step(ALL, Stage::Finished)]);
    let mut pause = MockPause::new();
    pause.expect_pause().times(1).returning(|time| assert_eq!(time, ErasureService::GLANCE));
    let erased = service(erasures, pause, TimeDelta::zero()).erase(&caller(true), Client::default()).await.unwrap();
    assert_eq!(erased, Erasure { erased: ALL, is_complete: true });
}

#[tokio::test]
async fn a_password_of_long_ago_deletes_nothing() {
    let service = service(MockErasureRepository::new(), MockPause::new(), TimeDelta::zero());
    let refused = service.erase(&caller(false), Client::default()).await;
    assert!(matches!(refused, Err(EraseError::NotFresh)), "{refused:?}");
}

#[tokio::test]
async fn who_must_stay_or_is_gone_is_told_so() {
    let refused = async |begun| {
        service(begins(begun), MockPause::new(), TimeDelta::zero()).erase(&caller(true), Client::default()).await
    };
    assert!(matches!(refused(Begun::LastAdmin).await, Err(EraseError::LastAdmin)));
    assert!(matches!(refused(Begun::NotFound).await, Err(EraseError::Gone)));
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let mut erasures = begins(Begun::Begun(Vec::new()));
    erasures.expect_step().times(2..5).returning(|_, _| Ok(Some(Step { erased: SOME, stage: Stage::More })));
    let service = service(erasures, MockPause::new(), TimeDelta::seconds(3));
    let erasure = service.erase(&caller(true), Client::default()).await.unwrap();
    assert_eq!(erasure, Erasure { erased: SOME, is_complete: false });
}

#[tokio::test]
async fn what_has_begun_is_no_failure_if_the_store_is_away() {
    let mut erasures = begins(Begun::Begun(Vec::new()));
    erasures.expect_step().times(1).returning(|_, _| Err(Unexpected::unavailable("away")));
    let service = service(erasures, MockPause::new(), TimeDelta::zero());
    let erasure = service.erase(&caller(true), Client::default()).await.unwrap();
    assert_eq!(erasure, Erasure { erased: Erased::default(), is_complete: false });
}
