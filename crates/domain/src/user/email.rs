use std::fmt;

/// An e-mail address, kept in lower case: `local@domain`, at most 254 characters (RFC 5321 §4.5.3.1).
///
/// Whether it can be delivered to is known only to a mail that arrives; this type refuses what cannot be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// The most characters.
    pub const MAX: usize = 254;

    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text was no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address")]
pub struct InvalidEmail;

impl TryFrom<String> for Email {
    type Error = InvalidEmail;

    fn try_from(address: String) -> Result<Self, InvalidEmail> {
        // Before it is looked at: in lower case, a letter may be longer, or two characters of which one is no letter.
        let address = address.to_lowercase();
        let (local, domain) = address.rsplit_once('@').ok_or(InvalidEmail)?;
        let local_is_sound = (1..=64).contains(&local.len()) && !local.contains('@');
        let domain_is_sound = !domain.is_empty()
            && domain.split('.').all(|label| {
                !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-') && !label.starts_with('-')
            });
        let is_clean = !address.chars().any(|c| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c));
        if address.len() <= Self::MAX && local_is_sound && domain_is_sound && is_clean {
            Ok(Self(address))
        } else {
            Err(InvalidEmail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lower_case() {
        assert_eq!(Email::try_from("Ada@Example.ORG".to_owned()).unwrap().as_str(), "ada@example.org");
        assert!(Email::try_from("o'hara+chat@localhost".to_owned()).is_ok());
    }

    #[test]
    fn an_address_that_is_taken_is_one_when_it_is_read_again() {
        assert_eq!(
            Email::try_from("ada@\u{130}zmir.example".to_owned()),
            Err(InvalidEmail),
            "its i has a dot of its own"
        );
        let kept = Email::try_from("ÄDA@ΟΔΟΣ.example".to_owned()).unwrap();
        assert_eq!(Email::try_from(kept.to_string()), Ok(kept));
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a@b@c",
            "ada@exa mple.org",
            "ada@a..b",
            "<a>@b.org",
            "a\0@b.org",
            &long,
        ] {
            assert_eq!(Email::try_from(bad.to_owned()), Err(InvalidEmail), "{bad:?}");
        }
    }
}
