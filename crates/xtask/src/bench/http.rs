//! Just enough HTTP/1.1 to load a server: one connection that is kept alive, one request at a time.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::failure::{Context as _, Failure, Result};

/// Longer than anything measured here may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a whole request and reads the whole response.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<Response> {
        self.stream.get_mut().write_all(request)?;
        let mut line = Vec::with_capacity(128);
        self.read_line(&mut line)?;
        let status = status(&line).ok_or_else(|| malformed("the response has no status line"))?;
        let mut length = 0;
        loop {
            self.read_line(&mut line)?;
            if line.is_empty() {
                break;
            }
            let header = String::from_utf8_lossy(&line);
            let Some((name, value)) = header.split_once(':') else { return Err(malformed("a header has no colon")) };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(|_| malformed("Content-Length is no number"))?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                return Err(malformed("the response is chunked, which nothing that is measured here should be"));
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Response { status, body })
    }

    /// The next line without its end.
    fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<()> {
        line.clear();
        self.stream.read_until(b'\n', line)?;
        if line.pop() != Some(b'\n') {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(())
    }
}

/// A request as it goes over the wire.
pub(crate) fn request(method: &str, path: &str, bearer: Option<&str>, body: Option<(&str, &str)>) -> String {
    let authorization = bearer.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let (description, body) = body.map_or_else(Default::default, |(media_type, body)| {
        (format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", body.len()), body)
    });
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}{description}\r\n{body}")
}

/// One request over a connection of its own, whose answer has to be a success.
pub(crate) fn once(address: SocketAddr, request: &str) -> Result<Vec<u8>> {
    let what = || format!("{} on {address}", request.lines().next().unwrap_or_default());
    let response = Connection::open(address).and_then(|mut open| open.exchange(request.as_bytes())).context(what)?;
    if response.is_success() {
        return Ok(response.body);
    }
    let body = String::from_utf8_lossy(&response.body);
    Err(Failure::new(format!("{}: {} {body}", what(), response.status)))
}

fn status(line: &[u8]) -> Option<u16> {
    let line = str::from_utf8(line).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
