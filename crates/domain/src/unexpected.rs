//! The failure that a port did not expect, and that no use case can do anything about.

use std::error::Error;
use std::fmt;

type Source = Box<dyn Error + Send + Sync + 'static>;

/// A failure behind a port: opaque to the domain, told to the log and never to a client.
///
/// The one thing a caller may want to know is whether it can be expected to pass by itself.
pub struct Unexpected {
    source: Source,
    unavailable: bool,
}

impl Unexpected {
    /// A failure that trying again would not mend.
    pub fn new(source: impl Into<Source>) -> Self {
        Self { source: source.into(), unavailable: false }
    }

    /// Something behind the port cannot be reached, or is overloaded, for now.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self { source: source.into(), unavailable: true }
    }

    /// Whether the same call may succeed later.
    pub const fn is_unavailable(&self) -> bool {
        self.unavailable
    }
}

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.unavailable { "unavailable: " } else { "unexpected: " })?;
        self.source.fmt(f)
    }
}

impl fmt::Debug for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unexpected").field("unavailable", &self.unavailable).field("source", &self.source).finish()
    }
}

impl Error for Unexpected {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}
