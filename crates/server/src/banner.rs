//! What start-up tells the person who started the server.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::settings::Profile;

/// The server, as it just began to listen. The first line is always `Colloquy <version> listens on <address>`.
pub struct Banner<'a> {
    /// Where it listens, the port being the real one.
    pub address: SocketAddr,
    /// Under which address clients reach it, if that is another.
    pub public_url: &'a str,
    /// The profile.
    pub profile: Profile,
    /// Which store it uses.
    pub store: &'a str,
    /// Which engine answers.
    pub engine: &'a str,
    /// The provider that chats are sent to, if an exported key was why and nobody said so in the settings.
    pub unasked_provider: Option<&'a str>,
    /// Whether the curl for an account would work.
    pub registration_open: bool,
}

impl Banner<'_> {
    /// An address that works from this machine, also where every network is listened on.
    fn local_url(&self) -> String {
        let ip = self.address.ip();
        if ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST {
            format!("http://localhost:{}", self.address.port())
        } else {
            format!("http://{}", self.address)
        }
    }
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.local_url();
        let url = if self.public_url.is_empty() { local.as_str() } else { self.public_url };
        writeln!(f, "Colloquy {} listens on http://{}", env!("CARGO_PKG_VERSION"), self.address)?;
        writeln!(f, "  profile  {}", self.profile)?;
        writeln!(f, "  store    {}", self.store)?;
        writeln!(f, "  engine   {}", self.engine)?;
        if let Some(provider) = self.unasked_provider {
            writeln!(f, "  NOTE     A key of {provider} is in the environment, so every chat is sent to {provider}.")?;
            writeln!(f, "           COLLOQUY__ENGINE__KIND=builtin keeps them here.")?;
        }
        writeln!(f, "\nNext: open {url}/docs, or make an account:")?;
        if self.registration_open {
            writeln!(f, "  curl {url}/api/v1/users -H 'Content-Type: application/json' \\")?;
            writeln!(
                f,
                r#"    -d '{{"username": "ada", "email": "ada@example.org", "password": "correct horse battery"}}'"#
            )
        } else {
            writeln!(f, "  colloquy user create ada --email ada@example.org")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner(address: &str) -> Banner<'static> {
        Banner {
            address: address.parse().unwrap(),
            public_url: "",
            profile: Profile::Development,
            store: "SQLite, ./data/colloquy.db",
            engine: "builtin",
            unasked_provider: None,
            registration_open: true,
        }
    }

    #[test]
    fn the_first_line_has_the_address_that_was_bound() {
        let text = banner("127.0.0.1:40123").to_string();
        let expected = format!("Colloquy {} listens on http://127.0.0.1:40123", env!("CARGO_PKG_VERSION"));
        assert_eq!(text.lines().next(), Some(expected.as_str()));
    }

    #[test]
    fn what_is_to_be_opened_can_be_opened_from_here() {
        assert!(banner("0.0.0.0:8112").to_string().contains("open http://localhost:8112/docs"));
        assert!(banner("[::]:8112").to_string().contains("open http://localhost:8112/docs"));
        assert!(banner("[2001:db8::1]:80").to_string().contains("open http://[2001:db8::1]:80/docs"));
        let public = Banner { public_url: "https://chat.example.org", ..banner("0.0.0.0:80") };
        assert!(public.to_string().contains("open https://chat.example.org/docs"));
    }

    #[test]
    fn an_exported_key_is_said_plainly() {
        let text = Banner { unasked_provider: Some("openai"), ..banner("127.0.0.1:1") }.to_string();
        assert!(text.contains("A key of openai is in the environment, so every chat is sent to openai"));
        assert!(!banner("127.0.0.1:1").to_string().contains("NOTE"));
    }

    #[test]
    fn a_closed_door_is_not_pointed_at() {
        let text = Banner { registration_open: false, ..banner("127.0.0.1:1") }.to_string();
        assert!(!text.contains("curl"));
        assert!(text.contains("colloquy user create"));
    }
}
