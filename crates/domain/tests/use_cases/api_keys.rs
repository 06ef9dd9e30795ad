use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::Unexpected;
use domain::access::Principal;
use domain::api_key::{
    ApiKeySecret, ApiKeyService, CreateKeyError, CreatedKey, KeyName, KeyWish, MockApiKeyRepository,
};
use domain::audit::AuditKind;
use domain::id::ApiKeyId;
use domain::page::{Order, Page, PageRequest};
use domain::session::OpaqueTokens;
use proptest::prelude::*;

use super::opaque::{Fnv, SECRET, exhausted, hash, opaque};
use super::{KEY, ada, caller, client, clock, ids, is_ada_own, moment, program, silent_trail, stale_caller, uuid};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn wish() -> KeyWish {
    KeyWish { name: "laptop".to_owned(), scopes: vec!["usage:read".to_owned()], expires_at: None }
}

fn service(keys: MockApiKeyRepository, opaque: impl OpaqueTokens + 'static) -> ApiKeyService {
    ApiKeyService::new(Arc::new(keys), Arc::new(opaque), clock(), ids(), silent_trail())
}

/// What comes of the wish, if nothing may be stored.
async fn refused(by: &Principal, wish: KeyWish) -> CreateKeyError {
    service(MockApiKeyRepository::new(), opaque()).create(by, wish, client()).await.unwrap_err()
}

async fn created(wish: KeyWish) -> CreatedKey {
    let mut keys = MockApiKeyRepository::new();
    keys.expect_create().once().returning(|_, _| Ok(()));
    service(keys, opaque()).create(&caller(), wish, client()).await.unwrap()
}

#[tokio::test]
async fn a_key_is_stored_as_its_hash_and_told_once() {
    let id = ApiKeyId::from_uuid(uuid(1));
    let secret = ApiKeySecret::new(id, &SECRET.into(), &Fnv).expose().to_owned();
    let mut keys = MockApiKeyRepository::new();
    let stored = hash(&secret);
    keys.expect_create()
        .once()
        .withf(move |key, event| {
            (key.id, key.user_id, key.hash) == (id, ada().id, stored)
                && (key.name.as_str(), key.scopes.to_string().as_str()) == ("laptop", "usage:read")
                && (key.created_at, key.expires_at) == (moment(), moment() + 90 * DAY)
                && is_ada_own(event, AuditKind::KeyCreated)
                && (event.object, event.detail.as_deref()) == (Some(id.as_uuid()), Some("usage:read"))
        })
        .returning(|_, _| Ok(()));
    let created = service(keys, opaque()).create(&caller(), wish(), client()).await.unwrap();
    assert_eq!(created.secret.expose(), secret);
    assert_eq!((created.key.id, created.key.last_used_at), (id, None));
    assert_eq!((created.key.created_at, created.key.expires_at), (moment(), moment() + 90 * DAY));
    assert!(!format!("{created:?}").contains(SECRET), "it is never printed");
}

/// No key makes keys, whatever it passes on.
#[tokio::test]
async fn without_a_password_a_moment_ago_there_is_no_key() {
    for by in [stale_caller(), program()] {
        assert!(matches!(refused(&by, wish()).await, CreateKeyError::NotFresh));
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_named_at_once() {
    let wish = KeyWish { name: String::new(), scopes: vec!["everything".to_owned()], expires_at: Some(moment()) };
    let CreateKeyError::Invalid { name, scopes, expires_at } = refused(&caller(), wish).await else { panic!() };
    assert!(name.is_some() && scopes.is_some() && expires_at);

    let nothing = KeyWish { scopes: Vec::new(), ..wish_until(None) };
    let error = refused(&caller(), nothing).await;
    assert!(matches!(error, CreateKeyError::Invalid { name: None, scopes: Some(_), expires_at: false }), "{error:?}");
    let long = KeyWish { name: "x".repeat(KeyName::MAX + 1), ..wish_until(None) };
    let error = refused(&caller(), long).await;
    assert!(matches!(error, CreateKeyError::Invalid { name: Some(_), scopes: None, expires_at: false }), "{error:?}");
}

fn wish_until(expires_at: Option<DateTime<Utc>>) -> KeyWish {
    KeyWish { expires_at, ..wish() }
}

#[tokio::test]
async fn a_key_is_good_for_a_moment_at_least_and_a_year_at_most() {
    let (shortest, longest) = (moment() + TimeDelta::microseconds(1), moment() + 366 * DAY);
    for end in [shortest, longest] {
        assert_eq!(created(wish_until(Some(end))).await.key.expires_at, end);
    }
    for end in [moment(), DateTime::<Utc>::MIN_UTC, longest + TimeDelta::microseconds(1), DateTime::<Utc>::MAX_UTC] {
        let error = refused(&caller(), wish_until(Some(end))).await;
        assert!(matches!(error, CreateKeyError::Invalid { name: None, scopes: None, expires_at: true }), "{end}");
    }
}

#[tokio::test]
async fn without_randomness_there_is_no_key() {
    let service = service(MockApiKeyRepository::new(), exhausted());
    let error = service.create(&caller(), wish(), client()).await.unwrap_err();
    assert!(matches!(error, CreateKeyError::Unexpected(_)), "{error:?}");
}

#[tokio::test]
async fn a_key_that_could_not_be_stored_is_not_told() {
    let mut keys = MockApiKeyRepository::new();
    keys.expect_create().once().returning(|_, _| Err(Unexpected::unavailable("the store is down")));
    let error = service(keys, opaque()).create(&caller(), wish(), client()).await.unwrap_err();
    assert!(matches!(error, CreateKeyError::Unexpected(source) if source.is_unavailable()));
}

/// Taking power away needs no password.
#[tokio::test]
async fn the_callers_own_keys_are_listed_and_revoked() {
    for is_there in [true, false] {
        let mut keys = MockApiKeyRepository::new();
        keys.expect_revoke()
            .once()
            .withf(|owner, id, event| {
                (*owner, *id) == (ada().id, KEY)
                    && is_ada_own(event, AuditKind::KeyRevoked)
                    && event.object == Some(KEY.as_uuid())
            })
            .returning(move |_, _, _| Ok(is_there));
        keys.expect_list()
            .once()
            .withf(|owner, _| *owner == ada().id)
            .returning(|_, _| Ok(Page { items: Vec::new(), has_more: false }));
        let service = service(keys, opaque());
        assert_eq!(service.revoke(&stale_caller(), KEY, client()).await.unwrap(), is_there);
        service.list(&stale_caller(), PageRequest::first(Order::Ascending)).await.unwrap();
    }
}

fn secrets() -> impl Strategy<Value = (ApiKeyId, String)> {
    (any::<u128>().prop_map(|id| ApiKeyId::from_uuid(uuid(id))), "[A-Za-z0-9_-]{43}")
}

proptest! {
    #[test]
    fn a_key_is_read_as_it_was_written((id, secret) in secrets()) {
        let key = ApiKeySecret::new(id, &secret.into(), &Fnv);
        prop_assert!(ApiKeySecret::looks_like_one(key.expose()));
        prop_assert_eq!(ApiKeySecret::parse(key.expose(), &Fnv), Some((id, key.hash(&Fnv))));
    }

    #[test]
    fn a_key_in_which_a_character_is_another_is_none((id, secret) in secrets(), other in any::<char>()) {
        let key = ApiKeySecret::new(id, &secret.into(), &Fnv).expose().to_owned();
        let characters: Vec<char> = key.chars().collect();
        for place in 0..characters.len() {
            // The nearest of its alphabet, its other case, and anything.
            for other in ['0', 'f', '_', '-', swap_case(characters[place]), other] {
                let mut changed = characters.clone();
                changed[place] = other;
                if changed != characters {
                    let changed: String = changed.iter().collect();
                    prop_assert_eq!(ApiKeySecret::parse(&changed, &Fnv), None, "{}", changed);
                }
            }
            let mut shorter = characters.clone();
            shorter.remove(place);
            prop_assert_eq!(ApiKeySecret::parse(&shorter.iter().collect::<String>(), &Fnv), None);
        }
    }

    #[test]
    fn whatever_comes_is_no_reason_to_panic(text in "(clq_)?([0-9a-f]{32}_)?\\PC{0,60}") {
        prop_assert_eq!(ApiKeySecret::parse(&text, &Fnv), None);
    }
}

fn swap_case(c: char) -> char {
    if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
}
