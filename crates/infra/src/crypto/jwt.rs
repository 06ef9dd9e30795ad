use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use domain::Unexpected;
use domain::clock::Clock;
use domain::id::{IdGenerator, SessionId, UserId};
use domain::session::{AccessClaims, AccessToken, TokenError, TokenIssuer, VerifiedToken};
use domain::user::Username;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keyring::Keyring;

/// How many seconds a token is accepted past its end, for clocks that differ.
const LEEWAY: i64 = 10;

/// What goes into every token.
#[derive(Clone)]
pub struct JwtSettings {
    /// Who issues (`iss`).
    pub issuer: String,
    /// Whom the tokens are for (`aud`).
    pub audience: String,
    /// How long a token is valid.
    pub lifetime: Duration,
}

/// Signs and checks access tokens with the keys of a keyring.
pub struct JwtIssuer {
    keyring: Arc<Keyring>,
    settings: JwtSettings,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

/// All of them are required. `aud` is one text: a list is what we never write, whatever else RFC 7519 allows.
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
    /// An issuer with those keys.
    pub fn new(settings: JwtSettings, keyring: Arc<Keyring>, clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Self {
        Self { keyring, settings, clock, ids }
    }

    /// What the token says, if a key in force has signed it.
    ///
    /// The key is the one whose header the token has, byte for byte: nothing that a stranger wrote is even parsed, no
    /// algorithm is chosen by a token, and no member can be added, left out, doubled or spelt otherwise.
    fn read(&self, token: &str) -> Result<Claims, TokenError> {
        let keys = self.keyring.keys();
        let header = token.split_once('.').map(|(header, _)| header);
        let key = header.and_then(|header| keys.with_header(header)).ok_or_else(|| invalid("no key has its header"))?;
        key.read(token).map_err(|error| invalid(error.to_string()))
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
        let keys = self.keyring.keys();
        let key = keys.signing.as_ref().ok_or_else(|| Unexpected::new("there is no key to sign tokens with"))?;
        let token = key.sign(&claims).map_err(Unexpected::new)?;
        Ok(AccessToken { token: token.into(), expires_in })
    }

    fn verify(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        let claims = self.read(token)?;
        if claims.iss != self.settings.issuer || claims.aud != self.settings.audience {
            return Err(invalid("its issuer or its audience is another"));
        }
        if claims.exp.saturating_add(LEEWAY) <= self.clock.now().timestamp() {
            return Err(TokenError::Expired);
        }
        let moment = |seconds| DateTime::from_timestamp(seconds, 0).ok_or_else(|| invalid("a time is out of range"));
        Ok(VerifiedToken {
            claims: AccessClaims {
                user_id: UserId::from_uuid(claims.sub),
                session_id: SessionId::from_uuid(claims.session_id),
                username: Username::try_from(claims.username).map_err(|error| invalid(error.to_string()))?,
            },
            id: claims.jti,
            issued_at: moment(claims.iat)?,
            expires_at: moment(claims.exp)?,
        })
    }
}

fn invalid(reason: impl Into<String>) -> TokenError {
    TokenError::Invalid(reason.into())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use domain::clock::MockClock;
    use domain::signing::{KeyVault as _, NewSigningKey, SigningAlgorithm, SigningKey};
    use secrecy::{ExposeSecret as _, SecretString};
    use serde_json::{Value, json};

    use super::*;
    use crate::crypto::Vault;
    use crate::crypto::forgeries::{self, OpenKey, Target, forgeries};
    use crate::crypto::keyring::{Key, Keys};
    use crate::ids::UuidV7;

    const SECRET: &str = "a secret of at least 32 bytes, for tests";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::seconds(seconds)
    }

    fn vault() -> Vault {
        Vault::new(&SecretString::from(SECRET)).unwrap()
    }

    fn key(algorithm: SigningAlgorithm) -> SigningKey {
        let NewSigningKey { id, algorithm, sealed } = vault().make(algorithm).unwrap();
        SigningKey { id, algorithm, sealed, created_at: at(0), retired_at: None, age: Duration::ZERO }
    }

    /// One key of each algorithm.
    fn both() -> [SigningKey; 2] {
        [key(SigningAlgorithm::Hs256), key(SigningAlgorithm::EdDsa)]
    }

    /// An issuer with those keys, the first of which signs.
    fn issuer_at(seconds: i64, keys: &[SigningKey]) -> JwtIssuer {
        let opened = |key: &SigningKey| Key::new(key.id.clone(), key.algorithm, &vault().open(key).unwrap()).unwrap();
        let in_force: Vec<Arc<Key>> = keys.iter().map(|key| Arc::new(opened(key))).collect();
        let keyring = Keyring::default();
        keyring.exchange(Keys { signing: in_force.first().cloned(), in_force });
        let mut clock = MockClock::new();
        clock.expect_now().returning(move || at(seconds));
        let (issuer, audience) = ("colloquy".to_owned(), "everybody".to_owned());
        let settings = JwtSettings { issuer, audience, lifetime: Duration::from_secs(900) };
        JwtIssuer::new(settings, Arc::new(keyring), Arc::new(clock), Arc::new(UuidV7))
    }

    fn said() -> AccessClaims {
        AccessClaims {
            user_id: UserId::from_uuid(Uuid::from_u128(1)),
            session_id: SessionId::from_uuid(Uuid::from_u128(2)),
            username: Username::try_from("ada".to_owned()).unwrap(),
        }
    }

    fn token(keys: &[SigningKey]) -> String {
        issuer_at(0, keys).issue(&said()).unwrap().token.expose_secret().to_owned()
    }

    fn good_claims() -> Value {
        json!({
            "iss": "colloquy", "aud": "everybody", "sub": Uuid::from_u128(1), "iat": at(0).timestamp(),
            "exp": at(900).timestamp(), "jti": Uuid::from_u128(3), "session_id": Uuid::from_u128(2), "username": "ada",
        })
    }

    fn signed(key: &SigningKey, claims: &Value) -> String {
        OpenKey::open(key, &vault()).unwrap().sign(&claims.to_string())
    }

    #[test]
    fn a_token_says_what_it_was_given() {
        for key in both() {
            let keys = [key];
            let verified = issuer_at(0, &keys).verify(&token(&keys)).unwrap();
            assert_eq!((verified.claims, verified.issued_at, verified.expires_at), (said(), at(0), at(900)));
            let verified = issuer_at(0, &keys).verify(&signed(&keys[0], &good_claims())).unwrap();
            assert_eq!((verified.claims, verified.id), (said(), Uuid::from_u128(3)));
        }
    }

    #[test]
    fn no_two_tokens_are_one() {
        let keys = both();
        let id = |token: &str| issuer_at(0, &keys).verify(token).unwrap().id;
        assert_ne!(id(&token(&keys)), id(&token(&keys)));
    }

    #[test]
    fn s16_a_token_ends_ten_seconds_after_its_end() {
        let keys = both();
        let token = token(&keys);
        assert!(issuer_at(909, &keys).verify(&token).is_ok());
        assert_eq!(issuer_at(910, &keys).verify(&token), Err(TokenError::Expired));
    }

    #[test]
    fn when_a_token_was_signed_is_not_compared() {
        let keys = both();
        let mut claims = good_claims();
        for iat in [at(86_400), at(-86_400)] {
            claims["iat"] = iat.timestamp().into();
            assert_eq!(issuer_at(0, &keys).verify(&signed(&keys[0], &claims)).map(|it| it.issued_at), Ok(iat));
        }
    }

    /// S15 and S16: the corpus holds every claim in every wrong type, and every header that is not ours.
    #[test]
    fn s15_s16_no_forgery_is_accepted() {
        let [hs256, eddsa] = both();
        for keys in [[hs256.clone(), eddsa.clone()], [eddsa, hs256]] {
            let target = Target {
                genuine: token(&keys),
                keys: keys.iter().map(|key| OpenKey::open(key, &vault()).unwrap()).collect(),
                guesses: vec![
                    ("the server's secret", SECRET.into()),
                    ("the sealed key", keys[0].sealed.as_bytes().to_vec()),
                ],
            };
            let issuer = issuer_at(0, &keys);
            assert!(issuer.verify(&target.genuine).is_ok(), "or nothing that follows says anything");
            let corpus = forgeries(&target);
            assert!(corpus.len() > 4_000, "{}", corpus.len());
            for forgery in corpus {
                assert!(issuer.verify(&forgery.token).is_err(), "{}: {}", forgery.how, forgery.token);
            }
        }
    }

    #[test]
    fn s16_a_list_of_audiences_is_none_of_ours() {
        let keys = both();
        let mut claims = forgeries::claims(&token(&keys));
        assert!(issuer_at(0, &keys).verify(&signed(&keys[0], &claims)).is_ok());
        claims["aud"] = json!(["everybody"]);
        let refused = issuer_at(0, &keys).verify(&signed(&keys[0], &claims));
        assert!(matches!(refused, Err(TokenError::Invalid(_))), "{refused:?}");
    }

    #[test]
    fn s24_every_key_in_force_verifies_and_no_other() {
        let [hs256, eddsa] = both();
        let [old, new] = [token(std::slice::from_ref(&hs256)), token(std::slice::from_ref(&eddsa))];
        let verdicts = |keys: &[SigningKey]| [&old, &new].map(|token| issuer_at(0, keys).verify(token).is_ok());
        assert_eq!(verdicts(std::slice::from_ref(&hs256)), [true, false]);
        assert_eq!(verdicts(&[hs256.clone(), eddsa.clone()]), [true, true]);
        assert_eq!(verdicts(&[eddsa.clone(), hs256]), [true, true]);
        assert_eq!(verdicts(&[eddsa]), [false, true]);
        assert_eq!(verdicts(&[]), [false, false]);
    }

    #[test]
    fn without_a_key_nothing_is_signed() {
        assert!(issuer_at(0, &[]).issue(&said()).is_err());
    }
}
