//! No forged token is accepted (S15, S16): the whole corpus, against a server with keys of both algorithms in force.

use std::collections::BTreeMap;

use domain::signing::SigningAlgorithm;
use futures_util::{StreamExt, stream};
use infra::crypto::Vault;
use infra::crypto::forgeries::{Forgery, OpenKey, Target, forgeries};
use infra::store::{Opener, open};
use reqwest::Method;

use crate::support::client::{Caller, Client, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;

const SECRET: &str = "a secret that seals the keys of one test, and nothing else";
/// How many requests are on their way at once.
const AT_ONCE: usize = 16;

#[tokio::test]
async fn s15_every_forgery_of_an_hs256_token_is_401() {
    every_forgery_is_401("HS256", "EdDSA").await;
}

#[tokio::test]
async fn s15_every_forgery_of_an_eddsa_token_is_401() {
    every_forgery_is_401("EdDSA", "HS256").await;
}

async fn every_forgery_is_401(signs: &str, verifies: &str) {
    let installation = Installation::new(Backend::Sqlite).set("auth.secret", SECRET).set("auth.algorithm", signs);
    installation.run(&["keys", "add", "--algorithm", verifies]).await.printed();
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let (target, forger) = target(&installation, &ada, signs).await;

    // The forger can sign: nothing but what is wrong with a forgery can be why it is refused.
    let harmless = forger.sign(&infra::crypto::forgeries::claims(&target.genuine).to_string());
    assert_eq!(status(&server.client(), &harmless).await, 200);

    let corpus = forgeries(&target);
    assert!(corpus.len() > 4_000, "{}", corpus.len());
    let client = server.client();
    let asked = stream::iter(corpus).map(async |Forgery { how, token }| (how, status(&client, &token).await));
    let accepted: BTreeMap<String, u16> =
        asked.buffer_unordered(AT_ONCE).filter(|(_, status)| std::future::ready(*status != 401)).collect().await;
    assert_eq!(accepted, BTreeMap::new());
    assert_eq!(status(&client, &target.genuine).await, 200, "the live token still lives");
}

/// What is to be forged, and the key that signed it.
async fn target(installation: &Installation, ada: &Caller, signs: &str) -> (Target, OpenKey) {
    let store = open(installation.database().settings(), Opener::Command).unwrap();
    let stored = store.signing_keys.list().await.unwrap();
    let vault = Vault::new(&SECRET.to_owned().into()).unwrap();
    let opened = || stored.iter().map(|key| OpenKey::open(key, &vault).unwrap());
    let algorithm: SigningAlgorithm = signs.parse().unwrap();
    let forger = opened().find(|key| key.algorithm() == algorithm).unwrap();
    let mut guesses = vec![("the server's secret", SECRET.into())];
    guesses.extend(stored.iter().map(|key| ("a sealed key", key.sealed.as_bytes().to_vec())));
    (Target { genuine: ada.token().to_owned(), keys: opened().collect(), guesses }, forger)
}

async fn status(client: &Client, token: &str) -> u16 {
    sent(client.request(Method::GET, "/api/v1/me").header("authorization", format!("Bearer {token}"))).await.status
}
