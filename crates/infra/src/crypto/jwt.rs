use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use domain::Unexpected;
use domain::clock::Clock;
use domain::id::{IdGenerator, SessionId, UserId};
use domain::session::{AccessClaims, AccessToken, TokenError, TokenIssuer, VerifiedToken};
use domain::user::Username;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The type of an access token (RFC 9068 §2.1).
const TYPE: &str = "at+jwt";
const ALGORITHM: Algorithm = Algorithm::HS256;
/// How many seconds a token is accepted past its end, for clocks that differ.
const LEEWAY: i64 = 10;

/// What goes into every token.
#[derive(Clone)]
pub struct JwtSettings {
    /// The key that signs, 32 bytes or more.
    pub secret: SecretSlice<u8>,
    /// Who issues (`iss`).
    pub issuer: String,
    /// Whom the tokens are for (`aud`).
    pub audience: String,
    /// How long a token is valid.
    pub lifetime: Duration,
}

/// Signs and checks access tokens with HMAC-SHA-256.
pub struct JwtIssuer {
    signing: EncodingKey,
    checking: DecodingKey,
    header: Header,
    validation: Validation,
    settings: JwtSettings,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    exp: i64,
    iat: i64,
    jti: Uuid,
    session_id: Uuid,
    username: String,
}

impl JwtIssuer {
    /// An issuer with that key.
    pub fn new(settings: JwtSettings, clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Self {
        let secret = settings.secret.expose_secret();
        let mut header = Header::new(ALGORITHM);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key_id(secret));
        let mut validation = Validation::new(ALGORITHM);
        // The end of a token is compared below, with the injected clock.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        Self {
            signing: EncodingKey::from_secret(secret),
            checking: DecodingKey::from_secret(secret),
            header,
            validation,
            settings,
            clock,
            ids,
        }
    }
}

impl TokenIssuer for JwtIssuer {
    fn issue(&self, claims: &AccessClaims) -> Result<AccessToken, Unexpected> {
        let iat = self.clock.now().timestamp();
        let expires_in = self.settings.lifetime;
        let claims = Claims {
            iss: self.settings.issuer.clone(),
            aud: self.settings.audience.clone(),
            sub: claims.user_id.as_uuid(),
            exp: iat.saturating_add(i64::try_from(expires_in.as_secs()).unwrap_or(i64::MAX)),
            iat,
            jti: self.ids.next(),
            session_id: claims.session_id.as_uuid(),
            username: claims.username.to_string(),
        };
        let token = jsonwebtoken::encode(&self.header, &claims, &self.signing).map_err(Unexpected::new)?;
        Ok(AccessToken { token: token.into(), expires_in })
    }

    fn verify(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        let invalid = |reason: &dyn std::fmt::Display| TokenError::Invalid(reason.to_string());
        let token = jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation).map_err(|e| invalid(&e))?;
        if token.header != self.header {
            return Err(TokenError::Invalid("its header is not one of ours".to_owned()));
        }
        let claims = token.claims;
        if claims.exp.saturating_add(LEEWAY) <= self.clock.now().timestamp() {
            return Err(TokenError::Expired);
        }
        let moment = |seconds| DateTime::from_timestamp(seconds, 0).ok_or_else(|| invalid(&"a time is out of range"));
        Ok(VerifiedToken {
            claims: AccessClaims {
                user_id: UserId::from_uuid(claims.sub),
                session_id: SessionId::from_uuid(claims.session_id),
                username: Username::try_from(claims.username).map_err(|e| invalid(&e))?,
            },
            id: claims.jti,
            issued_at: moment(claims.iat)?,
            expires_at: moment(claims.exp)?,
        })
    }
}

/// Names a key without giving it away: the first eight bytes of its SHA-256.
fn key_id(secret: &[u8]) -> String {
    Sha256::digest(secret).iter().take(8).fold(String::new(), |mut id, byte| {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use domain::clock::MockClock;
    use serde_json::{Value, json};

    use super::*;
    use crate::ids::UuidV7;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::seconds(seconds)
    }

    fn issuer_at(seconds: i64) -> JwtIssuer {
        let mut clock = MockClock::new();
        clock.expect_now().returning(move || at(seconds));
        let settings = JwtSettings {
            secret: b"a secret of at least 32 bytes, for tests".to_vec().into(),
            issuer: "colloquy".into(),
            audience: "colloquy".into(),
            lifetime: Duration::from_secs(900),
        };
        JwtIssuer::new(settings, Arc::new(clock), Arc::new(UuidV7))
    }

    fn claims() -> AccessClaims {
        AccessClaims {
            user_id: UserId::from_uuid(Uuid::from_u128(1)),
            session_id: SessionId::from_uuid(Uuid::from_u128(2)),
            username: Username::try_from("ada".to_owned()).unwrap(),
        }
    }

    fn token() -> String {
        issuer_at(0).issue(&claims()).unwrap().token.expose_secret().to_owned()
    }

    /// A token with our signature and whatever claims and header.
    fn forged(header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &issuer_at(0).signing).unwrap()
    }

    fn good_claims() -> Value {
        json!({
            "iss": "colloquy", "aud": "colloquy", "sub": Uuid::from_u128(1), "iat": at(0).timestamp(),
            "exp": at(900).timestamp(), "jti": Uuid::from_u128(3), "session_id": Uuid::from_u128(2), "username": "ada",
        })
    }

    #[test]
    fn a_token_says_what_it_was_given() {
        let verified = issuer_at(0).verify(&token()).unwrap();
        assert_eq!((verified.claims, verified.issued_at, verified.expires_at), (claims(), at(0), at(900)));
        let verified = issuer_at(0).verify(&forged(&issuer_at(0).header, &good_claims())).unwrap();
        assert_eq!((verified.claims, verified.id), (claims(), Uuid::from_u128(3)));
        assert_eq!((verified.issued_at, verified.expires_at), (at(0), at(900)));
    }

    #[test]
    fn a_token_ends_ten_seconds_after_its_end() {
        assert!(issuer_at(909).verify(&token()).is_ok());
        assert_eq!(issuer_at(910).verify(&token()), Err(TokenError::Expired));
    }

    #[test]
    fn every_claim_is_required_and_typed() {
        let issuer = issuer_at(0);
        for claim in ["iss", "aud", "sub", "exp", "iat", "jti", "session_id", "username"] {
            for wrong in
                [None, Some(json!(true)), Some(json!([])), Some(json!("")), Some(json!(-1.5)), Some(Value::Null)]
            {
                let mut claims = good_claims();
                match &wrong {
                    None => drop(claims.as_object_mut().unwrap().remove(claim)),
                    Some(value) => claims[claim] = value.clone(),
                }
                let verdict = issuer.verify(&forged(&issuer.header, &claims));
                assert!(matches!(verdict, Err(TokenError::Invalid(_))), "{claim} = {wrong:?}: {verdict:?}");
            }
        }
    }

    #[test]
    fn a_header_that_is_not_ours_is_refused_even_with_our_signature() {
        let issuer = issuer_at(0);
        let with = |change: fn(&mut Header)| {
            let mut header = issuer.header.clone();
            change(&mut header);
            issuer.verify(&forged(&header, &good_claims()))
        };
        let changes: [fn(&mut Header); 7] = [
            |header| header.typ = Some("JWT".into()),
            |header| header.typ = None,
            |header| header.kid = Some("../../etc/passwd".into()),
            |header| header.kid = None,
            |header| header.jku = Some("https://example.org/keys".into()),
            |header| header.x5u = Some("https://example.org/cert".into()),
            |header| header.alg = Algorithm::HS384,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert!(matches!(with(change), Err(TokenError::Invalid(_))), "change {number}");
        }
    }

    #[test]
    fn no_bit_of_a_token_can_be_flipped() {
        let (issuer, token) = (issuer_at(0), token());
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(issuer.verify(&changed).is_err(), "byte {index} of the token does not count");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", &"x".repeat(100_000)] {
            assert!(matches!(issuer_at(0).verify(text), Err(TokenError::Invalid(_))), "{text:.20}");
        }
    }
}
