use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use actix_web::web::Data;
use domain::session::Client;
use ipnet::IpNet;

use crate::services::ApiSettings;

const X_FORWARDED_FOR: &str = "X-Forwarded-For";

/// The proxies in front of the server, whose word on where a request comes from is taken. Nobody else's is.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

/// Where the request comes from, and by what.
pub(crate) fn client_of(request: &HttpRequest) -> Client {
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    Client::new(address_of(request), agent)
}

fn address_of(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let Some(settings) = request.app_data::<Data<ApiSettings>>() else { return Some(peer) };
    let lines: Vec<_> = request.headers().get_all(X_FORWARDED_FOR).map(|line| line.to_str().ok()).collect();
    Some(settings.trusted_proxies.client_behind(peer, &lines))
}

impl TrustedProxies {
    /// The right-most address that is not a trusted proxy's. Every proxy adds the address that it was reached from at
    /// the right; what is left of the first one that is not trusted may have been made up by anybody, and so may be
    /// what is left of an entry that is no address. `lines` are the header's, a line that is no text being `None`.
    fn client_behind(&self, peer: IpAddr, lines: &[Option<&str>]) -> IpAddr {
        let entries = lines.iter().rev().flat_map(|line| line.unwrap_or_default().rsplit(','));
        let mut client = peer;
        for entry in entries {
            if !self.trusts(client) {
                break;
            }
            let Some(address) = address(entry.trim()) else { break };
            client = address;
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromIterator<IpNet> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

/// With a port or without, as proxies write it. An IPv4 address in an IPv6 one is itself.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client as it is seen by a server behind a proxy on its own machine and one in 10.0.0.0/8.
    #[track_caller]
    fn is(peer: &str, lines: &[&str], expected: &str) {
        let networks = ["127.0.0.1/32", "10.0.0.0/8", "2001:db8:aaaa::/48"].map(|network| network.parse().unwrap());
        let lines: Vec<_> = lines.iter().copied().map(Some).collect();
        let client = TrustedProxies::from_iter(networks).client_behind(peer.parse().unwrap(), &lines);
        assert_eq!(client, expected.parse::<IpAddr>().unwrap());
    }

    #[test]
    fn s04_what_a_client_says_of_itself_does_not_count() {
        is("192.0.2.1", &["198.51.100.1"], "192.0.2.1");
        is("127.0.0.1", &["203.0.113.9, 198.51.100.1"], "198.51.100.1");
        is("127.0.0.1", &["203.0.113.9", "198.51.100.1"], "198.51.100.1");
        let none = TrustedProxies::default();
        let peer = "127.0.0.1".parse().unwrap();
        assert_eq!(none.client_behind(peer, &[Some("198.51.100.1")]), peer);
    }

    #[test]
    fn s04_a_chain_of_proxies_is_followed() {
        is("127.0.0.1", &["203.0.113.9, 198.51.100.1, 10.1.2.3"], "198.51.100.1");
        is("127.0.0.1", &["198.51.100.1", "10.1.2.3, 10.1.2.4"], "198.51.100.1");
        is("127.0.0.1", &["2001:db8::1, 2001:db8:aaaa::1"], "2001:db8::1");
        // Nobody but proxies: the one that is furthest away.
        is("127.0.0.1", &["10.1.2.3, 10.1.2.4"], "10.1.2.3");
        is("127.0.0.1", &[], "127.0.0.1");
    }

    #[test]
    fn s04_an_entry_that_is_no_address_ends_the_walk() {
        for broken in ["unknown", "", "198.51.100", "198.51.100.1:99999", "[2001:db8::1", "fe80::1%eth0", "1;2"] {
            is("127.0.0.1", &[&format!("203.0.113.9, {broken}, 10.1.2.3")], "10.1.2.3");
            is("127.0.0.1", &["203.0.113.9", broken], "127.0.0.1");
        }
        let networks = [IpNet::from(IpAddr::from([127, 0, 0, 1]))];
        let client =
            TrustedProxies::from_iter(networks).client_behind([127, 0, 0, 1].into(), &[Some("203.0.113.9"), None]);
        assert_eq!(client, IpAddr::from([127, 0, 0, 1]), "a line that is no text");
    }

    #[test]
    fn s04_addresses_are_understood_as_proxies_write_them() {
        for written in ["198.51.100.1", "198.51.100.1:4711", "::ffff:198.51.100.1", "[::ffff:198.51.100.1]:80"] {
            is("127.0.0.1", &[written], "198.51.100.1");
        }
        for written in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443"] {
            is("127.0.0.1", &[written], "2001:db8::1");
        }
        is("127.0.0.1", &["198.51.100.1 ,  ::ffff:10.1.2.3"], "198.51.100.1");
    }
}
