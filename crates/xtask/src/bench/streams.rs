//! P5: what an open stream costs in memory, with many of them on one server and a token a second in each.
//!
//! One thread reads them all: sockets that do not block are looked at in turn, five times a second. That takes a few
//! hundredths of a processor for thousands of streams, and no library.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::events::Incoming;
use super::http::{self, Connection};
use super::ours::{Server, in_parallel};
use super::report::Verdict;
use super::{Bench, rest, targets};
use crate::failure::{Context as _, Failure, Result};
use crate::postgres::Cluster;
use crate::say;

/// Who has all the streams.
const USERS: usize = 64;
/// So many may wait for their first event at once: opening shall not be what is measured.
const OPENING: usize = 64;
/// How long opening all of them may take, and how long each may be silent then.
const OPENING_BOUND: Duration = Duration::from_secs(120);
/// Between the last stream's start and the measurement.
const SETTLING: Duration = Duration::from_secs(5);
/// The least that a measurement takes: at a token a second, a shorter one could not tell slow from late.
const LEAST_SECONDS: f64 = 10.0;
const LOOK: Duration = Duration::from_millis(200);
/// What a server needs descriptors for besides its streams.
const OTHER_DESCRIPTORS: usize = 256;
/// A stream that gets fewer tokens a second is not alive, and its memory tells nothing.
const SLOWEST: f64 = 0.8;
/// What has to be open for the aim to count as reached, whatever a stream takes.
const AIMED_STREAMS: usize = 20_000;

impl Bench {
    pub(super) fn streams(&mut self, cluster: &Cluster, count: usize) -> Result<()> {
        let limits = fs::read_to_string("/proc/self/limits").context(|| "cannot read /proc/self/limits".into())?;
        enough_descriptors(&limits, count)?;
        let url = self.database(cluster, "streams")?;
        let data = self.scratch()?;
        let settings = [
            ("COLLOQUY__ENGINE__SCRIPTED__TOKEN_MS", "1000"),
            // Nobody waits for the end of these answers.
            ("COLLOQUY__ENGINE__SCRIPTED__TOKENS", "3600"),
            ("COLLOQUY__SERVER__SHUTDOWN_SECONDS", "1"),
        ];
        let server = self.build.serve_with("colloquy-streams", data.path(), Some(&url), &settings)?;
        say::step(format_args!("signing up {USERS} users and making {count} conversations"));
        let requests = questions(&server, count)?;
        rest(cluster)?;
        thread::sleep(Duration::from_secs(1));
        let before = server.resident_memory()?;

        say::step(format_args!("opening {count} streams"));
        let mut readers = open(server.address, &requests)?;
        watch(&mut readers, SETTLING)?;
        let measured = observe(&mut readers, self.seconds.max(LEAST_SECONDS), || server.resident_memory())?;
        let kibibytes = per_stream(before, measured.resident, count);
        let how = format!(
            "{count} streams: {:.1} MiB before, {:.1} MiB with them; {:.2} to {:.2} tokens/s in each for {:.0} s",
            super::bytes_to_mebibytes(before),
            super::bytes_to_mebibytes(measured.resident),
            measured.slowest,
            measured.fastest,
            measured.seconds,
        );
        let mut figure = targets::P5.measured(kibibytes, how);
        if figure.verdict == Verdict::Aim && count < AIMED_STREAMS {
            figure.verdict = Verdict::Met;
        }
        self.figure(figure);
        Ok(())
    }
}

/// This process and the server, which inherits its limits, each need a descriptor for every stream.
fn enough_descriptors(limits: &str, streams: usize) -> Result<()> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).unwrap_or_default();
    let needed = streams + OTHER_DESCRIPTORS;
    if soft == "unlimited" || soft.parse::<usize>().is_ok_and(|soft| soft >= needed) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{streams} streams need {needed} open files, and /proc/self/limits allows {soft:?}: raise it with \
         `ulimit -n {needed}`, or ask for fewer with --streams"
    )))
}

/// A question for each stream, which streams its answer, in a conversation of its own.
fn questions(server: &Server, count: usize) -> Result<Vec<String>> {
    let tokens = server.sign_up(USERS)?;
    let made = in_parallel(USERS, |user| {
        let token = &tokens[user];
        let request = http::request("POST", "/api/v1/conversations", Some(token), Some(("application/json", "{}")));
        let what = || "cannot make a conversation".to_owned();
        let mut connection = Connection::open(server.address).context(what)?;
        (user..count)
            .step_by(USERS)
            .map(|_| {
                let response = connection.exchange(request.as_bytes()).context(what)?;
                let made: serde_json::Value = serde_json::from_slice(&response.body).context(what)?;
                let id = made["id"].as_str().ok_or_else(|| Failure::new(format!("{}: {made}", what())))?;
                Ok(Server::question(token, Some(id), true))
            })
            .collect::<Result<Vec<String>>>()
    })?;
    Ok(made.into_iter().flatten().collect())
}

/// One stream, as far as it has been read.
struct Reader {
    connection: TcpStream,
    incoming: Incoming,
    /// Events of text so far.
    deltas: usize,
    /// The last event that was no text.
    other: String,
}

impl Reader {
    fn open(address: SocketAddr, request: &str) -> std::io::Result<Self> {
        let mut connection = TcpStream::connect(address)?;
        connection.write_all(request.as_bytes())?;
        connection.set_nonblocking(true)?;
        Ok(Self { connection, incoming: Incoming::default(), deltas: 0, other: String::new() })
    }

    /// Takes what has come. No stream may end while it is watched.
    fn look(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        let read = match self.connection.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context(|| self.obituary()),
        };
        let (deltas, other) = (&mut self.deltas, &mut self.other);
        let fed = self.incoming.feed(&buffer[..read], &mut |event| {
            if event.name == "turn.delta" {
                *deltas += 1;
            } else {
                *other = format!("{} {}", event.name, event.data);
            }
        });
        fed.context(|| self.obituary())?;
        if read == 0 || self.incoming.is_done() {
            return Err(Failure::new(self.obituary()));
        }
        Ok(())
    }

    fn obituary(&self) -> String {
        let last = self.incoming.refusal().unwrap_or_else(|| self.other.clone());
        format!("a stream ended after {} tokens, and last said {last:?}", self.deltas)
    }
}

fn open(address: SocketAddr, requests: &[String]) -> Result<Vec<Reader>> {
    let bound = Instant::now() + OPENING_BOUND;
    let mut readers: Vec<Reader> = Vec::with_capacity(requests.len());
    loop {
        look_at_all(&mut readers)?;
        let waiting = readers.iter().filter(|reader| reader.deltas == 0).count();
        if waiting == 0 && readers.len() == requests.len() {
            return Ok(readers);
        }
        if Instant::now() > bound {
            let (opened, all) = (readers.len() - waiting, requests.len());
            return Err(Failure::new(format!("of {all} streams {opened} had a token after {OPENING_BOUND:?}")));
        }
        let next = requests.iter().skip(readers.len()).take(OPENING.saturating_sub(waiting));
        let opened = next.map(|request| Reader::open(address, request).context(|| "cannot open a stream".into()));
        let opened = opened.collect::<Result<Vec<_>>>()?;
        readers.extend(opened);
        thread::sleep(Duration::from_millis(5));
    }
}

fn look_at_all(readers: &mut [Reader]) -> Result<()> {
    readers.iter_mut().try_for_each(Reader::look)
}

/// Reads for so long, and returns how long it was.
fn watch(readers: &mut [Reader], span: Duration) -> Result<Duration> {
    let started = Instant::now();
    loop {
        look_at_all(readers)?;
        let spent = started.elapsed();
        if spent >= span {
            return Ok(spent);
        }
        thread::sleep(LOOK.min(span.saturating_sub(spent)));
    }
}

struct Observed {
    /// The most that was resident, in bytes.
    resident: u64,
    seconds: f64,
    /// Tokens per second of the slowest and the fastest stream.
    slowest: f64,
    fastest: f64,
}

/// Watches for so long, and asks how much memory is resident once a second.
fn observe(readers: &mut [Reader], seconds: f64, resident_memory: impl Fn() -> Result<u64>) -> Result<Observed> {
    let before: Vec<usize> = readers.iter().map(|reader| reader.deltas).collect();
    let started = Instant::now();
    let mut resident = 0;
    let mut spent = 0.0;
    while spent < seconds {
        watch(readers, Duration::from_secs_f64((seconds - spent).clamp(0.0, 1.0)))?;
        resident = resident.max(resident_memory()?);
        spent = started.elapsed().as_secs_f64();
    }
    let (slowest, fastest) = rates(readers.iter().zip(before).map(|(reader, before)| reader.deltas - before), spent);
    if slowest < SLOWEST {
        return Err(Failure::new(format!("a stream got {slowest:.2} tokens a second, and not the one it should get")));
    }
    Ok(Observed { resident, seconds: spent, slowest, fastest })
}

/// The lowest and the highest rate of tokens per second.
#[expect(clippy::cast_precision_loss, reason = "a count of tokens is far below 2^52")]
fn rates(tokens: impl Iterator<Item = usize>, seconds: f64) -> (f64, f64) {
    tokens.fold((f64::INFINITY, 0.0), |(slowest, fastest), tokens| {
        let rate = tokens as f64 / seconds;
        (rate.min(slowest), rate.max(fastest))
    })
}

/// In KiB.
#[expect(clippy::cast_precision_loss, reason = "no process takes 2^52 bytes")]
fn per_stream(before: u64, with_them: u64, streams: usize) -> f64 {
    with_them.saturating_sub(before) as f64 / streams as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::bench::events::tests::answer;

    /// A server that streams a token to each of its connections every 20 ms, until they have had `tokens`. With `ends`,
    /// it ends its answers then; else it falls silent.
    fn telling(tokens: usize, ends: bool) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (opening, token) = (answer(&[]), answer(&[("turn.delta", "{}")]));
        let opening = opening.strip_suffix("0\r\n\r\n").unwrap().to_owned();
        let token = token.strip_prefix(&opening).unwrap().strip_suffix("0\r\n\r\n").unwrap().to_owned();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, opening, token) = (stream.unwrap(), opening.clone(), token.clone());
                thread::spawn(move || {
                    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
                    stream.write_all(opening.as_bytes()).unwrap();
                    for _ in 0..tokens {
                        if stream.write_all(token.as_bytes()).is_err() {
                            return;
                        }
                        thread::sleep(Duration::from_millis(20));
                    }
                    // Whoever reads decides when it is over.
                    while !ends && stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
                });
            }
        });
        address
    }

    fn opened(address: SocketAddr, count: usize) -> Vec<Reader> {
        open(address, &vec![Server::question("t", Some("c"), true); count]).unwrap()
    }

    #[test]
    fn every_stream_is_opened_and_its_tokens_are_counted() {
        let mut readers = opened(telling(1000, false), 2 * OPENING + 1);
        assert!(readers.iter().all(|reader| reader.deltas > 0));
        let observed = observe(&mut readers, 0.3, || Ok(7)).unwrap();
        assert_eq!(observed.resident, 7);
        assert!(observed.seconds >= 0.3 && observed.slowest >= SLOWEST && observed.fastest >= observed.slowest);
    }

    #[test]
    fn streams_that_fell_silent_are_not_measured() {
        let mut readers = opened(telling(1, false), 3);
        let refused = observe(&mut readers, 0.1, || Ok(7)).err().unwrap().to_string();
        assert!(refused.contains("0.00 tokens"), "{refused}");
    }

    #[test]
    fn a_stream_that_ends_is_a_failure() {
        let mut readers = opened(telling(2, true), 1);
        let failure = watch(&mut readers, Duration::from_secs(20)).unwrap_err().to_string();
        assert!(failure.starts_with("a stream ended after 2 tokens"), "{failure}");
    }

    #[test]
    fn a_limit_that_is_too_low_is_said_before_anything_is_opened() {
        let limits =
            |soft: &str| format!("Max stack size  8388608 unlimited bytes\nMax open files  {soft} 20000 files\n");
        assert!(enough_descriptors(&limits("20000"), 2000).is_ok());
        assert!(enough_descriptors(&limits("unlimited"), 20_000).is_ok());
        let refused = enough_descriptors(&limits("1024"), 2000).unwrap_err().to_string();
        assert!(refused.contains("ulimit -n 2256"), "{refused}");
        assert!(enough_descriptors("", 1).is_err());
    }

    #[test]
    fn memory_is_shared_out_among_the_streams() {
        assert!((per_stream(1 << 20, 3 << 20, 64) - 32.0).abs() < 1e-9);
        assert!(per_stream(2, 1, 64).abs() < 1e-9);
    }
}
