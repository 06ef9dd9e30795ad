//! Texts that are parsed once: after that no `String` is a host, a claim or a secret.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// A value's text breaks its rule; it says which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidText(String);

macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

text! {
    /// An address or a host name to listen on.
    Host
}

impl TryFrom<String> for Host {
    type Error = InvalidText;

    fn try_from(host: String) -> Result<Self, InvalidText> {
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
        if !host.is_empty() && host.chars().all(is_host) {
            Ok(Self(host))
        } else {
            Err(InvalidText("must be an address or a host name, without a port".to_owned()))
        }
    }
}

text! {
    /// The address under which clients reach the server, or nothing.
    PublicUrl
}

impl TryFrom<String> for PublicUrl {
    type Error = InvalidText;

    fn try_from(url: String) -> Result<Self, InvalidText> {
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let is_address = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']));
        if url.is_empty() || is_address {
            Ok(Self(url))
        } else {
            Err(InvalidText("must be empty or like https://chat.example.org, without a path".to_owned()))
        }
    }
}

text! {
    /// Where a provider's API is, or nothing. A key belongs into `engine.openai.api_key`, which is never printed.
    BaseUrl
}

impl TryFrom<String> for BaseUrl {
    type Error = InvalidText;

    fn try_from(url: String) -> Result<Self, InvalidText> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let is_base = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['?', '#', '@', ' ']));
        if url.is_empty() || is_base {
            Ok(Self(url))
        } else {
            let rule = "must be empty or like http://localhost:11434/v1, without user, password and parameters";
            Err(InvalidText(rule.to_owned()))
        }
    }
}

text! {
    /// A claim of a token: `iss` or `aud`.
    ClaimText
}

impl TryFrom<String> for ClaimText {
    type Error = InvalidText;

    fn try_from(claim: String) -> Result<Self, InvalidText> {
        if (1..=255).contains(&claim.len()) && claim.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(claim))
        } else {
            Err(InvalidText("must have 1 to 255 visible ASCII characters".to_owned()))
        }
    }
}

text! {
    /// What is logged, as directives of `tracing`.
    Directives
}

impl TryFrom<String> for Directives {
    type Error = InvalidText;

    fn try_from(directives: String) -> Result<Self, InvalidText> {
        match EnvFilter::try_new(&directives) {
            Ok(_) => Ok(Self(directives)),
            Err(error) => Err(InvalidText(format!("must be directives like `info,infra=debug`: {error}"))),
        }
    }
}

/// Some addresses: one, or all that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(IpNet);

impl Network {
    /// The network; that of a single address has nothing but that address.
    pub const fn get(self) -> IpNet {
        self.0
    }
}

impl TryFrom<String> for Network {
    type Error = InvalidText;

    fn try_from(network: String) -> Result<Self, InvalidText> {
        let network = network.parse().ok().or_else(|| network.parse().ok().map(|address: IpAddr| address.into()));
        network.map(Self).ok_or_else(|| {
            InvalidText("must be addresses like 10.0.0.1, or networks like 10.0.0.0/8 and 2001:db8::/32".to_owned())
        })
    }
}

/// A secret, or nothing. It is never printed.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Secret(Option<SecretString>);

impl Secret {
    /// The secret, if there is one.
    pub const fn get(&self) -> Option<&SecretString> {
        self.0.as_ref()
    }

    /// How long it is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |secret| secret.expose_secret().len())
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self((!secret.is_empty()).then(|| SecretString::from(secret)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Secret(…)" } else { "Secret()" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_no_port_and_no_scheme() {
        for good in ["127.0.0.1", "::1", "localhost"] {
            assert!(Host::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "http://localhost", "a b"] {
            assert!(Host::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_public_url_is_an_origin() {
        for good in ["", "https://chat.example.org", "http://localhost:8112"] {
            assert!(PublicUrl::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["chat.example.org", "https://", "https://a/b", "ftp://a", "https://u:p@a"] {
            assert!(PublicUrl::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_network_is_an_address_or_many() {
        for (written, read) in
            [("10.0.0.1", "10.0.0.1/32"), ("10.0.0.0/8", "10.0.0.0/8"), ("::1", "::1/128"), ("fd00::/8", "fd00::/8")]
        {
            assert_eq!(Network::try_from(written.to_owned()).unwrap().get(), read.parse().unwrap());
        }
        for bad in ["", "proxy.example.org", "10.0.0.0/33", "10.0.0", "10.0.0.1:80", "::1/129"] {
            assert!(Network::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_base_url_holds_no_secret() {
        for good in ["", "https://api.example.org/v1", "http://localhost:11434/v1/"] {
            assert!(BaseUrl::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["localhost:11434", "https://u:geheim@a/v1", "https://a/v1?key=geheim"] {
            let error = BaseUrl::try_from(bad.to_owned()).unwrap_err();
            assert!(!error.to_string().contains("geheim"), "{bad}");
        }
    }

    #[test]
    fn directives_are_checked() {
        assert!(Directives::try_from("info,infra=debug".to_owned()).is_ok());
        assert!(Directives::try_from("infra=loud".to_owned()).is_err());
    }
}
