use std::sync::Arc;

use domain::audit::AuditKind;
use domain::page::{Order, Page, PageRequest};
use domain::session::{EndReason, MockSessionRepository, SessionService};

use super::{SESSION, ada, caller, client, is_ada_own, program, silent_trail, uuid};
use domain::id::SessionId;

const OTHER: SessionId = SessionId::from_uuid(uuid::Uuid::from_u128(202));

fn service(sessions: MockSessionRepository) -> SessionService {
    SessionService::new(Arc::new(sessions), silent_trail())
}

#[tokio::test]
async fn logging_out_ends_the_session_that_the_request_comes_in() {
    let mut sessions = MockSessionRepository::new();
    sessions
        .expect_end()
        .once()
        .withf(|owner, id, reason, event| {
            (*owner, *id, *reason) == (ada().id, SESSION, EndReason::Logout) && is_ada_own(event, AuditKind::Logout)
        })
        .returning(|_, _, _, _| Ok(true));
    service(sessions).logout(&caller(), client()).await.unwrap();
    service(MockSessionRepository::new()).logout(&program(), client()).await.unwrap();
}

#[tokio::test]
async fn another_session_is_ended_as_the_callers_own_and_whether_it_was_is_told() {
    for is_there in [true, false] {
        let mut sessions = MockSessionRepository::new();
        sessions
            .expect_end()
            .once()
            .withf(|owner, id, reason, event| {
                (*owner, *id, *reason) == (ada().id, OTHER, EndReason::Revoked)
                    && is_ada_own(event, AuditKind::SessionRevoked)
                    && event.object == Some(OTHER.as_uuid())
            })
            .returning(move |_, _, _, _| Ok(is_there));
        assert_eq!(service(sessions).end(&caller(), OTHER, client()).await.unwrap(), is_there);
    }
}

#[tokio::test]
async fn all_others_end_and_the_callers_own_does_not() {
    let mut sessions = MockSessionRepository::new();
    sessions
        .expect_end_all()
        .once()
        .withf(|owner, keep, reason, event| {
            (*owner, *keep, *reason) == (ada().id, Some(SESSION), EndReason::Revoked)
                && is_ada_own(event, AuditKind::SessionRevoked)
        })
        .returning(|_, _, _, _| Ok(vec![OTHER, SessionId::from_uuid(uuid(203))]));
    assert_eq!(service(sessions).end_others(&caller(), client()).await.unwrap(), 2);
}

#[tokio::test]
async fn the_callers_own_sessions_are_listed() {
    let mut sessions = MockSessionRepository::new();
    sessions
        .expect_list()
        .once()
        .withf(|owner, page| *owner == ada().id && page.order == Order::Descending)
        .returning(|_, _| Ok(Page { items: Vec::new(), has_more: false }));
    service(sessions).list(&caller(), PageRequest::first(Order::Descending)).await.unwrap();
}
