//! P4: how much later the first token comes through Colloquy than straight from the same upstream.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::events::{Event, Incoming};
use super::ours::{CONTEXT_TURNS, QUESTION_TEXT, Server};
use super::report::median;
use super::{Bench, http, pairs, rest, targets, upstream};
use crate::failure::{Context as _, Result};
use crate::postgres::Cluster;
use crate::say;

/// Longer than any answer may take here.
const PATIENCE: Duration = Duration::from_secs(20);

impl Bench {
    pub(super) fn first_token(&mut self, cluster: &Cluster) -> Result<()> {
        let (_upstream, upstream) = upstream::start(&self.directory)?;
        let url = self.database(cluster, "first_token")?;
        let data = self.scratch()?;
        let base_url = format!("http://{upstream}/v1");
        let settings = [
            ("COLLOQUY__ENGINE__KIND", "openai"),
            ("COLLOQUY__ENGINE__OPENAI__BASE_URL", &base_url),
            ("COLLOQUY__ENGINE__OPENAI__MODEL", "fake"),
        ];
        let server = self.build.serve_with("colloquy-first-token", data.path(), Some(&url), &settings)?;
        let tokens = server.sign_up(1)?;
        let token = tokens.first().map_or("", String::as_str);
        let mut straight = Asker::new(upstream, straight_question(), has_content, is_done);
        let mut through = Asker::new(server.address, Server::question(token, None, true), is_delta, is_completed);

        let mut differences = Vec::new();
        for round in 1..=self.rounds {
            rest(cluster)?;
            let (straight, through) = pairs::alternate(self.seconds, |_| straight.ask(), |_| through.ask())?;
            say::step(format_args!(
                "round {round} of {}: the first token after {:.3} ms straight, {:.3} ms through Colloquy",
                self.rounds, straight.p50_ms, through.p50_ms
            ));
            differences.push(through.p50_ms - straight.p50_ms);
            self.report.loads.entry("P4 straight").or_default().push(straight);
            self.report.loads.entry("P4 colloquy").or_default().push(through);
        }
        let (ours, theirs) = (self.precise_latency_of("P4 colloquy"), self.precise_latency_of("P4 straight"));
        self.figure(targets::P4.measured(median(differences), format!("{ours}; straight from the upstream {theirs}")));
        Ok(())
    }

    fn precise_latency_of(&self, name: &str) -> String {
        let middle = |which: fn(&super::Measured) -> f64| median(self.loads(name).iter().map(which).collect());
        format!("p50 {:.2} ms, p99 {:.2} ms", middle(|load| load.p50_ms), middle(|load| load.p99_ms))
    }
}

/// What Colloquy asks the upstream in the course of a conversation, or near enough.
fn straight_question() -> String {
    let mut messages = Vec::new();
    for _ in 0..CONTEXT_TURNS {
        messages.push(serde_json::json!({ "role": "user", "content": QUESTION_TEXT }));
        messages.push(serde_json::json!({ "role": "assistant", "content": "You asked me that." }));
    }
    messages.push(serde_json::json!({ "role": "user", "content": QUESTION_TEXT }));
    let body = serde_json::json!({
        "model": "fake", "messages": messages, "stream": true, "stream_options": { "include_usage": true },
    });
    http::request("POST", "/v1/chat/completions", None, Some(("application/json", &body.to_string())))
}

fn has_content(event: &Event) -> bool {
    let chunk: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
    chunk["choices"][0]["delta"]["content"].as_str().is_some_and(|text| !text.is_empty())
}

fn is_done(event: &Event) -> bool {
    event.data == "[DONE]"
}

fn is_delta(event: &Event) -> bool {
    event.name == "turn.delta"
}

fn is_completed(event: &Event) -> bool {
    event.name == "turn.completed"
}

/// Asks the same question again and again, over one connection for as long as the server keeps it.
struct Asker {
    address: SocketAddr,
    request: String,
    is_token: fn(&Event) -> bool,
    /// Without such an event the answer is none.
    is_end: fn(&Event) -> bool,
    connection: Option<TcpStream>,
}

impl Asker {
    fn new(address: SocketAddr, request: String, is_token: fn(&Event) -> bool, is_end: fn(&Event) -> bool) -> Self {
        Self { address, request, is_token, is_end, connection: None }
    }

    /// From sending the question to the arrival of the first token. The rest of the answer is read, too.
    fn ask(&mut self) -> Result<Duration> {
        self.exchange().context(|| format!("a streamed answer of {}", self.address))
    }

    fn exchange(&mut self) -> io::Result<Duration> {
        let mut connection = match self.connection.take() {
            Some(kept) => kept,
            None => connect(self.address)?,
        };
        let mut incoming = Incoming::default();
        let mut buffer = [0; 16 * 1024];
        let (mut first, mut ended) = (None, false);
        let sent = Instant::now();
        connection.write_all(self.request.as_bytes())?;
        while !incoming.is_done() {
            let read = connection.read(&mut buffer)?;
            // The clock is read before anything is parsed, which would be charged to the server.
            let arrived = Instant::now();
            if read == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended before the answer"));
            }
            incoming.feed(&buffer[..read], &mut |event| {
                if first.is_none() && (self.is_token)(event) {
                    first = Some(arrived - sent);
                }
                ended |= (self.is_end)(event);
            })?;
        }
        if let Some(refusal) = incoming.refusal() {
            return Err(io::Error::other(refusal));
        }
        if !incoming.closes() {
            self.connection = Some(connection);
        }
        let whole = first.filter(|_| ended);
        whole.ok_or_else(|| io::Error::other("the answer has no token, or did not end as one that is complete"))
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::bench::events::tests::answer;

    /// A server that takes one connection, and to each request over it says what comes next, with a pause in between.
    fn saying(answers: Vec<[String; 2]>) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for [first, second] in answers {
                assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
                stream.write_all(first.as_bytes()).unwrap();
                // Not waiting for anything: this is how late the rest is.
                thread::sleep(Duration::from_millis(200));
                stream.write_all(second.as_bytes()).unwrap();
            }
        });
        address
    }

    fn cut(response: &str, at: &str) -> [String; 2] {
        let (first, second) = response.split_at(response.find(at).unwrap());
        [first.to_owned(), second.to_owned()]
    }

    fn asker(address: SocketAddr) -> Asker {
        Asker::new(address, Server::question("t", None, true), is_delta, is_completed)
    }

    #[test]
    fn the_first_token_counts_and_the_connection_is_kept() {
        let whole =
            answer(&[("turn.created", "{}"), ("turn.delta", "{}"), ("turn.delta", "{}"), ("turn.completed", "{}")]);
        let early = cut(&whole, "event: turn.completed");
        let late = cut(&whole, "event: turn.delta");
        let mut asker = asker(saying(vec![early, late]));
        let pause = Duration::from_millis(200);
        assert!(asker.ask().unwrap() < pause, "the end of the answer was waited for");
        assert!(asker.ask().unwrap() >= pause, "something else was taken for a token");
    }

    #[test]
    fn an_answer_that_failed_is_not_measured() {
        let failed = answer(&[("turn.delta", "{}"), ("turn.failed", "{}")]);
        assert!(asker(saying(vec![cut(&failed, "event: turn.failed")])).ask().is_err());
        let busy = "HTTP/1.1 409 Conflict\r\ncontent-length: 4\r\n\r\nbusy";
        let refused = asker(saying(vec![cut(busy, "busy")])).ask().unwrap_err().to_string();
        assert!(refused.ends_with("409 busy"), "{refused}");
    }

    #[test]
    fn the_upstream_is_understood_straight() {
        let mut asker = Asker::new(upstream::tests::in_a_thread(), straight_question(), has_content, is_done);
        for _ in 0..3 {
            assert!(asker.ask().unwrap() > Duration::ZERO);
        }
        assert!(asker.connection.is_some());
    }

    #[test]
    fn a_chunk_without_text_is_no_token() {
        let event = |data: &str| Event { name: String::new(), data: data.to_owned() };
        assert!(has_content(&event(r#"{"choices":[{"delta":{"content":"a"}}]}"#)));
        assert!(!has_content(&event(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#)));
        assert!(!has_content(&event(r#"{"choices":[],"usage":{}}"#)) && !has_content(&event("[DONE]")));
    }
}
