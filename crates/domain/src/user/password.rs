use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Passwords that everybody tries first, one a line, in lower case.
const COMMON: &str = include_str!("common_passwords.txt");

/// A password that may be chosen: 8 characters to 1,024 bytes, not a common one (OWASP ASVS 5.0, 6.2).
///
/// Nothing is trimmed, folded or cut. It is never printed.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// The fewest characters.
    pub const MIN_CHARACTERS: usize = 8;
    /// The most bytes: enough for a sentence, little enough to hash.
    pub const MAX_BYTES: usize = 1024;

    /// The secret itself.
    pub const fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Why a password was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Fewer than 8 characters.
    #[error("must have at least {} characters", Password::MIN_CHARACTERS)]
    TooShort,
    /// More than 1,024 bytes.
    #[error("must not be longer than {} bytes", Password::MAX_BYTES)]
    TooLong,
    /// On the list of those that are tried first, or the user's own name or address.
    #[error("is too easy to guess")]
    TooCommon,
}

impl TryFrom<SecretString> for Password {
    type Error = InvalidPassword;

    fn try_from(secret: SecretString) -> Result<Self, InvalidPassword> {
        let text = secret.expose_secret();
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidPassword::TooLong);
        }
        if text.chars().count() < Self::MIN_CHARACTERS {
            return Err(InvalidPassword::TooShort);
        }
        if is_common(&text.to_lowercase()) {
            return Err(InvalidPassword::TooCommon);
        }
        Ok(Self(secret))
    }
}

/// Whether the password is what an attacker knows already: its owner's own name or address.
pub(crate) fn guessable(password: &SecretString, username: &str, email: &str) -> bool {
    let folded = password.expose_secret().to_lowercase();
    folded == username.to_lowercase() || folded == email.to_lowercase()
}

fn is_common(folded: &str) -> bool {
    let mut characters = folded.chars();
    let first = characters.next();
    characters.all(|c| Some(c) == first) || COMMON.lines().any(|line| line == folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Password, InvalidPassword> {
        Password::try_from(SecretString::from(text))
    }

    #[test]
    fn length_is_counted_in_characters_and_bounded_in_bytes() {
        assert_eq!(parse("1a2b3c4").unwrap_err(), InvalidPassword::TooShort);
        assert!(parse("äöüßéèêë").is_ok());
        assert!(parse(&"correct horse ".repeat(20)).is_ok());
        assert_eq!(parse(&"ab".repeat(513)).unwrap_err(), InvalidPassword::TooLong);
    }

    #[test]
    fn common_ones_are_refused() {
        for bad in ["password", "PassWord1", "12345678", "qwertyuiop", "zzzzzzzzzz"] {
            assert_eq!(parse(bad).unwrap_err(), InvalidPassword::TooCommon, "{bad}");
        }
    }

    #[test]
    fn it_is_never_printed() {
        let password = parse("a quiet secret").unwrap();
        assert!(!format!("{password:?}").contains("quiet"));
    }

    #[test]
    fn the_list_is_in_the_form_that_is_looked_up() {
        assert!(COMMON.lines().count() >= 100);
        for line in COMMON.lines() {
            assert_eq!(line, line.trim().to_lowercase());
            assert!(line.chars().count() >= Password::MIN_CHARACTERS, "{line} is refused for its length already");
        }
    }
}
