use std::fmt;

/// The name that a user logs in with: 1 to 64 ASCII letters, digits or any of `. _ - @ +`.
///
/// It is shown as it was written, and compared without regard to case. Only ASCII, so that no two names
/// look alike (Unicode TR 39) and both stores fold case in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// The most characters.
    pub const MAX: usize = 64;

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it is compared: in lower case.
    pub fn canonical(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a name was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUsername {
    /// No character, or more than 64.
    #[error("must have 1 to {} characters", Username::MAX)]
    Length,
    /// A character that names cannot have.
    #[error("may have only ASCII letters, digits and . _ - @ +")]
    Character,
}

impl TryFrom<String> for Username {
    type Error = InvalidUsername;

    fn try_from(name: String) -> Result<Self, InvalidUsername> {
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@+".contains(&b)) {
            return Err(InvalidUsername::Character);
        }
        if name.is_empty() || name.len() > Self::MAX {
            return Err(InvalidUsername::Length);
        }
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str) -> Result<Username, InvalidUsername> {
        Username::try_from(name.to_owned())
    }

    #[test]
    fn names_keep_their_case_and_compare_without_it() {
        let ada = parse("Ada.L@home").unwrap();
        assert_eq!(ada.as_str(), "Ada.L@home");
        assert_eq!(ada.canonical(), "ada.l@home");
    }

    #[test]
    fn names_are_ascii_and_bounded() {
        assert_eq!(parse(""), Err(InvalidUsername::Length));
        assert_eq!(parse(&"a".repeat(65)), Err(InvalidUsername::Length));
        assert!(parse(&"a".repeat(64)).is_ok());
        for bad in ["a b", "ädä", "a\0", "a'--", "a/b", "<b>"] {
            assert_eq!(parse(bad), Err(InvalidUsername::Character), "{bad:?}");
        }
    }
}
