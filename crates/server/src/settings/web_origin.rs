use serde::Deserialize;

/// The origin of a page as browsers write it (RFC 6454 §6.2): scheme, host, and the port unless it is the usual one.
///
/// It is compared byte for byte with the header `Origin`, so what no browser writes is refused here rather than
/// never matched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WebOrigin(String);

impl WebOrigin {
    /// The origin.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no origin that can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// `*`, or a host with one in it.
    #[error("must name each origin in full: `*` would let every page of the web act for whoever visits it")]
    Wildcard,
    /// What browsers say of files and of pages in a sandbox.
    #[error("must not be `null`: any page can make itself one of that origin")]
    Null,
    /// Anything else.
    #[error(
        "must be like https://app.example.org or http://localhost:5173: in lower case, without path and usual port"
    )]
    Malformed,
}

impl TryFrom<String> for WebOrigin {
    type Error = InvalidOrigin;

    fn try_from(origin: String) -> Result<Self, InvalidOrigin> {
        if origin.contains('*') {
            return Err(InvalidOrigin::Wildcard);
        }
        if origin.eq_ignore_ascii_case("null") {
            return Err(InvalidOrigin::Null);
        }
        if is_serialized(&origin) { Ok(Self(origin)) } else { Err(InvalidOrigin::Malformed) }
    }
}

fn is_serialized(origin: &str) -> bool {
    let (authority, usual_port) = match origin.split_once("://") {
        Some(("https", authority)) => (authority, 443),
        Some(("http", authority)) => (authority, 80),
        _ => return false,
    };
    // The colons of an IPv6 address are in brackets.
    let host_end = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[host_end..].find(':') {
        Some(colon) => (&authority[..host_end + colon], Some(&authority[host_end + colon + 1..])),
        None => (authority, None),
    };
    is_host(host) && port.is_none_or(|port| is_port(port, usual_port))
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address),
        None => host.split('.').all(|label| {
            let is_of_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
            !label.is_empty() && label.bytes().all(is_of_host)
        }),
    }
}

fn is_port(port: &str, usual: u16) -> bool {
    port.parse::<u16>().is_ok_and(|number| number != 0 && number != usual && number.to_string() == port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_write_is_taken() {
        for good in ["https://app.example.org", "http://localhost:5173", "https://10.0.0.1:8443", "http://[::1]:8000"] {
            assert_eq!(WebOrigin::try_from(good.to_owned()).map(|origin| origin.0).as_deref(), Ok(good));
        }
    }

    #[test]
    fn what_would_let_anybody_in_is_refused_by_name() {
        for bad in ["*", "https://*", "https://*.example.org"] {
            assert_eq!(WebOrigin::try_from(bad.to_owned()), Err(InvalidOrigin::Wildcard), "{bad}");
        }
        for bad in ["null", "Null"] {
            assert_eq!(WebOrigin::try_from(bad.to_owned()), Err(InvalidOrigin::Null), "{bad}");
        }
    }

    #[test]
    fn what_no_browser_writes_is_refused() {
        for bad in [
            "",
            "app.example.org",
            "https://",
            "https://app.example.org/",
            "https://App.example.org",
            "HTTPS://app.example.org",
            "https://app.example.org:443",
            "http://localhost:80",
            "http://localhost:",
            "http://localhost:0",
            "http://localhost:05173",
            "http://localhost:70000",
            "https://u:p@app.example.org",
            "https://app..example.org",
            "https://bücher.example",
            "https://[::1",
            "https://[0:0:0:0:0:0:0:1]",
            "https://a]:1",
            "ftp://app.example.org",
            "https://a.example https://b.example",
        ] {
            assert_eq!(WebOrigin::try_from(bad.to_owned()), Err(InvalidOrigin::Malformed), "{bad}");
        }
    }
}
