//! A server that speaks OpenAI's chat completions, and misbehaves as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::waiting::within_patience;

/// The model that it offers.
pub(crate) const MODEL: &str = "fake";

const SSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// What a request is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// So many tokens, so far apart, and the end.
    Tokens(usize, Duration),
    /// That token again and again, so far apart, until the client has gone.
    Endless(String, Duration),
    /// So many tokens, and then nothing, without closing.
    SilentAfter(usize),
    /// Those tokens, and then nothing, without closing.
    SilentAfterThese(Vec<String>),
    /// So many tokens, and then comments for as long as the client listens.
    CommentsAfter(usize),
    /// So many tokens, and then the connection breaks, although more was promised.
    BreaksAfter(usize),
    /// That status and no answer, with that `Retry-After`.
    Status(u16, Option<u64>),
    /// That status, and another server where the answer is said to be.
    Redirect(u16, SocketAddr),
    /// Those bytes after the head, each piece in a packet of its own, and then the connection is closed.
    Bytes(Vec<Vec<u8>>),
}

/// A server that listens until this is dropped.
pub(crate) struct Upstream {
    address: SocketAddr,
    listening: JoinHandle<()>,
    shared: Arc<Shared>,
}

struct Request {
    at: Instant,
    body: Value,
}

#[derive(Default)]
struct Shared {
    /// What the next requests get; the last of them stays.
    behaviours: Mutex<VecDeque<Behaviour>>,
    requests: Mutex<Vec<Request>>,
    /// How many clients have closed their connections before the end of the answer.
    gone: watch::Sender<usize>,
}

impl Upstream {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let upstream = Self { address, listening: listen(listener, shared.clone()), shared };
        upstream.follow([behaviour]);
        upstream
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers the next requests so, one after the other, and from then on as it did the last of them.
    pub(crate) fn follow<const N: usize>(&self, behaviours: [Behaviour; N]) {
        *self.shared.behaviours.lock().unwrap() = behaviours.into();
    }

    /// When each request came.
    pub(crate) fn requests(&self) -> Vec<Instant> {
        self.shared.requests.lock().unwrap().iter().map(|request| request.at).collect()
    }

    /// What each request said in the conversation: its messages, without who said them.
    pub(crate) fn messages(&self) -> Vec<Vec<String>> {
        let content = |message: &Value| message["content"].as_str().unwrap().to_owned();
        let messages = |body: &Value| body["messages"].as_array().unwrap().iter().map(content).collect();
        self.shared.requests.lock().unwrap().iter().map(|request| messages(&request.body)).collect()
    }

    /// How many requests came.
    pub(crate) fn calls(&self) -> usize {
        self.requests().len()
    }

    /// Refuses connections from now on.
    pub(crate) async fn go_away(&mut self) {
        self.listening.abort();
        // The listener is closed when its task has gone.
        let _aborted = (&mut self.listening).await;
    }

    /// Takes connections again.
    pub(crate) async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.listening = listen(listener, self.shared.clone());
    }

    /// Waits until so many clients have gone before the end of their answers.
    pub(crate) async fn left_by(&self, clients: usize) {
        let mut gone = self.shared.gone.subscribe();
        within_patience("the client leaves", gone.wait_for(|gone| *gone >= clients)).await.unwrap();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// The text of so many tokens.
pub(crate) fn text_of(tokens: usize) -> String {
    (1..=tokens).map(token).collect()
}

fn token(number: usize) -> String {
    format!("{number} ")
}

/// An event that tells some text.
pub(crate) fn told(text: &str) -> Vec<u8> {
    format!("data: {}\n\n", json!({"choices": [{"delta": {"content": text}}]})).into_bytes()
}

/// The events that end an answer.
pub(crate) fn finished() -> Vec<u8> {
    let end = json!({"choices": [{"delta": {}, "finish_reason": "stop"}]});
    format!("data: {end}\n\ndata: [DONE]\n\n").into_bytes()
}

/// A whole answer, whose tokens are counted.
pub(crate) fn counted(text: &str, input_tokens: u32, output_tokens: u32) -> Vec<Vec<u8>> {
    let usage = json!({"choices": [], "usage": {"prompt_tokens": input_tokens, "completion_tokens": output_tokens}});
    vec![told(text), format!("data: {usage}\n\n").into_bytes(), finished()]
}

fn listen(listener: TcpListener, shared: Arc<Shared>) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            tokio::spawn(serve(socket, shared.clone()));
        }
    })
}

async fn serve(mut socket: TcpStream, shared: Arc<Shared>) {
    let Some(body) = read_request(&mut socket).await else { return };
    shared.requests.lock().unwrap().push(Request { at: Instant::now(), body });
    let behaviour = {
        let mut behaviours = shared.behaviours.lock().unwrap();
        let next = if behaviours.len() > 1 { behaviours.pop_front() } else { behaviours.front().cloned() };
        next.expect("it has been told how to answer")
    };
    if !answer(&mut socket, behaviour).await {
        shared.gone.send_modify(|gone| *gone += 1);
    }
}

/// What a whole one says; null if it is none of ours.
async fn read_request(socket: &mut TcpStream) -> Option<Value> {
    let (mut received, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        match socket.read(&mut buffer).await {
            Ok(read @ 1..) => received.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
        let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let (head, body) = (String::from_utf8_lossy(&received[..head]).to_ascii_lowercase(), &received[head + 4..]);
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(serde_json::from_slice(body).unwrap_or_default());
        }
    }
}

/// Whether the client stayed to the end.
async fn answer(socket: &mut TcpStream, behaviour: Behaviour) -> bool {
    match behaviour {
        Behaviour::Status(status, retry_after) => {
            let after = retry_after.map_or(String::new(), |seconds| format!("retry-after: {seconds}\r\n"));
            let head = format!("HTTP/1.1 {status} No\r\n{after}connection: close\r\ncontent-length: 2\r\n\r\n{{}}");
            socket.write_all(head.as_bytes()).await.is_ok()
        }
        Behaviour::Redirect(status, other) => {
            let to = format!("location: http://{other}/v1/chat/completions\r\n");
            let head = format!("HTTP/1.1 {status} Elsewhere\r\n{to}connection: close\r\ncontent-length: 0\r\n\r\n");
            socket.write_all(head.as_bytes()).await.is_ok()
        }
        Behaviour::Tokens(count, gap) => {
            say_tokens(socket, count, gap).await && socket.write_all(&finished()).await.is_ok()
        }
        Behaviour::Endless(token, gap) => {
            let event = told(&token);
            if socket.write_all(SSE.as_bytes()).await.is_ok() {
                while say(socket, &event, gap).await {}
            }
            false
        }
        Behaviour::SilentAfter(count) => {
            if say_tokens(socket, count, Duration::ZERO).await {
                client_left(socket).await;
            }
            false
        }
        Behaviour::SilentAfterThese(tokens) => {
            let mut stayed = socket.write_all(SSE.as_bytes()).await.is_ok();
            for token in tokens {
                stayed = stayed && say(socket, &told(&token), Duration::ZERO).await;
            }
            if stayed {
                client_left(socket).await;
            }
            false
        }
        Behaviour::CommentsAfter(count) => {
            if say_tokens(socket, count, Duration::ZERO).await {
                while say(socket, b": still there\n\n", Duration::from_millis(20)).await {}
            }
            false
        }
        Behaviour::BreaksAfter(count) => {
            let head = SSE.replace("connection: close", "content-length: 1000000");
            let mut stayed = socket.write_all(head.as_bytes()).await.is_ok();
            for number in 1..=count {
                stayed = stayed && say(socket, &told(&token(number)), Duration::ZERO).await;
            }
            stayed
        }
        Behaviour::Bytes(pieces) => {
            let mut stayed = socket.write_all(SSE.as_bytes()).await.is_ok();
            for piece in pieces {
                // A pause makes it likely that the pieces are read one by one, as a network would deliver them.
                stayed = stayed && say(socket, &piece, Duration::from_millis(5)).await;
            }
            stayed
        }
    }
}

async fn say_tokens(socket: &mut TcpStream, count: usize, gap: Duration) -> bool {
    let mut stayed = socket.write_all(SSE.as_bytes()).await.is_ok();
    for number in 1..=count {
        stayed = stayed && say(socket, &told(&token(number)), gap).await;
    }
    stayed
}

/// Writes, and takes its time; false if the client has gone.
async fn say(socket: &mut TcpStream, bytes: &[u8], gap: Duration) -> bool {
    if socket.write_all(bytes).await.is_err() {
        return false;
    }
    tokio::select! {
        () = client_left(socket) => false,
        () = tokio::time::sleep(gap) => true,
    }
}

async fn client_left(socket: &mut TcpStream) {
    let mut buffer = [0; 64];
    while let Ok(1..) = socket.read(&mut buffer).await {}
}
