//! A reader of server-sent events, who may leave at any byte and come back.

use std::pin::Pin;
use std::time::Instant;

use futures_util::{Stream, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Caller, Question};
use super::reply::Reply;
use super::waiting::within_patience;

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
    /// When its last byte was read.
    pub(crate) at: Instant,
}

/// A response that is being read.
pub(crate) struct EventStream {
    body: Pin<Box<dyn Stream<Item = reqwest::Result<Vec<u8>>> + Send>>,
    parser: Parser,
    /// How many bytes are read before the connection is dropped.
    left: usize,
    /// Every byte that was read.
    pub(crate) raw: Vec<u8>,
}

/// What a reader knows of one turn, from however many responses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) events: Vec<Event>,
    pub(crate) text: String,
    /// How many parts other than text were told.
    parts: usize,
}

/// From bytes to events, whatever pieces they come in.
#[derive(Default)]
struct Parser {
    /// What came after the last whole event.
    rest: Vec<u8>,
}

impl Caller {
    /// Asks, and reads the answer while it is being made; the reply, if it is refused.
    pub(crate) async fn stream(&self, question: impl Into<Question>) -> Result<EventStream, Reply> {
        EventStream::open(self.chat(question.into().with("stream", true))).await
    }

    /// Reads the turn from its start.
    pub(crate) async fn events(&self, turn: Uuid) -> EventStream {
        let request = self.request(Method::GET, &format!("/api/v1/turns/{turn}/events"));
        EventStream::open(request).await.unwrap_or_else(|reply| panic!("{reply:?}"))
    }

    /// Reads the turn after the event of that id.
    pub(crate) async fn events_after(&self, turn: Uuid, id: &str) -> EventStream {
        let request = self.request(Method::GET, &format!("/api/v1/turns/{turn}/events"));
        EventStream::open(request.header("last-event-id", id)).await.unwrap_or_else(|reply| panic!("{reply:?}"))
    }
}

impl EventStream {
    async fn open(request: reqwest::RequestBuilder) -> Result<Self, Reply> {
        let response = within_patience("the head of a stream", request.send()).await.unwrap();
        if response.status() != 200 {
            return Err(Reply::read(response).await.unwrap());
        }
        let media_type = response.headers()["content-type"].to_str().unwrap();
        assert!(media_type.starts_with("text/event-stream"), "{media_type}");
        let body = response.bytes_stream().map(|bytes| bytes.map(|bytes| bytes.to_vec()));
        Ok(Self { body: Box::pin(body), parser: Parser::default(), left: usize::MAX, raw: Vec::new() })
    }

    /// The same, which ends after so many bytes, in the middle of an event or of a character.
    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.left = bytes;
        self
    }

    /// The next whole event; `None` at the end, also if the connection broke or the reader has had enough.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.parser.next() {
                return Some(event);
            }
            if self.left == 0 {
                return None;
            }
            let mut bytes = within_patience("an event", self.body.next()).await?.ok()?;
            bytes.truncate(self.left);
            self.left -= bytes.len();
            self.raw.extend_from_slice(&bytes);
            self.parser.rest.extend_from_slice(&bytes);
        }
    }

    /// Reads to the end, however it comes.
    pub(crate) async fn into_transcript(mut self) -> Transcript {
        let mut transcript = Transcript::default();
        transcript.hear_all(&mut self).await;
        transcript
    }
}

impl Transcript {
    /// Adds an event, whose id must say how much has been told by then.
    pub(crate) fn hear(&mut self, event: Event) {
        assert!(self.terminal().is_none(), "{event:?} after the end");
        match event.name.as_str() {
            "turn.delta" => self.text += event.data["text"].as_str().unwrap(),
            "turn.part" => self.parts += 1,
            _ => {}
        }
        if let Some(length) = event.data["length"].as_u64() {
            // A reader may have heard more than the owner of the turn could store before it died.
            self.text.truncate(usize::try_from(length).unwrap());
        }
        // The usage of a turn whose owner died comes before the event that says how much of the text was kept.
        if !["session.ended", "turn.usage"].contains(&event.name.as_str()) {
            let id = format!("{}.{}", self.parts, self.text.len());
            assert_eq!(event.id.as_deref(), Some(id.as_str()), "{event:?}");
        }
        self.events.push(event);
    }

    /// Adds whatever else the stream has.
    pub(crate) async fn hear_all(&mut self, stream: &mut EventStream) {
        while let Some(event) = stream.next().await {
            self.hear(event);
        }
    }

    /// Adds events until there is one of that name.
    pub(crate) async fn hear_until(&mut self, stream: &mut EventStream, name: &str) {
        while self.events.last().is_none_or(|event| event.name != name) {
            let event = stream.next().await.unwrap_or_else(|| panic!("no {name} in {:?}", self.events));
            self.hear(event);
        }
    }

    /// All of the answer in order, as a turn has it: texts, and between them the other parts, each of which must be where
    /// its event says. `None` where there is nothing but text.
    pub(crate) fn all_parts(&self) -> Option<Vec<Value>> {
        let mut all: Vec<Value> = Vec::new();
        for Event { name, data, .. } in &self.events {
            match (name.as_str(), all.last_mut()) {
                ("turn.delta", Some(last)) if last["type"] == "text" => {
                    last["text"] = [&last["text"], &data["text"]].map(|text| text.as_str().unwrap()).concat().into();
                }
                ("turn.delta", _) => all.push(json!({"type": "text", "text": data["text"]})),
                ("turn.part", _) => {
                    assert_eq!(data["index"], all.len(), "{data}");
                    all.push(data["part"].clone());
                }
                _ => {}
            }
        }
        all.iter().any(|part| part["type"] != "text").then_some(all)
    }

    /// After what to resume; `None` is from the start.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.events.last()?.id.as_deref()
    }

    /// The turn, once its first event was heard.
    pub(crate) fn turn_id(&self) -> Option<Uuid> {
        let created = self.events.iter().find(|event| event.name == "turn.created")?;
        created.data["turn_id"].as_str()?.parse().ok()
    }

    /// How the turn ended, if the reader has heard it.
    pub(crate) fn terminal(&self) -> Option<&Event> {
        const ENDS: [&str; 4] = ["turn.completed", "turn.incomplete", "turn.cancelled", "turn.failed"];
        self.events.last().filter(|event| ENDS.contains(&event.name.as_str()))
    }

    /// The name of the event that ended it, and why it is incomplete.
    pub(crate) fn end(&self) -> (&str, Option<&str>) {
        let end = self.terminal().unwrap_or_else(|| panic!("no end after {:?}", self.events.last()));
        (&end.name, end.data["incomplete_reason"].as_str())
    }
}

impl Parser {
    fn next(&mut self) -> Option<Event> {
        loop {
            let end = self.rest.windows(2).position(|two| two == b"\n\n")?;
            let block: Vec<u8> = self.rest.drain(..end + 2).collect();
            let block = std::str::from_utf8(&block).expect("every event is UTF-8");
            let field = |name: &str| {
                let values = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                let values: Vec<&str> = values.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect();
                (!values.is_empty()).then(|| values.join("\n"))
            };
            // A comment keeps the connection open and says nothing.
            let Some(data) = field("data") else { continue };
            let data = serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error} in {block:?}"));
            return Some(Event { name: field("event")?, id: field("id"), data, at: Instant::now() });
        }
    }
}

#[test]
fn events_are_the_same_in_whatever_pieces_they_come() {
    let bytes = "event: turn.delta\nid: 0.5\ndata: {\"text\":\"🦀x\"}\n\n: ping\n\nevent: turn.completed\nid: 0.5\n\
         data: {\"status\":\"completed\"}\n\nevent: half\ndata: {"
        .as_bytes();
    for size in 1..=bytes.len() {
        let mut parser = Parser::default();
        let mut transcript = Transcript::default();
        for piece in bytes.chunks(size) {
            parser.rest.extend_from_slice(piece);
            while let Some(event) = parser.next() {
                transcript.hear(event);
            }
        }
        assert_eq!((transcript.text.as_str(), transcript.last_id()), ("🦀x", Some("0.5")));
        assert_eq!(transcript.end(), ("turn.completed", None), "what is not whole is not told");
    }
}

#[tokio::test]
async fn a_reader_that_is_cut_has_what_was_whole_by_then() {
    let event = |text: &str, end: usize| format!("event: turn.delta\nid: 0.{end}\ndata: {{\"text\":\"{text}\"}}\n\n");
    let bytes = [event("🦀", 4), ": ping\n\n".to_owned(), event("שלום", 12)].concat().into_bytes();
    let pieces = bytes.chunks(5).map(<[u8]>::to_vec).collect();
    let upstream = super::upstream::Upstream::start(super::upstream::Behaviour::Bytes(pieces)).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for cut in [0, 1, 30, 44, 45, 80, bytes.len() - 1, bytes.len(), bytes.len() + 1] {
        let stream =
            EventStream::open(http.post(format!("http://{}", upstream.address()))).await.unwrap().cut_after(cut);
        let whole = match cut {
            _ if cut >= bytes.len() => "🦀שלום",
            _ if cut >= event("🦀", 4).len() => "🦀",
            _ => "",
        };
        assert_eq!(stream.into_transcript().await.text, whole, "after {cut} bytes");
    }
}
