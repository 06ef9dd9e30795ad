//! What only a real connection shows.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use actix_web::HttpServer;

use crate::harness::{Ports, Server, TOKEN, user};

/// Serves on a port of its own; returns its address. The server ends with the test's runtime.
fn serve(Server { services, settings, .. }: Server) -> std::net::SocketAddr {
    let server = HttpServer::new(move || api::app(services.clone(), settings.clone()))
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    address
}

/// A connection that is kept between requests.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: std::net::SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self(BufReader::new(stream))
    }

    /// The response's head, without its body.
    fn send(&mut self, request: &str) -> String {
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).unwrap(), 0, "the connection was closed after {head:?}");
        }
        head
    }

    fn body(&mut self, head: &str) -> String {
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap()];
        self.0.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }
}

async fn on_a_connection(ports: Ports, scenario: impl FnOnce(Connection) + Send + 'static) {
    let address = serve(ports.server());
    actix_web::rt::task::spawn_blocking(move || scenario(Connection::open(address))).await.unwrap();
}

#[actix_web::test]
async fn a_panic_does_not_cost_the_connection() {
    let mut ports = Ports::with_caller();
    ports.users.expect_find().times(1).return_once(|_| panic!("on purpose"));
    ports.users.expect_find().times(1).return_once(|_| Ok(Some(user())));
    on_a_connection(ports, |mut connection| {
        let me = format!("GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
        let head = connection.send(&me);
        assert!(head.starts_with("HTTP/1.1 500"), "{head}");
        assert!(connection.body(&head).contains("\"internal\""));
        let head = connection.send(&me);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(connection.body(&head).contains("\"ada\""));
    })
    .await;
}

#[actix_web::test]
async fn head_is_get_without_the_body() {
    on_a_connection(Ports::untouched(), |mut connection| {
        let head = connection.send("HEAD /version HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        // If a body came, the next response's head would not begin where it is looked for.
        let head = connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(connection.body(&head), "{\"status\":\"ok\"}");
    })
    .await;
}

#[actix_web::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    on_a_connection(Ports::with_caller(), |mut connection| {
        let head = connection.send(&format!(
            "POST /chat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: 10000000\r\n\r\n"
        ));
        assert!(head.starts_with("HTTP/1.1 413"), "{head}");
        assert!(connection.body(&head).contains("\"payload_too_large\""));
    })
    .await;
}

#[actix_web::test]
async fn a_body_that_never_says_how_long_it_is_is_cut_off() {
    on_a_connection(Ports::with_caller(), |mut connection| {
        let chunk = format!("{:x}\r\n{}\r\n", 50_000, "x".repeat(50_000));
        let head = connection.send(&format!(
            "POST /chat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}"
        ));
        assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    })
    .await;
}

#[actix_web::test]
async fn a_body_that_takes_too_long_is_given_up_with_its_connection() {
    let mut server = Ports::with_caller().server();
    server.settings.body_timeout = Duration::from_millis(50);
    let address = serve(server);
    let scenario = move || {
        let mut connection = Connection::open(address);
        let head = connection.send(&format!(
            "POST /chat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: 17\r\n\r\n{{\"questi"
        ));
        assert!(head.starts_with("HTTP/1.1 408"), "{head}");
        assert!(head.to_lowercase().contains("connection: close"), "{head}");
        assert!(connection.body(&head).contains("\"request_timeout\""));
        assert_eq!(connection.0.read(&mut [0]).unwrap(), 0, "the connection is closed");
    };
    actix_web::rt::task::spawn_blocking(scenario).await.unwrap();
}

#[actix_web::test]
async fn a_body_that_nobody_reads_is_not_taken_for_the_next_request() {
    on_a_connection(Ports::untouched(), |mut connection| {
        let smuggled = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
        let head = connection
            .send(&format!("POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len()));
        assert!(head.starts_with("HTTP/1.1 401"), "{head}");
        connection.body(&head);
        let mut rest = Vec::new();
        connection.0.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    })
    .await;
}
