use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Unexpected;
use domain::signing::{KeyId, SigningAlgorithm, SigningKey, SigningKeyRepository, signing_key};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::{Key, Keyring, Keys, Vault};

/// How often the store is asked which keys there are.
const PERIOD: Duration = Duration::from_secs(1);

/// Keeps a keyring as the store has it.
pub struct KeyringRefresh {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl KeyringRefresh {
    /// Reads the keys, and goes on doing so. Tokens are signed with the given algorithm, and verified with any.
    ///
    /// # Errors
    /// The store could not be read. Later on that is logged, and the last known keys stay in force.
    pub async fn start(
        store: Arc<dyn SigningKeyRepository>,
        vault: Arc<Vault>,
        algorithm: SigningAlgorithm,
    ) -> Result<(Arc<Keyring>, Self), Unexpected> {
        let keyring = Arc::<Keyring>::default();
        let mut look = Look { keyring: keyring.clone(), store, vault, algorithm, seen: HashMap::new() };
        look.take().await?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            stopped.run_until_cancelled(look.go_on()).await;
        });
        Ok((keyring, Self { stop, task }))
    }

    /// Stops; the keyring stays as it is.
    pub async fn stop(self) {
        self.stop.cancel();
        // The task ends at the token, or has panicked; either way it looks no more.
        drop(self.task.await);
    }
}

struct Look {
    keyring: Arc<Keyring>,
    store: Arc<dyn SigningKeyRepository>,
    vault: Arc<Vault>,
    algorithm: SigningAlgorithm,
    /// The keys in force of the last look: opened once, and warned of once where that cannot be done.
    seen: HashMap<KeyId, Option<Arc<Key>>>,
}

impl Look {
    async fn go_on(mut self) {
        let mut ticks = interval_at(Instant::now() + PERIOD, PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut has_failed = false;
        loop {
            ticks.tick().await;
            match self.take().await {
                Ok(()) if has_failed => tracing::info!("the signing keys can be read again"),
                Err(error) if !has_failed => {
                    tracing::warn!(%error, "the signing keys could not be read; the last known ones stay in force");
                }
                Ok(()) | Err(_) => continue,
            }
            has_failed = !has_failed;
        }
    }

    async fn take(&mut self) -> Result<(), Unexpected> {
        let stored: Vec<SigningKey> = self.store.list().await?.into_iter().filter(SigningKey::is_in_force).collect();
        let mut seen = HashMap::with_capacity(stored.len());
        for key in &stored {
            let known = self.seen.remove(&key.id).unwrap_or_else(|| self.open(key));
            seen.insert(key.id.clone(), known);
        }
        self.seen = seen;
        let opened = |key: &SigningKey| self.seen.get(&key.id)?.clone();
        let usable = stored.iter().filter(|key| opened(key).is_some());
        let signing = signing_key(usable, self.algorithm).and_then(opened);
        self.keyring.exchange(Keys { in_force: stored.iter().filter_map(opened).collect(), signing });
        Ok(())
    }

    fn open(&self, key: &SigningKey) -> Option<Arc<Key>> {
        let material = self.vault.open(key);
        let opened = material.and_then(|material| Key::new(key.id.clone(), key.algorithm, &material).ok());
        if opened.is_none() {
            tracing::warn!(
                kid = %key.id,
                "a signing key cannot be opened with this secret, and its tokens are refused: is auth.secret the same on \
                 every replica? If it was changed on purpose, `colloquy keys retire` the key"
            );
        }
        opened.map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use domain::signing::{KeyVault as _, MockSigningKeyRepository, NewSigningKey, PublishedKeys as _};
    use secrecy::SecretString;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    fn vault(secret: &str) -> Vault {
        Vault::new(&SecretString::from(secret)).unwrap()
    }

    fn key(algorithm: SigningAlgorithm, age: u64) -> SigningKey {
        let NewSigningKey { id, algorithm, sealed } = vault("secret").make(algorithm).unwrap();
        let created_at = chrono::DateTime::UNIX_EPOCH;
        SigningKey { id, algorithm, sealed, created_at, retired_at: None, age: Duration::from_secs(age) }
    }

    /// What the store says at each look.
    type Looks = Vec<Result<Vec<SigningKey>, Unexpected>>;

    /// A keyring over such a store, which tells when it is looked at. A look is over before anything else runs.
    async fn refreshed(mut looks: Looks) -> (Arc<Keyring>, KeyringRefresh, UnboundedReceiver<()>) {
        let (ask, mut asked) = unbounded_channel();
        let mut store = MockSigningKeyRepository::new();
        store.expect_list().returning(move || {
            ask.send(()).unwrap();
            looks.remove(0)
        });
        let vault = Arc::new(vault("secret"));
        let started = KeyringRefresh::start(Arc::new(store), vault, SigningAlgorithm::EdDsa).await;
        let (keyring, refresh) = started.unwrap();
        asked.recv().await;
        (keyring, refresh, asked)
    }

    /// The names of the keys in force, and which of them signs.
    fn names(keyring: &Keyring, keys: &[&SigningKey]) -> (Vec<usize>, Option<usize>) {
        let current = keyring.keys();
        let place = |key: &Key| {
            let encoded = |other: &SigningKey| {
                let material = vault("secret").open(other)?;
                Some(Key::new(other.id.clone(), other.algorithm, &material).unwrap().encoded_header().to_owned())
            };
            keys.iter().position(|other| encoded(other).as_deref() == Some(key.encoded_header())).unwrap()
        };
        (current.in_force.iter().map(|key| place(key)).collect(), current.signing.as_ref().map(|key| place(key)))
    }

    #[tokio::test(start_paused = true)]
    async fn the_keyring_follows_the_store() {
        let [old, new] = [key(SigningAlgorithm::EdDsa, 60), key(SigningAlgorithm::EdDsa, 0)];
        let other = key(SigningAlgorithm::Hs256, 60);
        let settled = SigningKey { age: Duration::from_secs(5), ..new.clone() };
        let retired = SigningKey { retired_at: Some(chrono::DateTime::UNIX_EPOCH), ..old.clone() };
        let looks = vec![
            Ok(vec![old.clone(), other.clone()]),
            Ok(vec![old.clone(), other.clone(), new.clone()]),
            Ok(vec![old.clone(), other.clone(), settled.clone()]),
            Ok(vec![retired, other.clone(), settled]),
        ];
        let all = [&old, &other, &new];
        let (keyring, refresh, mut looked) = refreshed(looks).await;
        assert_eq!(names(&keyring, &all), (vec![0, 1], Some(0)));
        assert_eq!(keyring.published().len(), 1);
        looked.recv().await;
        assert_eq!(names(&keyring, &all), (vec![0, 1, 2], Some(0)), "a new key verifies before it signs");
        assert_eq!(keyring.published().iter().map(|key| &key.id).collect::<Vec<_>>(), [&old.id, &new.id]);
        looked.recv().await;
        assert_eq!(names(&keyring, &all), (vec![0, 1, 2], Some(2)));
        looked.recv().await;
        assert_eq!(names(&keyring, &all), (vec![1, 2], Some(2)));
        refresh.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_store_is_away_the_last_known_keys_stay() {
        let (old, new) = (key(SigningAlgorithm::EdDsa, 60), key(SigningAlgorithm::EdDsa, 60));
        let looks = vec![
            Ok(vec![old.clone()]),
            Err(Unexpected::unavailable("away")),
            Err(Unexpected::unavailable("away")),
            Ok(vec![old.clone(), new.clone()]),
        ];
        let (keyring, _refresh, mut looked) = refreshed(looks).await;
        for _ in 0..2 {
            looked.recv().await;
            assert_eq!(names(&keyring, &[&old, &new]), (vec![0], Some(0)));
        }
        looked.recv().await;
        assert_eq!(names(&keyring, &[&old, &new]), (vec![0, 1], Some(1)));
    }

    #[tokio::test]
    async fn what_another_secret_sealed_is_left_out() {
        let good = key(SigningAlgorithm::EdDsa, 60);
        let NewSigningKey { id, algorithm, sealed } = vault("another").make(SigningAlgorithm::EdDsa).unwrap();
        let foreign = SigningKey { id, algorithm, sealed, ..good.clone() };
        let (keyring, ..) = refreshed(vec![Ok(vec![good.clone(), foreign])]).await;
        assert_eq!(names(&keyring, &[&good]), (vec![0], Some(0)));
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_read_at_the_start_is_an_error() {
        let mut store = MockSigningKeyRepository::new();
        store.expect_list().returning(|| Err(Unexpected::unavailable("away")));
        let started = KeyringRefresh::start(Arc::new(store), Arc::new(vault("secret")), SigningAlgorithm::EdDsa).await;
        assert!(started.is_err());
    }
}
