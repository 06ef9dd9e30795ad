//! A flood of logins (S5): what is too much is refused, memory is bounded, and everybody else is served.

use std::fs;

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};
use crate::support::waiting::within_patience;

const LOGINS: usize = 500;
const PERMITS: usize = 2;
const HASH_KIB: usize = 19 * 1024;
const KIB_BESIDES: usize = 64 * 1024;

#[tokio::test]
async fn s05_a_flood_of_logins_takes_little_memory_and_keeps_nobody_from_chatting() {
    let installation = Installation::new(Backend::Sqlite).set("auth.argon2.concurrency", PERMITS);
    let server = installation.start().await;
    // Before any password was hashed: what the first one leaves behind is growth as well.
    let before = kib(&server, "VmRSS");
    let ada = server.client().newcomer("ada").await;

    // All are connected before the first of them says anything.
    let address = server.address().strip_prefix("http://").unwrap();
    let mut connections = Vec::new();
    for _ in 0..LOGINS {
        connections.push(TcpStream::connect(address).await.unwrap());
    }
    let mut flood = JoinSet::new();
    for connection in connections {
        flood.spawn(log_in(connection));
    }

    let (mut compared, mut refused, mut healthy, mut answered) = (0, 0, 0, 0);
    let besides = async {
        loop {
            let health = server.client().request(Method::GET, "/healthz").send().await.unwrap();
            assert_eq!(health.status(), 200);
            healthy += 1;
            ada.ask("What is my name?").await;
            answered += 1;
        }
    };
    let flooding = async {
        while let Some(reply) = flood.join_next().await {
            match reply.unwrap() {
                400 => compared += 1,
                503 => refused += 1,
                other => panic!("{other}"),
            }
        }
    };
    tokio::select! {
        () = besides => {}
        () = within_patience("the end of the flood", flooding) => {}
    }
    assert!(compared >= PERMITS, "some are served: {compared}");
    assert!(refused > 0, "the queue holds 64, and {LOGINS} came at once");
    assert!(healthy > 0 && answered > 0, "{healthy} and {answered} were served meanwhile");
    // The most that there was at any time, whoever looks when.
    let grown = kib(&server, "VmHWM").saturating_sub(before);
    assert!(grown <= PERMITS * HASH_KIB + KIB_BESIDES, "{grown} KiB more");
    println!(
        "S5: of {LOGINS} logins {refused} were refused; {grown} KiB more; {healthy} looks at /healthz and {answered} \
         answers meanwhile"
    );
}

/// A bad login by hand; the status, once what else is promised of it holds.
async fn log_in(mut connection: TcpStream) -> u16 {
    let form = "username=ada&password=guess";
    let request = format!(
        "POST /token HTTP/1.1\r\nHost: colloquy\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    connection.read_to_string(&mut reply).await.unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    if status == 503 {
        assert!(head.to_lowercase().contains("\r\nretry-after: 1"), "{head}");
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["code"], "overloaded");
    }
    status
}

fn kib(server: &Server, what: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}
