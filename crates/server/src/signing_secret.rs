//! The secret that seals the keys of access tokens: given in production, made once and kept elsewhere.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::problem::Problem;
use crate::settings::{Configuration, Profile};

const FILE_NAME: &str = "secret.key";
const RANDOM_BYTES: usize = 32;

/// The secret, and where it came from.
pub struct SigningSecret {
    /// The secret itself, as text.
    pub secret: SecretString,
    /// Where it came from.
    pub source: SecretSource,
}

/// Where the secret came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// `auth.secret`.
    Settings,
    /// The file of an earlier start.
    Kept {
        /// The file.
        path: PathBuf,
        /// Whether others on this machine could read it; now they cannot.
        was_exposed: bool,
    },
    /// It was made now and put into this file.
    Generated(PathBuf),
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Production makes none up.
    #[error("`auth.secret` is empty, and the profile `production` makes up no secret")]
    Missing,
    /// No randomness.
    #[error("the system gives no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The file holds something else.
    #[error("the file of the signing secret is damaged")]
    Damaged(PathBuf),
    /// The file, or its directory, cannot be used.
    #[error("the file of the signing secret cannot be used: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl SecretError {
    /// What to tell a person.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Missing => Problem::new(
                self,
                "auth.secret, or environment variable COLLOQUY__AUTH__SECRET",
                "set it to at least 32 random bytes, the same on every replica: `openssl rand -hex 32` makes one",
            ),
            Self::Randomness(_) => Problem::new(self, "getrandom", "set COLLOQUY__AUTH__SECRET to 32 random bytes"),
            Self::Damaged(path) => Problem::new(
                self,
                path.display(),
                "restore it from a backup, or remove it: a new one is made, and everybody has to log in again",
            ),
            Self::File { path, .. } => Problem::new(
                self,
                path.display(),
                "let COLLOQUY_DATA_DIR name a directory that this user may write, or set COLLOQUY__AUTH__SECRET",
            ),
        }
    }
}

/// The secret that the settings give, or that the data directory keeps; if neither does, a new one is kept there.
///
/// A file that others could read is closed to them.
pub fn resolve(configuration: &Configuration) -> Result<SigningSecret, SecretError> {
    if let Some(found) = find(configuration)? {
        if let SecretSource::Kept { path, was_exposed: true } = &found.source {
            let closed = fs::set_permissions(path, Permissions::from_mode(0o600));
            closed.map_err(|source| SecretError::File { path: path.clone(), source })?;
        }
        return Ok(found);
    }
    match generate(&configuration.data_dir)? {
        Some(generated) => Ok(generated),
        // Another process was faster, and what it made is what both must use.
        None => resolve(configuration),
    }
}

/// The secret, if there is one already. Nothing is changed.
pub fn find(configuration: &Configuration) -> Result<Option<SigningSecret>, SecretError> {
    if let Some(secret) = configuration.settings.auth.secret.get() {
        return Ok(Some(SigningSecret { secret: secret.clone(), source: SecretSource::Settings }));
    }
    if configuration.profile == Profile::Production {
        return Err(SecretError::Missing);
    }
    let path = configuration.data_dir.join(FILE_NAME);
    let mode = match fs::metadata(&path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SecretError::File { path, source }),
    };
    let secret = read(&path)?;
    Ok(Some(SigningSecret { secret, source: SecretSource::Kept { path, was_exposed: mode & 0o077 != 0 } }))
}

fn generate(data_dir: &Path) -> Result<Option<SigningSecret>, SecretError> {
    let path = data_dir.join(FILE_NAME);
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(SecretError::Randomness)?;
    let secret = hexadecimal(&bytes);
    match create_data_dir(data_dir).and_then(|()| create_once(&path, &secret)) {
        Ok(true) => Ok(Some(SigningSecret { secret, source: SecretSource::Generated(path) })),
        Ok(false) => Ok(None),
        Err(source) => Err(SecretError::File { path, source }),
    }
}

/// Makes the directory for embedded data, which nobody else may read. One that exists is left as it is.
pub fn create_data_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn read(path: &Path) -> Result<SecretString, SecretError> {
    let text = fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::InvalidData => SecretError::Damaged(path.to_owned()),
        _ => SecretError::File { path: path.to_owned(), source },
    })?;
    let secret = text.trim();
    if secret.len() == 2 * RANDOM_BYTES && secret.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(SecretString::from(secret))
    } else {
        Err(SecretError::Damaged(path.to_owned()))
    }
}

/// Puts a whole file there or none, for its owner only. `false` if another process was faster.
///
/// The name appears by a hard link from a finished file, so that nobody ever reads half a secret.
fn create_once(path: &Path, secret: &SecretString) -> io::Result<bool> {
    let draft = path.with_extension(format!("key.{}", std::process::id()));
    let linked = write_private(&draft, secret).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Ok(()) => {
            if let Some(directory) = path.parent() {
                File::open(directory)?.sync_all()?;
            }
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn write_private(path: &Path, secret: &SecretString) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{}", secret.expose_secret())?;
    file.sync_all()
}

fn hexadecimal(bytes: &[u8]) -> SecretString {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    SecretString::from(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Environment, Flags, load};

    fn configuration(variables: &[(&str, &str)]) -> Configuration {
        load(&variables.iter().copied().collect::<Environment>(), &Flags::default()).unwrap()
    }

    fn kept_in(data_dir: &Path) -> Result<SigningSecret, SecretError> {
        resolve(&configuration(&[("COLLOQUY_DATA_DIR", data_dir.to_str().unwrap())]))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn production_makes_up_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().to_str().unwrap();
        let bare = configuration(&[("COLLOQUY_PROFILE", "production"), ("COLLOQUY_DATA_DIR", data_dir)]);
        assert!(matches!(resolve(&bare), Err(SecretError::Missing)));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

        let secret = "0123456789abcdef0123456789abcdef";
        let given = configuration(&[("COLLOQUY_PROFILE", "production"), ("COLLOQUY__AUTH__SECRET", secret)]);
        let resolved = resolve(&given).unwrap();
        assert_eq!((resolved.secret.expose_secret(), resolved.source), (secret, SecretSource::Settings));
    }

    #[test]
    fn a_secret_is_made_once_and_is_its_owners() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("new/data");
        let first = kept_in(&data_dir).unwrap();
        let path = data_dir.join("secret.key");
        assert_eq!(first.source, SecretSource::Generated(path.clone()));
        assert_eq!((mode(&path), mode(&data_dir)), (0o600, 0o700));
        assert_eq!(fs::read_dir(&data_dir).unwrap().count(), 1, "the draft is gone");

        let second = kept_in(&data_dir).unwrap();
        assert_eq!(second.source, SecretSource::Kept { path, was_exposed: false });
        assert_eq!(first.secret.expose_secret(), second.secret.expose_secret());

        let other = kept_in(&dir.path().join("other")).unwrap();
        assert_ne!(first.secret.expose_secret(), other.secret.expose_secret());
    }

    #[test]
    fn the_slower_of_two_processes_takes_what_the_faster_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret.key");
        assert!(create_once(&path, &hexadecimal(&[1; 32])).unwrap());
        assert!(!create_once(&path, &hexadecimal(&[2; 32])).unwrap());
        assert_eq!(read(&path).unwrap().expose_secret(), "01".repeat(32));
    }

    #[test]
    fn a_secret_that_others_could_read_is_closed_and_told() {
        let dir = tempfile::tempdir().unwrap();
        kept_in(dir.path()).unwrap();
        let path = dir.path().join("secret.key");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let resolved = kept_in(dir.path()).unwrap();
        assert_eq!(resolved.source, SecretSource::Kept { path: path.clone(), was_exposed: true });
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn looking_for_a_secret_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let configuration = configuration(&[("COLLOQUY_DATA_DIR", dir.path().to_str().unwrap())]);
        assert!(find(&configuration).unwrap().is_none());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        resolve(&configuration).unwrap();
        let path = dir.path().join("secret.key");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let found = find(&configuration).unwrap().unwrap();
        assert_eq!(found.source, SecretSource::Kept { path: path.clone(), was_exposed: true });
        assert_eq!(mode(&path), 0o640);
    }

    #[test]
    fn a_damaged_secret_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        for content in ["", "short", &"z".repeat(64)] {
            fs::write(dir.path().join("secret.key"), content).unwrap();
            assert!(matches!(kept_in(dir.path()), Err(SecretError::Damaged(_))), "{content:?}");
        }
    }
}
