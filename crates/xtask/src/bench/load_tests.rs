use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use super::*;
use crate::bench::http;

/// Answers requests, each connection by a thread of its own, with what `answer` makes of the request's number and body.
fn server(answer: impl Fn(usize, &str) -> String + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
            thread::spawn(move || {
                let mut stream = BufReader::new(stream.unwrap());
                while let Some(body) = request_body(&mut stream) {
                    let response = answer(count.fetch_add(1, Ordering::Relaxed), &body);
                    stream.get_mut().write_all(response.as_bytes()).unwrap();
                }
            });
        }
    });
    address
}

fn request_body(stream: &mut BufReader<std::net::TcpStream>) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            return Some(String::from_utf8(body).unwrap());
        }
    }
}

fn response(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn load(address: SocketAddr, clients: usize, rate: Option<f64>) -> Load {
    let post = |client| http::request("POST", "/chat", Some("t"), Some(("text/plain", &format!("client {client}"))));
    Load {
        address,
        requests: (0..clients).map(post).collect(),
        warmup: Duration::from_millis(50),
        measured: Duration::from_millis(300),
        rate,
    }
}

#[test]
fn clients_work_side_by_side_and_each_sends_its_own_request() {
    // Nobody is answered before all four asked: a load that went one after another would hang until its patience ends.
    let together = Barrier::new(4);
    let bodies = Arc::new([const { AtomicUsize::new(0) }; 4]);
    let seen = Arc::clone(&bodies);
    let address = server(move |_, body| {
        together.wait();
        seen[body.strip_prefix("client ").unwrap().parse::<usize>().unwrap()].fetch_add(1, Ordering::Relaxed);
        response("200 OK", "{}")
    });
    // The schedule is so slow that each client's first request is its only one.
    let slow = Load { warmup: Duration::ZERO, measured: Duration::from_millis(40), ..load(address, 4, Some(100.0)) };
    let measured = slow.measure().unwrap();
    assert_eq!((measured.requests, measured.clients, measured.failures), (4, 4, 0));
    assert!(bodies.iter().all(|body| body.load(Ordering::Relaxed) == 1));
}

#[test]
fn without_a_rate_it_goes_as_fast_as_it_is_answered() {
    let measured = load(server(|_, _| response("200 OK", "{}")), 4, None).measure().unwrap();
    assert!(measured.requests > 4, "{measured:?}");
    assert!(measured.p50_ms > 0.0 && measured.p50_ms <= measured.p99_ms && measured.p99_ms <= measured.max_ms);
    assert_eq!(measured.first_failure, None);
}

#[test]
fn with_a_rate_it_sends_what_was_asked_for() {
    let measured = load(server(|_, _| response("200 OK", "{}")), 4, Some(200.0)).measure().unwrap();
    assert_eq!(measured.requests, 60, "0.3 s at 200 a second");
}

#[test]
fn a_stalled_server_is_charged_for_the_requests_it_kept_from_being_sent() {
    let address = server(|number, _| {
        if number == 20 {
            // Not waiting for anything: this is the stall.
            let stalled = Instant::now();
            while stalled.elapsed() < Duration::from_millis(200) {
                std::hint::spin_loop();
            }
        }
        response("200 OK", "{}")
    });
    let measured = load(address, 1, Some(200.0)).measure().unwrap();
    // About 40 of the 60 were due meanwhile. Counted from when they were sent, all but one of them would look fast.
    assert!(measured.p50_ms > 10.0, "{measured:?}");
    assert_eq!(measured.requests, 60);
}

#[test]
fn answers_other_than_success_are_failures() {
    let address =
        server(|number, _| if number == 3 { response("409 Conflict", "busy") } else { response("200 OK", "") });
    let measured = load(address, 2, None).measure().unwrap();
    assert_eq!(measured.failures, 1);
    assert_eq!(measured.first_failure.as_deref(), Some("409 busy"));
}

#[test]
fn a_broken_connection_is_a_failure() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || drop(listener.accept()));
    let measured = load(address, 1, None).measure().unwrap();
    assert_eq!(measured.failures, 1);
}

#[test]
fn percentiles_are_latencies_that_occurred() {
    let latencies: Vec<_> = (1..=200).map(Duration::from_millis).collect();
    let near = |found: f64, expected: f64| (found - expected).abs() < 1e-9;
    assert!(near(percentile(&latencies, 50), 100.0));
    assert!(near(percentile(&latencies, 99), 198.0));
    assert!(near(percentile(&latencies, 100), 200.0));
    assert!(near(percentile(&latencies[..1], 99), 1.0));
    assert!(near(percentile(&[], 50), 0.0));
}

#[test]
fn a_client_that_pauses_is_charged_for_its_requests_only() {
    let measured = Measured::of([3, 1, 2].map(Duration::from_millis).to_vec());
    let near = |found: f64, expected: f64| (found - expected).abs() < 1e-9;
    assert_eq!((measured.clients, measured.requests, measured.failures), (1, 3, 0));
    assert!(near(measured.seconds, 0.006) && near(measured.rate, 500.0) && near(measured.p50_ms, 2.0));
}
