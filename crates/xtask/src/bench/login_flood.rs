//! S5: what a flood of logins takes, and what it costs everybody else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::http::{self, Connection};
use super::load::Measured;
use super::ours::{QUESTION, Server};
use super::report::median;
use super::{Bench, bytes_to_mebibytes, pairs, targets};
use crate::failure::{Context as _, Failure, Result};
use crate::say;

/// How many log in at once, and come again whenever they are answered.
const CLIENTS: usize = 500;
/// As many as hash at once; the target for memory is for so many.
const PERMITS: &str = "2";
/// What `Retry-After` says to those who are refused.
const PAUSE: Duration = Duration::from_secs(1);
const GLANCE: Duration = Duration::from_millis(50);

const CALM: Names = Names { health: "S5 healthz, calm", chat: "S5 chat, calm" };
const FLOODED: Names = Names { health: "S5 healthz, flooded", chat: "S5 chat, flooded" };

struct Names {
    health: &'static str,
    chat: &'static str,
}

impl Bench {
    pub(super) fn login_flood(&mut self) -> Result<()> {
        let data = self.scratch()?;
        let permits = [("COLLOQUY__AUTH__ARGON2__CONCURRENCY", PERMITS)];
        let server = self.build.serve_with("colloquy-login-flood", data.path(), None, &permits)?;
        // Before any password was hashed: what the first one leaves behind is growth as well.
        let before = server.resident_memory()?;
        let tokens = server.sign_up(1)?;
        let token = tokens.first().map_or("", String::as_str);

        let mut replies = Replies::default();
        for round in 1..=self.rounds {
            self.besides(&server, token, &CALM)?;
            let flood = Flood::start(server.address)?;
            let measured = self.besides(&server, token, &FLOODED);
            replies.add(flood.stop()?);
            measured?;
            let p99 = |bench: &Self, name| bench.loads(name).last().map_or(0.0, |load: &Measured| load.p99_ms);
            say::step(format_args!(
                "round {round} of {}: p99 of /healthz {:.2} ms, {:.2} ms in the flood",
                self.rounds,
                p99(self, CALM.health),
                p99(self, FLOODED.health)
            ));
        }
        if replies.compared == 0 || replies.refused == 0 {
            return Err(Failure::new(format!("that was no flood: {replies:?}")));
        }

        let grown = bytes_to_mebibytes(server.peak_memory()?.saturating_sub(before));
        let Replies { compared, refused } = replies;
        let how = format!("at the most, {CLIENTS} clients: {compared} passwords compared, {refused} logins refused");
        self.figure(targets::S5_MEMORY.measured(grown, how));
        let p99 = median(self.loads(FLOODED.health).iter().map(|load| load.p99_ms).collect());
        let how = format!(
            "calm {}; a turn {}, calm {}",
            self.latency_of(CALM.health),
            self.latency_of(FLOODED.chat),
            self.latency_of(CALM.chat)
        );
        self.figure(targets::S5_HEALTH.measured(p99, how));
        Ok(())
    }

    /// Looks at `/healthz` and asks a question in turns, over one connection each.
    fn besides(&mut self, server: &Server, token: &str, names: &Names) -> Result<()> {
        let health = http::request("GET", "/healthz", None, None);
        let question = http::request("POST", "/chat", Some(token), Some(("application/json", QUESTION)));
        let connect = || Connection::open(server.address).context(|| format!("cannot connect to {}", server.address));
        let (mut one, mut other) = (connect()?, connect()?);
        let (health, chat) =
            pairs::alternate(self.seconds, |_| timed(&mut one, &health), |_| timed(&mut other, &question))?;
        self.report.loads.entry(names.health).or_default().push(health);
        self.report.loads.entry(names.chat).or_default().push(chat);
        Ok(())
    }
}

fn timed(connection: &mut Connection, request: &str) -> Result<Duration> {
    let sent = Instant::now();
    let what = || request.lines().next().unwrap_or_default().to_owned();
    let response = connection.exchange(request.as_bytes()).context(what)?;
    if response.is_success() {
        return Ok(sent.elapsed());
    }
    Err(Failure::new(format!("{}: {} {}", what(), response.status, String::from_utf8_lossy(&response.body))))
}

/// What came of the logins.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Replies {
    compared: usize,
    refused: usize,
}

impl Replies {
    const fn add(&mut self, Self { compared, refused }: Self) {
        self.compared += compared;
        self.refused += refused;
    }
}

/// Clients who do not know the password, until they are stopped.
struct Flood {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Result<Replies>>>,
}

impl Flood {
    /// All are connected before the first of them says anything.
    fn start(address: SocketAddr) -> Result<Self> {
        let connections: Vec<Connection> = (0..CLIENTS)
            .map(|_| Connection::open(address))
            .collect::<std::io::Result<_>>()
            .context(|| format!("cannot connect to {address} {CLIENTS} times"))?;
        let mut flood = Self { stop: Arc::default(), clients: Vec::with_capacity(CLIENTS) };
        for connection in connections {
            let stop = flood.stop.clone();
            let client = thread::Builder::new().stack_size(128 * 1024).spawn(move || log_in(connection, &stop));
            flood.clients.push(client.context(|| "cannot start a client".into())?);
        }
        Ok(flood)
    }

    fn stop(mut self) -> Result<Replies> {
        self.stop.store(true, Ordering::Relaxed);
        let mut replies = Replies::default();
        for client in self.clients.drain(..) {
            replies.add(client.join().map_err(|_| Failure::new("a client panicked"))??);
        }
        Ok(replies)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Logs in with a wrong password again and again, and pauses as it is told to.
fn log_in(mut connection: Connection, stop: &AtomicBool) -> Result<Replies> {
    let form = Some(("application/x-www-form-urlencoded", "username=nobody&password=a-guess"));
    let request = http::request("POST", "/token", None, form);
    let mut replies = Replies::default();
    while !stop.load(Ordering::Relaxed) {
        let response = connection.exchange(request.as_bytes()).context(|| "a login of the flood".into())?;
        match response.status {
            400 => replies.compared += 1,
            503 => {
                replies.refused += 1;
                let until = Instant::now() + PAUSE;
                while Instant::now() < until && !stop.load(Ordering::Relaxed) {
                    thread::sleep(GLANCE);
                }
            }
            status => {
                let body = String::from_utf8_lossy(&response.body).into_owned();
                return Err(Failure::new(format!("a login of the flood: {status} {body}")));
            }
        }
    }
    Ok(replies)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// A server that gives every connection these statuses one after the other, and the last of them from then on.
    fn answering(statuses: &'static [u16]) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut statuses = statuses.iter().chain(std::iter::repeat(statuses.last().unwrap()));
                    while stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                        let reply = format!("HTTP/1.1 {} X\r\nContent-Length: 0\r\n\r\n", statuses.next().unwrap());
                        if stream.write_all(reply.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    #[test]
    fn who_is_refused_pauses_and_all_is_counted() {
        let stop = AtomicBool::new(false);
        let connection = Connection::open(answering(&[400, 400, 503])).unwrap();
        let replies = thread::scope(|scope| {
            let client = scope.spawn(|| log_in(connection, &stop));
            thread::sleep(Duration::from_millis(300));
            stop.store(true, Ordering::Relaxed);
            client.join().unwrap().unwrap()
        });
        assert_eq!(replies, Replies { compared: 2, refused: 1 });
    }

    #[test]
    fn what_is_neither_compared_nor_refused_is_a_failure() {
        let connection = Connection::open(answering(&[429])).unwrap();
        let failure = log_in(connection, &AtomicBool::new(false)).unwrap_err().to_string();
        assert!(failure.contains("429"), "{failure}");
    }
}
