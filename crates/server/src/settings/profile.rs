use std::fmt;
use std::str::FromStr;

/// What kind of place the server runs in, whatever store it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Profile {
    /// Somebody's own machine.
    #[default]
    Development,
    /// Where others rely on it: secrets must be given, none is made up.
    Production,
    /// Under test: nothing depends on the machine's environment.
    Test,
}

/// The name was none of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of: development, production, test")]
pub struct UnknownProfile;

impl Profile {
    /// The file of that profile, as it was compiled in: its name and its text.
    pub(super) const fn file(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Development => None,
            Self::Production => Some(("config/production.toml", include_str!("../../../../config/production.toml"))),
            Self::Test => Some(("config/test.toml", include_str!("../../../../config/test.toml"))),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Production => "production",
            Self::Test => "test",
        })
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        match name {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            "test" => Ok(Self::Test),
            _ => Err(UnknownProfile),
        }
    }
}
