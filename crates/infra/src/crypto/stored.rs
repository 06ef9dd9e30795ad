//! What hashes are compared with: ours, and those that an import brought.

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Params, Version};
use bcrypt::HashParts;
use domain::user::{HashedPassword, UnusableHash};

/// The dearest argon2 hash that is computed, unless more is configured: twice the memory of other systems' defaults.
const MAX_MEMORY_KIB: u32 = 128 * 1024;
const MAX_ITERATIONS: u32 = 16;
const MAX_LANES: u32 = 16;
/// The dearest bcrypt hash that is computed: about a second. Each step more doubles it.
const MAX_BCRYPT_COST: u32 = 14;
const MIN_BCRYPT_COST: u32 = 4;

/// A hash that may be computed: it is one, and is not so dear that whoever tries a password could stall the server.
pub(super) enum StoredHash {
    Argon2(Box<PasswordHash>),
    Bcrypt(String),
}

impl StoredHash {
    /// `today` is how dear our own hashes are, which are accepted at any rate.
    pub(super) fn parse(hash: &HashedPassword, today: &Params) -> Result<Self, UnusableHash> {
        if hash.expose().starts_with("$argon2") { argon2(hash, today) } else { bcrypt(hash) }
    }

    /// Whether `attempt` is the password behind it. The results are compared in constant time.
    pub(super) fn matches(&self, attempt: &[u8], argon2: &impl PasswordVerifier<PasswordHash>) -> bool {
        match self {
            Self::Argon2(hash) => argon2.verify_password(attempt, &**hash).is_ok(),
            Self::Bcrypt(hash) => bcrypt::verify(attempt, hash).unwrap_or(false),
        }
    }

    /// Whether it is cheaper to attack than one that would be made today.
    pub(super) fn is_outdated(&self, today: &Params) -> bool {
        let Self::Argon2(hash) = self else { return true };
        Params::try_from(&**hash).map_or(true, |params| {
            Algorithm::try_from(hash.algorithm.as_str()) != Ok(Algorithm::Argon2id)
                || hash.version != Some(Version::V0x13.into())
                || params.m_cost() < today.m_cost()
                || params.t_cost() < today.t_cost()
                || params.p_cost() < today.p_cost()
        })
    }
}

fn argon2(hash: &HashedPassword, today: &Params) -> Result<StoredHash, UnusableHash> {
    let parsed = PasswordHash::new(hash.expose()).map_err(|_| UnusableHash::Unknown)?;
    let params = Params::try_from(&parsed).map_err(|_| UnusableHash::Unknown)?;
    if parsed.salt.is_none() || parsed.hash.is_none() || Algorithm::try_from(parsed.algorithm.as_str()).is_err() {
        return Err(UnusableHash::Unknown);
    }
    if params.m_cost() > MAX_MEMORY_KIB.max(today.m_cost())
        || params.t_cost() > MAX_ITERATIONS.max(today.t_cost())
        || params.p_cost() > MAX_LANES.max(today.p_cost())
    {
        return Err(UnusableHash::TooDear);
    }
    Ok(StoredHash::Argon2(Box::new(parsed)))
}

/// `$2a$`, `$2b$` and `$2y$` are the same for every password without a NUL. `$2x$` marks hashes of an implementation
/// that got other letters than ASCII wrong, and is not computed here.
fn bcrypt(hash: &HashedPassword) -> Result<StoredHash, UnusableHash> {
    let text = hash.expose();
    let parts: HashParts = text.parse().map_err(|_| UnusableHash::Unknown)?;
    if text.starts_with("$2x$") || parts.get_cost() < MIN_BCRYPT_COST {
        return Err(UnusableHash::Unknown);
    }
    if parts.get_cost() > MAX_BCRYPT_COST {
        Err(UnusableHash::TooDear)
    } else {
        Ok(StoredHash::Bcrypt(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use argon2::Argon2;

    use super::*;

    const PASSWORD: &str = "correct horse battery staple";
    /// Made with libxcrypt 4.4, so that what is checked is not checked against itself.
    const OF_PASSWORD: [&str; 4] = [
        "$2a$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG",
        "$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG",
        "$2y$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG",
        "$2b$12$R9h7cIPz0gi.URNNX3kh2OhIGXpIYxnuxoZdFKFEMcmArxPLtuxDC",
    ];
    const OF_OTHER_LETTERS: &str = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.2q/txF3vOMMh9wNLbyRovuR1VVWUnb2";
    const OF_EIGHTY_A: &str = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.mDyzbhj.9K0apb9O/AGMWwoLXiYAu6u";

    fn today() -> Params {
        Params::new(64, 1, 1, None).unwrap()
    }

    fn parse(hash: &str) -> Result<StoredHash, UnusableHash> {
        StoredHash::parse(&HashedPassword::new(hash), &today())
    }

    fn matches(hash: &str, attempt: &str) -> bool {
        parse(hash).unwrap().matches(attempt.as_bytes(), &Argon2::default())
    }

    #[test]
    fn bcrypt_hashes_of_another_implementation_match_their_passwords_and_no_other() {
        for hash in OF_PASSWORD {
            assert!(matches(hash, PASSWORD), "{hash}");
            assert!(!matches(hash, "correct horse battery stable"), "{hash}");
            assert!(parse(hash).unwrap().is_outdated(&today()), "{hash}");
        }
        assert!(matches(OF_OTHER_LETTERS, "grün ñandú"));
        assert!(!matches(OF_OTHER_LETTERS, "grun nandu"));
        assert!(matches(OF_EIGHTY_A, &"a".repeat(80)));
        assert!(!matches(OF_EIGHTY_A, &"a".repeat(71)), "bcrypt looks at 72 bytes");
    }

    #[test]
    fn argon2_hashes_of_another_implementation_match() {
        // A test vector of the reference implementation.
        let hash = "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
        assert!(matches(hash, "password"));
        assert!(!matches(hash, "passwore"));
        assert!(parse(hash).unwrap().is_outdated(&today()), "argon2i gives way to argon2id");
    }

    #[test]
    fn what_is_no_hash_or_a_broken_one_is_unknown() {
        let dollar_x = OF_PASSWORD[0].replacen("$2a$", "$2x$", 1);
        let cheap = OF_PASSWORD[0].replacen("$04$", "$03$", 1);
        for bad in [
            "",
            "plain",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "$1$salt$hash",
            "$6$salt$hash",
            "$2b$12$abc",
            "$2$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CGx",
            "$argon2id$v=19$m=64,t=1,p=1$",
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
            "$argon2x$v=19$m=64,t=1,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
            &dollar_x,
            &cheap,
            &format!("{}\n", OF_PASSWORD[0]),
        ] {
            assert_eq!(parse(bad).err(), Some(UnusableHash::Unknown), "{bad}");
        }
    }

    #[test]
    fn what_is_too_dear_is_never_computed() {
        let tail = "$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
        for parameters in ["m=4194304,t=1,p=1", "m=131073,t=1,p=1", "m=1024,t=17,p=1", "m=1024,t=1,p=17"] {
            let hash = format!("$argon2id$v=19${parameters}{tail}");
            assert_eq!(parse(&hash).err(), Some(UnusableHash::TooDear), "{hash}");
        }
        assert!(parse(&format!("$argon2id$v=19$m=131072,t=16,p=16{tail}")).is_ok());
        for cost in [15, 31] {
            let hash = OF_PASSWORD[0].replacen("$04$", &format!("${cost}$"), 1);
            assert_eq!(parse(&hash).err(), Some(UnusableHash::TooDear), "{hash}");
        }
        let own = HashedPassword::new(format!("$argon2id$v=19$m=262144,t=20,p=1{tail}"));
        assert!(StoredHash::parse(&own, &Params::new(262_144, 20, 1, None).unwrap()).is_ok(), "as dear as ours");
    }
}
