use domain::Unexpected;
use domain::session::EndReason;

use crate::harness::{Ports, post, session_id};

#[actix_web::test]
async fn the_callers_session_ends() {
    let mut ports = Ports::with_caller();
    ports.sessions.expect_end().times(1).returning(|session, reason| {
        assert_eq!((session, reason), (session_id(), EndReason::Logout));
        Ok(())
    });
    let reply = ports.server().send(post("/logout")).await;
    assert_eq!(reply.status, 204);
    assert!(reply.body.is_empty());
}

#[actix_web::test]
async fn a_session_that_could_not_be_ended_is_not_called_ended() {
    let mut ports = Ports::with_caller();
    ports.sessions.expect_end().return_once(|_, _| Err(Unexpected::unavailable("away")));
    ports.server().send(post("/logout")).await.problem(503, "store_unavailable");
}
