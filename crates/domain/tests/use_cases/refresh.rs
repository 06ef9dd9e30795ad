use std::sync::Arc;
use std::time::Duration;

use domain::Unexpected;
use domain::audit::AuditKind;
use domain::session::{
    AccessToken, MockSessionRepository, MockTokenIssuer, RefreshError, RefreshService, Refreshed, Rotation, Session,
};
use secrecy::ExposeSecret as _;

use super::opaque::{hash, opaque};
use super::{SESSION, ada, client, is_from_unknown, session, silent_trail, valid};

/// What comes of `r0`, if the store says that of it.
async fn refresh(rotation: Result<Rotation, Unexpected>, tokens: MockTokenIssuer) -> Result<Refreshed, RefreshError> {
    let mut sessions = MockSessionRepository::new();
    sessions
        .expect_rotate()
        .once()
        .withf(|exchange| {
            (exchange.presented, exchange.successor) == (hash("r0"), hash("r1"))
                && exchange.grace == Duration::from_secs(30)
                && is_from_unknown(&exchange.reuse, AuditKind::RefreshReused)
        })
        .return_once(|_| rotation);
    let service = RefreshService::new(Arc::new(sessions), Arc::new(tokens), Arc::new(opaque()), silent_trail());
    service.refresh("r0", client()).await
}

#[tokio::test]
async fn the_successor_comes_with_an_access_token_for_what_the_user_is_called_now() {
    let mut tokens = MockTokenIssuer::new();
    tokens
        .expect_issue()
        .once()
        .withf(|claims| {
            (claims.user_id, claims.session_id, claims.username.as_str()) == (ada().id, SESSION, "Countess")
        })
        .returning(|_| Ok(AccessToken { token: "token".into(), expires_in: Duration::from_secs(900) }));
    let renamed = Session { username: valid("Countess"), ..session() };
    let refreshed = refresh(Ok(Rotation::Rotated(renamed)), tokens).await.unwrap();
    assert_eq!(refreshed.refresh.expose_secret(), "r1");
    assert_eq!((refreshed.access.token.expose_secret(), refreshed.session.id), ("token", SESSION));
}

#[tokio::test]
async fn a_token_that_was_used_or_never_was_gives_none_and_which_is_not_told() {
    for rotation in [Rotation::Refused, Rotation::Reused(SESSION)] {
        let refused = refresh(Ok(rotation), MockTokenIssuer::new()).await;
        assert!(matches!(refused, Err(RefreshError::InvalidToken)), "{refused:?}");
    }
    let down = refresh(Err(Unexpected::unavailable("the store is down")), MockTokenIssuer::new()).await;
    assert!(matches!(down, Err(RefreshError::Unexpected(source)) if source.is_unavailable()));
}
