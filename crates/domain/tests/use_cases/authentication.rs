use std::sync::Arc;

use domain::Unexpected;
use domain::id::{SessionId, UserId};
use domain::session::{
    AccessClaims, AuthenticateError, AuthenticationService, MockSessionRepository, MockTokenIssuer, Principal, Session,
    SessionState, TokenError,
};
use domain::user::Role;

use super::{ada, caller, moment, uuid, valid};

fn live() -> Session {
    Session {
        id: SessionId::from_uuid(uuid(200)),
        user_id: ada().id,
        username: ada().username,
        role: Role::User,
        user_is_active: true,
        state: SessionState::Live,
        expires_at: moment(),
    }
}

/// What a sound token of Ada's comes to when its session is found like this.
async fn authenticate(found: Result<Option<Session>, Unexpected>) -> Result<Principal, AuthenticateError> {
    let mut tokens = MockTokenIssuer::new();
    let claims = AccessClaims { user_id: ada().id, session_id: live().id, username: valid("Ada-as-she-was") };
    tokens.expect_verify().once().withf(|token| token == "token").return_once(|_| Ok(claims));
    let mut sessions = MockSessionRepository::new();
    sessions.expect_find().once().withf(|id| *id == live().id).return_once(|_| found);
    AuthenticationService::new(Arc::new(tokens), Arc::new(sessions)).authenticate("token").await
}

#[tokio::test]
async fn a_live_session_says_who_it_is_and_what_they_may_do_now() {
    assert_eq!(authenticate(Ok(Some(live()))).await.unwrap(), caller());
    let promoted = Session { role: Role::Admin, username: valid("Countess"), ..live() };
    let principal = authenticate(Ok(Some(promoted))).await.unwrap();
    assert_eq!((principal.role, principal.username.as_str()), (Role::Admin, "Countess"));
}

#[tokio::test]
async fn a_sound_token_is_worth_nothing_without_a_usable_session() {
    let useless = [
        None,
        Some(Session { state: SessionState::Ended, ..live() }),
        Some(Session { state: SessionState::Expired, ..live() }),
        Some(Session { user_is_active: false, ..live() }),
        Some(Session { user_id: UserId::from_uuid(uuid(101)), ..live() }),
    ];
    for session in useless {
        let refused = authenticate(Ok(session.clone())).await;
        assert!(matches!(refused, Err(AuthenticateError::SessionEnded)), "{session:?}: {refused:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_sound_is_refused_without_a_look_up() {
    for error in [TokenError::Expired, TokenError::Invalid("signature".to_owned())] {
        let mut tokens = MockTokenIssuer::new();
        let verdict = Err(error.clone());
        tokens.expect_verify().once().return_once(|_| verdict);
        let service = AuthenticationService::new(Arc::new(tokens), Arc::new(MockSessionRepository::new()));
        let refused = service.authenticate("token").await;
        assert!(matches!(&refused, Err(AuthenticateError::Token(told)) if *told == error), "{refused:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_down_lets_nobody_in() {
    let refused = authenticate(Err(Unexpected::unavailable("the store is down"))).await;
    assert!(matches!(refused, Err(AuthenticateError::Unexpected(source)) if source.is_unavailable()));
}
