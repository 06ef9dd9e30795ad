//! Readers who do not read (R13): they are cut, cost little, and nobody else notices.

use std::fs;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use uuid::Uuid;

use crate::support::client::Caller;
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};
use crate::support::scale::scaled;
use crate::support::sse::Transcript;
use crate::support::upstream::{Behaviour, Upstream};
use crate::support::waiting::{eventually, within_patience};

const STALL: Duration = Duration::from_secs(2);
/// What the server may hold for a reader: the promised 64 KiB, and as much again for whatever else a connection takes.
const KIB_FOR_EACH: usize = 64 * 2;
/// What a server's memory grows by whatever it does.
const KIB_BESIDES: usize = 16 * 1024;
const ROUNDS: usize = 4;
/// In bytes.
const LONG_ANSWER: usize = 3_000_000;

#[tokio::test]
async fn r13_readers_who_do_not_read_are_cut_and_cost_nobody_else_anything() {
    let upstream = Upstream::start(Behaviour::Endless("x".repeat(1000), Duration::from_millis(5))).await;
    let installation = Installation::new(Backend::Postgres)
        .answered_by(&upstream)
        .set("server.stall_seconds", STALL.as_secs())
        .set("engine.max_output_bytes", 50_000_000)
        .set("engine.max_output_tokens", 1_000_000);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let mut stream = ada.stream("Why?").await.unwrap();
    let mut honest = Transcript::default();
    honest.hear_until(&mut stream, "turn.delta").await;
    let turn = honest.turn_id().unwrap();

    // Before the memory is measured, for a password's hash takes much of it.
    let bob = ada.client().newcomer("bob").await;
    let before = resident_kib(&server);
    // Whoever reads goes on hearing: all the while that the others come, and for much longer than they are waited for.
    let (enough, mut has_heard_enough) = oneshot::channel::<()>();
    let (heard, mut hearing) = watch::channel(());
    let reading = tokio::spawn(async move {
        let mut longest = Duration::ZERO;
        loop {
            let asked = Instant::now();
            tokio::select! {
                _ = &mut has_heard_enough => return (stream, honest, longest),
                event = stream.next() => honest.hear(event.expect("who reads is not cut")),
            }
            longest = longest.max(asked.elapsed());
            heard.send_replace(());
        }
    });
    let mut stalled = Vec::new();
    for _ in 0..scaled(50) {
        stalled.push(stalled_reader(&ada, turn).await);
    }
    let begun = Instant::now();
    while begun.elapsed() < STALL * 4 {
        hearing.changed().await.expect("who reads goes on");
    }
    drop(enough);
    let (mut stream, mut honest, longest) = reading.await.unwrap();
    assert!(longest < Duration::from_secs(3), "once, who reads waited {longest:?}");
    assert_eq!(bob.get("/api/v1/conversations").await.status, 200);
    let (after, text) = (resident_kib(&server), honest.text.len() / 1024);
    // The answer itself is held as well, a few times over.
    let grown = after.saturating_sub(before).saturating_sub(8 * text);
    assert!(
        grown < stalled.len() * KIB_FOR_EACH + KIB_BESIDES,
        "{before} KiB became {after} KiB with an answer of {text} KiB"
    );

    for socket in stalled {
        let left = within_patience("the end of a stream that was cut", read_to_end(socket)).await;
        // One that was not cut would read on for as long as the answer goes on.
        assert!(left < honest.text.len(), "{left} bytes were there to read");
    }
    assert_eq!(ada.cancel(turn).await.status, 202);
    within_patience("the end of the answer", honest.hear_all(&mut stream)).await;
    assert_eq!(honest.end(), ("turn.cancelled", None));
    println!("R13: {before} KiB became {after} KiB, and who reads waited {longest:?} at most");
}

#[tokio::test]
async fn r13_each_more_reader_of_events_who_does_not_read_costs_little() {
    each_more_costs_little("a reader of events", stalled_reader).await;
}

#[tokio::test]
async fn r13_each_more_socket_that_is_not_read_costs_little() {
    each_more_costs_little("a WebSocket", stalled_socket).await;
}

/// The memory for so many, for twice as many and so on: what they have in common, and the answer itself, is in all.
async fn each_more_costs_little<R>(who: &str, stalled: impl AsyncFn(&Caller, Uuid) -> R) {
    // All of it is there from the start, and it is so much that nobody holds all of it unread.
    let texts: Vec<String> = vec!["x".repeat(LONG_ANSWER / 6); 6];
    let upstream = Upstream::start(Behaviour::SilentAfterThese(texts)).await;
    let server = Installation::new(Backend::Sqlite)
        .answered_by(&upstream)
        .set("server.stall_seconds", 600)
        .set("engine.progress_timeout_ms", 3_600_000)
        .set("engine.max_output_bytes", 50_000_000)
        .set("engine.max_output_tokens", 1_000_000)
        .start()
        .await;
    let ada = server.client().newcomer("ada").await;
    let mut stream = ada.stream("Why?").await.unwrap();
    let mut honest = Transcript::default();
    while honest.text.len() < LONG_ANSWER {
        honest.hear(stream.next().await.expect("the answer goes on"));
    }
    let turn = honest.turn_id().unwrap();
    // Whoever comes from now on finds the same, and what finding it takes has been taken once.
    eventually("all of it is stored", async || {
        ada.turn(turn).await.response.filter(|stored| stored.len() == honest.text.len())
    })
    .await;

    let (count, mut readers, mut measured) = (scaled(20), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for _ in 0..count {
            readers.push(stalled(&ada, turn).await);
        }
        measured.push(settled_kib(&server).await);
    }
    // What is taken once, whenever that is, is in one of the steps; what each reader takes is in all of them.
    let each = measured.windows(2).map(|two| two[1].saturating_sub(two[0]) / count).min().unwrap();
    println!("R13: {count} more each time: {measured:?} KiB, so {each} KiB for {who}");
    assert!(each <= KIB_FOR_EACH, "{each} KiB for {who}");
    assert_eq!(ada.cancel(turn).await.status, 202);
    honest.hear_all(&mut stream).await;
    assert_eq!(honest.end(), ("turn.cancelled", None));
}

/// How much memory the server has, once that changes no more.
async fn settled_kib(server: &Server) -> usize {
    let (mut last, mut unchanged) = (0, 0);
    eventually("the server takes no more memory", async || {
        let now = resident_kib(server);
        unchanged = if now.abs_diff(last) < 256 { unchanged + 1 } else { 0 };
        last = now;
        (unchanged == 50).then_some(now)
    })
    .await
}

/// The same over a WebSocket, whose first frame is read.
async fn stalled_socket(ada: &Caller, turn: Uuid) -> WebSocketStream<TcpStream> {
    let (host, stream) = small_window(ada).await;
    let request = ClientRequestBuilder::new(format!("ws://{host}/api/v1/ws").parse().unwrap());
    let request = request.with_header("Authorization", ada.authorization());
    let (mut socket, _) = within_patience("a WebSocket", client_async(request, stream)).await.unwrap();
    let resume = json!({"type": "turn.resume", "turn_id": turn}).to_string();
    socket.send(Message::text(resume)).await.unwrap();
    let created = within_patience("a frame", socket.next()).await.unwrap().unwrap().into_text().unwrap();
    assert!(created.contains("turn.created"), "{created}");
    socket
}

/// A connection whose window is small, so that the server soon notices who does not read.
async fn small_window(ada: &Caller) -> (&str, TcpStream) {
    let host = ada.client().address().strip_prefix("http://").unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    (host, socket.connect(host.parse().unwrap()).await.unwrap())
}

/// Asks for the events and takes none of them.
async fn stalled_reader(ada: &Caller, turn: Uuid) -> TcpStream {
    let (host, mut stream) = small_window(ada).await;
    let head = format!(
        "GET /api/v1/turns/{turn}/events HTTP/1.1\r\nhost: {host}\r\nauthorization: {}\r\n\r\n",
        ada.authorization()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begun = [0; 12];
    within_patience("the head of a stream", stream.read_exact(&mut begun)).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    stream
}

/// How many bytes are there until the end, or until the connection turns out to be broken.
async fn read_to_end(mut socket: TcpStream) -> usize {
    let (mut total, mut buffer) = (0, vec![0; 64 * 1024]);
    while let Ok(read @ 1..) = socket.read(&mut buffer).await {
        total += read;
    }
    total
}

/// How much memory the server has.
fn resident_kib(server: &Server) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
