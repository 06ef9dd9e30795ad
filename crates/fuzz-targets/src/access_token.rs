//! Access tokens: nothing is one but what was issued.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::clock::Clock;
use domain::id::{IdGenerator, SessionId, UserId};
use domain::session::{AccessClaims, TokenIssuer};
use domain::signing::{KeyId, SigningAlgorithm};
use domain::user::Username;
use infra::crypto::{JwtIssuer, JwtSettings, Keyring};
use secrecy::ExposeSecret;
use uuid::Uuid;

static ISSUER: LazyLock<JwtIssuer> = LazyLock::new(|| {
    let settings = JwtSettings {
        issuer: "colloquy".to_owned(),
        audience: "colloquy".to_owned(),
        lifetime: Duration::from_secs(900),
    };
    let id = KeyId::try_from("0123456789abcdef".to_owned()).expect("a name");
    let keyring = Keyring::of(id, SigningAlgorithm::Hs256, [7; 32]).expect("a key");
    JwtIssuer::new(settings, Arc::new(keyring), Arc::new(Stopped), Arc::new(Stopped))
});

/// The one token that was issued.
static ISSUED: LazyLock<String> = LazyLock::new(|| {
    let claims = AccessClaims {
        user_id: UserId::from_uuid(Uuid::from_u128(1)),
        session_id: SessionId::from_uuid(Uuid::from_u128(2)),
        username: Username::try_from("ada".to_owned()).unwrap(),
    };
    ISSUER.issue(&claims).unwrap().token.expose_secret().to_owned()
});

/// A clock that stands still, and ids that are always the same, so that the token is as well.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("a moment that chrono knows")
    }
}

impl IdGenerator for Stopped {
    fn next(&self) -> Uuid {
        Uuid::from_u128(3)
    }
}

/// The token that was issued, as the corpus has it.
pub fn issued() -> &'static str {
    &ISSUED
}

/// Tries the bytes as a token.
pub fn run(data: &[u8]) {
    let Ok(token) = str::from_utf8(data) else { return };
    match ISSUER.verify(token) {
        Ok(verified) => {
            assert_eq!(token, ISSUED.as_str(), "another token than the one that was issued is accepted");
            assert_eq!(verified.claims.user_id, UserId::from_uuid(Uuid::from_u128(1)));
        }
        Err(error) => {
            assert_ne!(token, ISSUED.as_str(), "the token that was issued is refused: {error}");
            // A short piece of a token may well be a word of the text.
            assert!(token.len() < 16 || !error.to_string().contains(token), "the log would have the token");
        }
    }
}
