//! Whose word on an address counts (S4).

use std::time::Instant;

use super::throttled::{is_throttled_login, log_in_from};
use crate::support::client::Client;
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};

/// Few, so that a slow machine earns none meanwhile: one in twenty seconds.
const MOST: usize = 3;

async fn server(trusted_proxies: &str) -> Server {
    let installation = Installation::new(Backend::Sqlite).limited().set("rate_limit.login_per_minute", MOST);
    installation.set("server.trusted_proxies", trusted_proxies).start().await
}

/// How many of ten logins, each with that header, are admitted besides those that time alone brings.
async fn admitted(client: &Client, forwarded_for: impl Fn(usize) -> String) -> usize {
    let begun = Instant::now();
    let mut admitted = 0;
    for number in 0..10 {
        let reply = log_in_from(client, &forwarded_for(number), &format!("nobody{number}"), "guess").await;
        match reply.status {
            400 => admitted += 1,
            _ => is_throttled_login(&reply),
        }
    }
    let earned = usize::try_from(begun.elapsed().as_secs() / 20).unwrap();
    usize::max(admitted, MOST + earned) - earned
}

#[tokio::test]
async fn s04_a_header_that_is_rotated_does_not_help() {
    let nobody_is_trusted = server("").await;
    assert_eq!(admitted(&nobody_is_trusted.client(), |number| format!("198.51.100.{number}")).await, MOST);
    let others_are = server("10.0.0.0/8,::1").await;
    assert_eq!(admitted(&others_are.client(), |number| format!("198.51.100.{number}")).await, MOST);
    // What the client itself says stands left of what the proxy says.
    let proxy_is = server("127.0.0.0/8").await;
    assert_eq!(admitted(&proxy_is.client(), |number| format!("192.0.2.{number}, 198.51.100.1")).await, MOST);
}

#[tokio::test]
async fn s04_behind_a_trusted_proxy_every_client_is_counted_apart() {
    let server = server("127.0.0.1").await;
    assert_eq!(admitted(&server.client(), |number| format!("198.51.100.{number}")).await, 10);
}

#[tokio::test]
async fn s04_an_ipv6_network_of_64_bits_is_one_client() {
    let server = server("127.0.0.1").await;
    assert_eq!(admitted(&server.client(), |number| format!("2001:db8:1:2:{number}::{number}")).await, MOST);
    assert_eq!(admitted(&server.client(), |number| format!("2001:db8:1:{}::1", number + 3)).await, 10);
}
