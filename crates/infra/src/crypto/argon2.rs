use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Params, Version};
use async_trait::async_trait;
use domain::Unexpected;
use domain::user::{HashError, HashedPassword, Password, PasswordHasher, UnusableHash, Verification};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::oneshot;

use super::stored::StoredHash;
use super::workspace::Workspace;

/// How dear a hash is (RFC 9106), and how many are made at once.
#[derive(Clone, Copy, Debug)]
pub struct Argon2Settings {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// Threads that hash; each uses the memory of one hash.
    pub concurrency: usize,
    /// The most hashes that wait for a thread.
    pub queue: usize,
}

/// Why the hasher could not be made.
#[derive(Debug, thiserror::Error)]
pub enum InvalidArgon2Settings {
    /// The parameters are out of the algorithm's bounds.
    #[error("argon2 does not accept these parameters: {0}")]
    Parameters(String),
    /// The operating system refused a thread.
    #[error("a hashing thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

type Job = Box<dyn FnOnce(&Workspace) + Send>;

/// argon2id on threads of its own, so that a flood of logins starves nothing else. Hashes that an import brought are
/// compared there too.
pub struct Argon2Hasher {
    queue: SyncSender<Job>,
    params: Params,
    dummy: HashedPassword,
}

impl Argon2Hasher {
    /// Starts the threads.
    pub fn new(settings: Argon2Settings) -> Result<Self, InvalidArgon2Settings> {
        let params = Params::new(settings.memory_kib, settings.iterations, settings.parallelism, None)
            .map_err(|error| InvalidArgon2Settings::Parameters(error.to_string()))?;
        let dummy = dummy(&params).map_err(|error| InvalidArgon2Settings::Parameters(error.to_string()))?;
        let (queue, jobs) = mpsc::sync_channel::<Job>(settings.queue);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..settings.concurrency.max(1) {
            let (jobs, params) = (jobs.clone(), params.clone());
            thread::Builder::new().name(format!("argon2-{number}")).spawn(move || work(&jobs, params))?;
        }
        Ok(Self { queue, params, dummy })
    }

    async fn run<T: Send + 'static>(&self, job: impl FnOnce(&Workspace) -> T + Send + 'static) -> Result<T, HashError> {
        let (reply, outcome) = oneshot::channel();
        let job: Job = Box::new(move |argon2| {
            // A caller who no longer waits needs no hash.
            if !reply.is_closed() {
                drop(reply.send(job(argon2)));
            }
        });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => HashError::Overloaded,
            TrySendError::Disconnected(_) => Unexpected::new("the hashing threads are gone").into(),
        })?;
        outcome.await.map_err(|error| Unexpected::new(error).into())
    }
}

/// A hash that no password has, to be compared with where there is none: a salt and an output out of thin air,
/// which take as long to compare as any other. Making a real one would take the memory of one at every start.
fn dummy(params: &Params) -> argon2::password_hash::Result<HashedPassword> {
    let mut random = [0; 48];
    getrandom::fill(&mut random).map_err(|_| argon2::password_hash::Error::Crypto)?;
    let (salt, output) = random.split_at(16);
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(output)?),
    };
    Ok(HashedPassword::new(hash.to_string()))
}

fn work(jobs: &Mutex<Receiver<Job>>, params: Params) {
    let argon2 = Workspace::new(params);
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // A panic costs its caller an answer, and nobody else a thread.
        drop(catch_unwind(AssertUnwindSafe(|| job(&argon2))));
    }
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: Password) -> Result<HashedPassword, HashError> {
        let hash = self.run(move |argon2| {
            argon2.hash_password(password.secret().expose_secret().as_bytes()).map(|hash| hash.to_string())
        });
        Ok(HashedPassword::new(hash.await?.map_err(|error| Unexpected::new(error.to_string()))?))
    }

    async fn verify(&self, attempt: SecretString, hash: Option<HashedPassword>) -> Result<Verification, HashError> {
        let params = self.params.clone();
        // Whatever cannot be used, or would take too long, is as good as none.
        let usable = hash.and_then(|hash| StoredHash::parse(&hash, &params).ok());
        let is_known = usable.is_some();
        let hash = match usable {
            Some(hash) => hash,
            None => StoredHash::parse(&self.dummy, &params).map_err(Unexpected::new)?,
        };
        let verification = self.run(move |argon2| {
            let matches = hash.matches(attempt.expose_secret().as_bytes(), argon2);
            match (matches, hash.is_outdated(&params)) {
                (false, _) => Verification::Mismatch,
                (true, true) => Verification::MatchOutdated,
                (true, false) => Verification::Match,
            }
        });
        let verification = verification.await?;
        Ok(if is_known { verification } else { Verification::Mismatch })
    }

    fn accepts(&self, hash: &HashedPassword) -> Result<(), UnusableHash> {
        StoredHash::parse(hash, &self.params).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Argon2Settings =
        Argon2Settings { memory_kib: 64, iterations: 1, parallelism: 1, concurrency: 1, queue: 8 };

    fn password(text: &str) -> Password {
        Password::try_from(SecretString::from(text)).unwrap()
    }

    #[tokio::test]
    async fn a_hash_matches_its_password_and_no_other() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        let hash = hasher.hash(password("correct horse")).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        assert_eq!(hasher.verify("correct horse".into(), Some(hash.clone())).await.unwrap(), Verification::Match);
        assert_eq!(hasher.verify("correct horsf".into(), Some(hash)).await.unwrap(), Verification::Mismatch);
    }

    #[tokio::test]
    async fn nothing_of_a_long_password_is_cut() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        let long: String = ('a'..='z').cycle().take(100).collect();
        let hash = hasher.hash(password(&long)).await.unwrap();
        let changed = format!("{}!", &long[..99]);
        assert_eq!(hasher.verify(changed.as_str().into(), Some(hash)).await.unwrap(), Verification::Mismatch);
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        let (one, two) = (hasher.hash(password("correct horse")).await, hasher.hash(password("correct horse")).await);
        assert_ne!(one.unwrap().expose(), two.unwrap().expose());
    }

    #[tokio::test]
    async fn where_there_is_no_hash_the_same_work_is_done_and_nothing_matches() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        assert_eq!(hasher.verify("whatever".into(), None).await.unwrap(), Verification::Mismatch);
        let real = hasher.hash(password("correct horse")).await.unwrap();
        let shape = |hash: &HashedPassword| {
            let parsed = PasswordHash::new(hash.expose()).unwrap();
            let lengths = (parsed.salt.unwrap().len(), parsed.hash.unwrap().len());
            (parsed.algorithm, parsed.version, parsed.params, lengths)
        };
        assert_eq!(shape(&hasher.dummy), shape(&real), "a hash of another shape would take another time");
    }

    #[tokio::test]
    async fn a_hash_with_weaker_parameters_is_outdated() {
        let weak = Argon2Hasher::new(CHEAP).unwrap().hash(password("correct horse")).await.unwrap();
        let strong = Argon2Hasher::new(Argon2Settings { memory_kib: 128, ..CHEAP }).unwrap();
        assert_eq!(strong.verify("correct horse".into(), Some(weak)).await.unwrap(), Verification::MatchOutdated);
    }

    #[tokio::test]
    async fn an_imported_hash_matches_and_is_outdated() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        let imported = HashedPassword::new("$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG");
        assert_eq!(hasher.accepts(&imported), Ok(()));
        let verify = async |attempt: &str| hasher.verify(attempt.into(), Some(imported.clone())).await.unwrap();
        assert_eq!(verify("correct horse battery staple").await, Verification::MatchOutdated);
        assert_eq!(verify("correct horse battery stable").await, Verification::Mismatch);
    }

    #[tokio::test]
    async fn a_stored_hash_that_would_take_gigabytes_is_not_computed() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        let real = hasher.hash(password("correct horse")).await.unwrap();
        let dear = HashedPassword::new(real.expose().replace("m=64,", "m=4194304,"));
        assert_eq!(hasher.accepts(&dear), Err(UnusableHash::TooDear));
        assert_eq!(hasher.verify("correct horse".into(), Some(dear)).await.unwrap(), Verification::Mismatch);
    }

    #[tokio::test]
    async fn a_stored_hash_that_is_none_matches_nothing() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        for broken in ["", "plain", "$argon2id$v=19$m=64,t=1,p=1$", "$2b$12$abc"] {
            let verification = hasher.verify("plain".into(), Some(HashedPassword::new(broken))).await.unwrap();
            assert_eq!(verification, Verification::Mismatch, "{broken}");
        }
    }

    #[tokio::test]
    async fn more_than_the_queue_holds_is_refused() {
        let hasher = Argon2Hasher::new(Argon2Settings { queue: 1, ..CHEAP }).unwrap();
        let (release, released) = mpsc::channel::<()>();
        let (started, has_started) = oneshot::channel();
        let busy = hasher.run(move |_| {
            started.send(()).unwrap();
            released.recv().unwrap();
        });
        let waiting = async {
            has_started.await.unwrap();
            let first = hasher.run(|_| ());
            let second = async {
                assert!(matches!(hasher.run(|_| ()).await, Err(HashError::Overloaded)));
                release.send(()).unwrap();
            };
            tokio::join!(first, second).0.unwrap();
        };
        tokio::join!(busy, waiting).0.unwrap();
    }
}
