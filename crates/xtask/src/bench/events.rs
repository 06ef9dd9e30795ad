//! A response that comes in bit by bit, with the server-sent events in it: what an answer that streams looks like to
//! whoever reads it.

use std::io::{self, ErrorKind};
use std::mem;

/// The most that is kept of a body that is no stream of events, in bytes: it is only shown to a person.
const MAX_BODY: usize = 2 * 1024;

/// One event: the name it was given, if any, and its data.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
}

/// Takes a response as bytes come, however they are cut.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    state: State,
    status: u16,
    /// The server will close the connection after this response.
    closes: bool,
    has_events: bool,
    length: Option<usize>,
    /// The part that has come of a line of the framing, and of one of the body.
    framing: Vec<u8>,
    text: Vec<u8>,
    event: Event,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Status,
    Headers,
    /// So many bytes of a body whose length was announced are still to come.
    Sized(usize),
    ChunkSize,
    Chunk(usize),
    ChunkEnd,
    Trailers,
    Done,
}

impl Incoming {
    /// Takes what has come, and tells each event that it completes.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], told: &mut dyn FnMut(&Event)) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.state {
                State::Sized(left) | State::Chunk(left) => {
                    let (now, later) = bytes.split_at(left.min(bytes.len()));
                    self.body(now, told);
                    bytes = later;
                    self.state = match (self.state, left - now.len()) {
                        (State::Chunk(_), 0) => State::ChunkEnd,
                        (State::Chunk(_), left) => State::Chunk(left),
                        (_, 0) => State::Done,
                        (_, left) => State::Sized(left),
                    };
                }
                State::Done => return Err(malformed("something came after the end of the response")),
                State::Status | State::Headers | State::ChunkSize | State::ChunkEnd | State::Trailers => {
                    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                        self.framing.extend_from_slice(bytes);
                        return Ok(());
                    };
                    self.framing.extend_from_slice(&bytes[..end]);
                    bytes = &bytes[end + 1..];
                    let line = mem::take(&mut self.framing);
                    self.state = self.line(String::from_utf8_lossy(&line).trim_end_matches('\r'))?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    pub(crate) fn closes(&self) -> bool {
        self.closes
    }

    /// What the server answered instead of a stream of events, if that is what it did.
    pub(crate) fn refusal(&self) -> Option<String> {
        let refused = self.is_done() && (self.status != 200 || !self.has_events);
        refused.then(|| format!("{} {}", self.status, String::from_utf8_lossy(&self.text)))
    }

    /// Takes a line that is no body, and says what comes after it.
    fn line(&mut self, line: &str) -> io::Result<State> {
        match self.state {
            State::Status => {
                let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
                self.status = status.ok_or_else(|| malformed("the response has no status line"))?;
                Ok(State::Headers)
            }
            State::Headers if line.is_empty() => match self.length {
                Some(0) => Ok(State::Done),
                Some(length) => Ok(State::Sized(length)),
                None => Ok(State::ChunkSize),
            },
            State::Headers => self.header(line),
            State::ChunkSize => {
                let size = line.split(';').next().unwrap_or_default().trim();
                match usize::from_str_radix(size, 16) {
                    Ok(0) => Ok(State::Trailers),
                    Ok(size) => Ok(State::Chunk(size)),
                    Err(_) => Err(malformed("a chunk has no size")),
                }
            }
            State::ChunkEnd if line.is_empty() => Ok(State::ChunkSize),
            State::ChunkEnd => Err(malformed("a chunk is longer than its size")),
            State::Trailers if line.is_empty() => Ok(State::Done),
            same => Ok(same),
        }
    }

    fn header(&mut self, line: &str) -> io::Result<State> {
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header has no colon"))?;
        let value = value.trim().to_ascii_lowercase();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                self.length = Some(value.parse().map_err(|_| malformed("Content-Length is no number"))?);
            }
            "content-type" => self.has_events = value.starts_with("text/event-stream"),
            "connection" => self.closes = value == "close",
            "content-encoding" if value != "identity" => {
                return Err(malformed("the response is compressed, which nobody asked for"));
            }
            _ => {}
        }
        Ok(State::Headers)
    }

    fn body(&mut self, bytes: &[u8], told: &mut dyn FnMut(&Event)) {
        if self.status != 200 || !self.has_events {
            let room = MAX_BODY.saturating_sub(self.text.len());
            self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
            return;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.text.extend_from_slice(piece);
            if self.text.last() == Some(&b'\n') {
                let line = mem::take(&mut self.text);
                self.field(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']), told);
            }
        }
    }

    fn field(&mut self, line: &str, told: &mut dyn FnMut(&Event)) {
        if line.is_empty() {
            let event = mem::take(&mut self.event);
            if event != Event::default() {
                told(&event);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments and ids are of no interest here.
            _ => {}
        }
    }
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// An answer as Colloquy streams it, each event in a chunk of its own.
    pub(crate) fn answer(events: &[(&str, &str)]) -> String {
        let mut response = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
                            8\r\n: ping\n\n\r\n"
            .to_owned();
        for (number, (name, data)) in events.iter().enumerate() {
            let event = format!("event: {name}\nid: 0.{number}\ndata: {data}\n\n");
            let _ = write!(response, "{:x}\r\n{event}\r\n", event.len());
        }
        response + "0\r\n\r\n"
    }

    fn told(response: &str, piece: usize) -> (Incoming, Vec<(String, String)>) {
        let mut incoming = Incoming::default();
        let mut events = Vec::new();
        for bytes in response.as_bytes().chunks(piece) {
            assert!(!incoming.is_done());
            incoming.feed(bytes, &mut |event| events.push((event.name.clone(), event.data.clone()))).unwrap();
        }
        (incoming, events)
    }

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let said = [
            ("turn.created", r#"{"status":"running"}"#),
            ("turn.delta", r#"{"text":"é: 🦀"}"#),
            ("turn.completed", "{}"),
        ];
        let response = answer(&said);
        for piece in [1, 2, 7, 64, response.len()] {
            let (incoming, events) = told(&response, piece);
            let expected = said.map(|(name, data)| (name.to_owned(), data.to_owned()));
            assert_eq!(events, expected, "in pieces of {piece} bytes");
            assert!(incoming.is_done() && !incoming.closes());
            assert_eq!(incoming.refusal(), None);
        }
    }

    #[test]
    fn an_event_is_told_before_the_next_one_has_come() {
        let response = answer(&[("turn.delta", "{}"), ("turn.completed", "{}")]);
        let end = response.find("event: turn.completed").unwrap();
        let (incoming, events) = told(&response[..end], 11);
        assert_eq!(events.len(), 1);
        assert!(!incoming.is_done());
    }

    #[test]
    fn data_of_several_lines_is_one_text_and_a_name_may_be_missing() {
        let body = "data: one\r\ndata: two\r\n\r\ndata:[DONE]\n\n";
        let response = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (incoming, events) = told(&response, 5);
        assert_eq!(events, [(String::new(), "one\ntwo".to_owned()), (String::new(), "[DONE]".to_owned())]);
        assert!(incoming.is_done());
    }

    #[test]
    fn a_problem_is_a_refusal_and_shown() {
        let response = "HTTP/1.1 409 Conflict\r\nConnection: close\r\ncontent-length: 13\r\n\r\n{\"code\":\"no\"}";
        let (incoming, events) = told(response, 6);
        assert_eq!(incoming.refusal().as_deref(), Some("409 {\"code\":\"no\"}"));
        assert!(incoming.closes() && events.is_empty());
        // So is an answer that came whole although a stream was asked for.
        let whole = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(told(whole, 100).0.refusal().as_deref(), Some("200 {}"));
    }

    #[test]
    fn what_is_no_response_is_an_error() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        for wrong in ["SSH-2.0\r\n".into(), format!("{chunked}x\r\n"), format!("{chunked}1\r\nabc\r\n")] {
            assert!(Incoming::default().feed(wrong.as_bytes(), &mut |_| ()).is_err(), "{wrong}");
        }
        let twice = answer(&[]) + "more";
        assert!(Incoming::default().feed(twice.as_bytes(), &mut |_| ()).is_err());
    }
}
