use domain::Unexpected;
use domain::audit::AuditKind;
use domain::session::EndReason;

use crate::harness::{Ports, post, session_id, user_id};

#[actix_web::test]
async fn the_callers_session_ends() {
    let mut ports = Ports::with_caller();
    ports.sessions.expect_end().times(1).returning(|owner, session, reason, event| {
        assert_eq!((owner, session, reason), (user_id(), session_id(), EndReason::Logout));
        assert_eq!((event.kind, event.subject), (AuditKind::Logout, Some(user_id())));
        Ok(true)
    });
    let reply = ports.server().send(post("/logout")).await;
    assert_eq!(reply.status, 204);
    assert!(reply.body.is_empty());
}

#[actix_web::test]
async fn a_session_that_could_not_be_ended_is_not_called_ended() {
    let mut ports = Ports::with_caller();
    ports.sessions.expect_end().return_once(|_, _, _, _| Err(Unexpected::unavailable("away")));
    ports.server().send(post("/logout")).await.problem(503, "store_unavailable");
}
