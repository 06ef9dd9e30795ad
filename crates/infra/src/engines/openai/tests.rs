//! Against a server on this machine that says exactly what a test wants, byte for byte.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use chrono::{DateTime, Utc};
use domain::chat::{FinishReason, Generation, OutputTokens, PastTurn, Sampling, StreamEnd, Temperature};
use domain::conversation::{SystemPrompt, Usage};
use domain::id::TurnId;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::super::asked::{model, request};
use super::super::guard::{Patience, Timed};
use super::*;

const KEY: &str = "sk-very-secret";
const SSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n";
const TICK: Duration = Duration::from_millis(50);
/// Nothing here takes that long unless it is broken.
const BOUND: Duration = Duration::from_secs(20);

/// What a server does once it has read a request.
#[derive(Clone)]
enum Play {
    /// Writes the pieces, one at a time, and closes the connection.
    Write(Vec<Vec<u8>>),
    /// Writes, and then neither writes nor closes.
    ThenSilence(String),
    /// Writes, and then a piece again and again until the client has gone.
    ThenForever(String, &'static str),
}

struct Server {
    base_url: String,
    requests: mpsc::UnboundedReceiver<String>,
    /// Connections that the client has not closed.
    open: Arc<AtomicUsize>,
}

impl Server {
    async fn playing(play: Play) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::unbounded_channel();
        let open = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let (play, sender, counter) = (play.clone(), sender.clone(), Arc::clone(&counter));
                tokio::spawn(async move {
                    serve(socket, play, &sender).await;
                    counter.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { base_url, requests, open }
    }

    /// A server that answers with the events of a stream and closes the connection.
    async fn streaming(events: &str) -> Self {
        Self::playing(Play::Write(vec![format!("{SSE}{events}").into_bytes()])).await
    }

    fn settings(&self) -> OpenAiSettings {
        OpenAiSettings {
            base_url: self.base_url.clone(),
            api_key: Some(SecretString::from(KEY)),
            models: vec![model("large"), model("small")],
            provider: "test".to_owned(),
            ask_for_usage: true,
            token_limit: TokenLimit::MaxTokens,
            connect_timeout: BOUND,
            epilogue: BOUND,
        }
    }

    fn engine(&self) -> OpenAiEngine {
        OpenAiEngine::new(self.settings()).unwrap()
    }

    /// Waits until the client has closed every connection.
    async fn is_left(&self) {
        let closed = async {
            while self.open.load(Ordering::SeqCst) > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(BOUND, closed).await.expect("the connection is closed");
    }
}

async fn serve(mut socket: TcpStream, play: Play, requests: &mpsc::UnboundedSender<String>) {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&received) {
        match socket.read(&mut buffer).await {
            Ok(read @ 1..) => received.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    requests.send(String::from_utf8(received).unwrap()).unwrap();
    match play {
        Play::Write(pieces) => {
            for piece in pieces {
                // The client may have gone, which is what some tests are about.
                if socket.write_all(&piece).await.is_err() {
                    return;
                }
                socket.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
        }
        Play::ThenSilence(text) => {
            socket.write_all(text.as_bytes()).await.unwrap();
            while let Ok(1..) = socket.read(&mut buffer).await {}
        }
        Play::ThenForever(text, again) => {
            socket.write_all(text.as_bytes()).await.unwrap();
            while socket.write_all(again.as_bytes()).await.is_ok() {
                tokio::task::yield_now().await;
            }
        }
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn past(question: &str, response: &str) -> PastTurn {
    PastTurn {
        question: question.to_owned(),
        response: response.to_owned(),
        tokens: 1,
        expiry_timestamp: DateTime::<Utc>::MAX_UTC,
    }
}

fn said(text: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"delta": {"content": text}}]}))
}

fn finished(reason: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"delta": {}, "finish_reason": reason}]}))
}

const DONE: &str = "data: [DONE]\n\n";

/// What an engine told of an answer.
#[derive(Debug, Default)]
struct Told {
    text: String,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    model: Option<String>,
    error: Option<EngineError>,
}

impl Told {
    fn kind(&self) -> Option<EngineErrorKind> {
        self.error.as_ref().map(|error| error.kind)
    }
}

async fn ask(engine: &dyn ChatEngine, request: EngineRequest) -> Told {
    tokio::time::timeout(BOUND, async {
        let mut told = Told::default();
        let mut events = match engine.answer(request).await {
            Ok(events) => events,
            Err(error) => return Told { error: Some(error), ..told },
        };
        while let Some(event) = events.next().await {
            assert!(told.finish.is_none() && told.error.is_none(), "something came after the end");
            match event {
                Ok(EngineEvent::Text(text)) => told.text.push_str(&text),
                Ok(EngineEvent::Usage(usage)) => told.usage = Some(usage),
                Ok(EngineEvent::Finish(reason)) => told.finish = Some(reason),
                Ok(EngineEvent::Model(name)) => told.model = Some(name.into_string()),
                Ok(EngineEvent::Progress) => {}
                Ok(event) => panic!("{event:?}"),
                Err(error) => told.error = Some(error),
            }
        }
        told
    })
    .await
    .expect("an answer in time")
}

async fn told(events: &str) -> Told {
    let server = Server::streaming(events).await;
    ask(&server.engine(), request()).await
}

async fn told_by_response(response: String) -> Told {
    let server = Server::playing(Play::Write(vec![response.into_bytes()])).await;
    ask(&server.engine(), request()).await
}

#[tokio::test]
async fn the_context_is_sent_in_order_to_the_right_place() {
    let mut server = Server::streaming(&(said("Because.") + DONE)).await;
    let asked = EngineRequest {
        system: Some(SystemPrompt::try_from("Be brief.".to_owned()).unwrap()),
        context: vec![past("One?", "1"), past("Lost?", " "), past("Two?", "2")],
        model: Some(model("small")),
        ..request()
    };
    let told = ask(&server.engine(), asked).await;
    assert_eq!((told.text.as_str(), told.model), ("Because.", None));

    let sent = server.requests.recv().await.unwrap();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("authorization: Bearer {KEY}")), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(
        serde_json::from_str::<Value>(body).unwrap(),
        json!({
            "model": "small",
            "stream": true,
            "stream_options": {"include_usage": true},
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "One?"},
                {"role": "assistant", "content": "1"},
                {"role": "user", "content": "Two?"},
                {"role": "assistant", "content": "2"},
                {"role": "user", "content": "Why?"},
            ],
        })
    );
}

#[tokio::test]
async fn without_a_key_none_is_sent_and_without_a_model_the_first_is_asked() {
    let mut server = Server::streaming(&(said("Yes") + DONE)).await;
    let settings = OpenAiSettings { api_key: None, ask_for_usage: false, ..server.settings() };
    let told = ask(&OpenAiEngine::new(settings).unwrap(), request()).await;
    assert_eq!(told.model.as_deref(), Some("large"));
    let sent = server.requests.recv().await.unwrap();
    assert!(!sent.contains("authorization"), "{sent}");
    let body: Value = serde_json::from_str(sent.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&body["model"], &body["stream_options"]), (&json!("large"), &Value::Null));
}

#[tokio::test]
async fn sampling_is_sent_under_the_names_that_the_server_knows_and_only_if_it_is_said() {
    let sampling = Sampling {
        temperature: Some(Temperature::try_from(0.7).unwrap()),
        max_output_tokens: Some(OutputTokens::try_from(100).unwrap()),
    };
    for (token_limit, sampling, expected) in [
        (TokenLimit::MaxTokens, sampling, [json!(0.7), json!(100), Value::Null]),
        (TokenLimit::MaxCompletionTokens, sampling, [json!(0.7), Value::Null, json!(100)]),
        (TokenLimit::MaxTokens, Sampling::default(), [Value::Null, Value::Null, Value::Null]),
    ] {
        let mut server = Server::streaming(&(said("Yes") + DONE)).await;
        let engine = OpenAiEngine::new(OpenAiSettings { token_limit, ..server.settings() }).unwrap();
        ask(&engine, EngineRequest { sampling, ..request() }).await;
        let sent = server.requests.recv().await.unwrap();
        let body: Value = serde_json::from_str(sent.split_once("\r\n\r\n").unwrap().1).unwrap();
        let names = ["temperature", "max_tokens", "max_completion_tokens"];
        assert_eq!(names.map(|name| body.get(name).cloned().unwrap_or_default()), expected);
    }
}

#[tokio::test]
async fn a_model_that_is_not_on_the_list_is_not_asked_for() {
    let mut server = Server::streaming(DONE).await;
    let told = ask(&server.engine(), EngineRequest { model: Some(model("huge")), ..request() }).await;
    assert_eq!(told.kind(), Some(EngineErrorKind::BadResponse));
    assert!(server.requests.try_recv().is_err());
}

#[tokio::test]
async fn usage_that_comes_after_the_finish_is_told() {
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}\n\n";
    let told = told(&(said("Hel") + &said("lo") + &finished("stop") + usage + DONE)).await;
    assert_eq!(told.text, "Hello");
    assert_eq!(told.usage, Some(Usage { input_tokens: 9, output_tokens: 2 }));
    assert_eq!(told.finish, Some(FinishReason::Stop));
}

#[tokio::test]
async fn every_reason_to_stop_has_its_meaning() {
    for (reason, finish) in [
        ("stop", FinishReason::Stop),
        ("length", FinishReason::Length),
        ("content_filter", FinishReason::ContentFilter),
        ("tool_calls", FinishReason::Stop),
        ("eos_token", FinishReason::Stop),
    ] {
        assert_eq!(told(&(said("x") + &finished(reason) + DONE)).await.finish, Some(finish), "{reason}");
    }
}

#[tokio::test]
async fn lenient_servers_are_understood() {
    let events = [
        "\u{feff}: a comment\r\n\r\n",
        "event: message\r\nid: 7\r\nretry: 1\r\n",
        "data:{\"choices\":[{\"delta\":{\"content\":\"no space\"},\"finish_reason\":\"\"}],\"usage\":null}\r\n\r\n",
        "data: {\"choices\":null,\"error\":null}\n\n",
        "data: {\"choices\":[{\"delta\":null}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"thinking\"},{\"type\":\"text\",\"text\":\", pieces\"}]}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"refusal\":\", no\"}}]}\n\n",
        "data:\n\ndata\n\n",
        "data: [DONE]",
    ];
    let told = told(&events.concat()).await;
    assert_eq!(told.text, "no space, pieces, no");
    assert_eq!((told.finish, told.kind()), (Some(FinishReason::Stop), None));
}

#[tokio::test]
async fn r19_characters_may_be_split_anywhere() {
    let text = "שלום 🦀 e\u{301} \u{10ffff}";
    let stream = format!("{SSE}{}{DONE}", said(text));
    let pieces = stream.bytes().map(|byte| vec![byte]).collect();
    let server = Server::playing(Play::Write(pieces)).await;
    let told = ask(&server.engine(), request()).await;
    assert_eq!((told.text.as_str(), told.finish), (text, Some(FinishReason::Stop)));
}

#[tokio::test]
async fn r19_nonsense_is_a_bad_response_and_what_came_before_is_kept() {
    let long = said(&"x".repeat(10 * 1024 * 1024));
    let unending = format!("data: {}", "x".repeat(10 * 1024 * 1024));
    for nonsense in [
        "data: {oops\n\n",
        "data: {\"choices\": 7}\n\n",
        "data: {\"error\": {\"message\": \"overloaded\"}}\n\n",
        "event: error\ndata: {\"error\": \"overloaded\"}\n\n",
        "error: {\"code\": 500, \"message\": \"overloaded\"}\n\n",
        &long,
        &unending,
    ] {
        let told = told(&(said("half") + nonsense + &said(" more") + DONE)).await;
        assert_eq!(told.text, "half");
        assert_eq!((told.kind(), told.finish), (Some(EngineErrorKind::BadResponse), None), "{nonsense:.40}");
    }
    let mut invalid = format!("{SSE}{}", said("half")).into_bytes();
    invalid.extend_from_slice(b"data: {\"choices\":[{\"delta\":{\"content\":\"\xff\xfe\"}}]}\n\n");
    let server = Server::playing(Play::Write(vec![invalid])).await;
    let told = ask(&server.engine(), request()).await;
    assert_eq!((told.text.as_str(), told.kind()), ("half", Some(EngineErrorKind::BadResponse)));
}

#[tokio::test]
async fn r19_a_long_line_within_the_limit_is_read() {
    let text = "x".repeat(1024 * 1000);
    assert_eq!(told(&(said(&text) + DONE)).await.text.len(), text.len());
}

#[tokio::test]
async fn r19_a_stream_without_its_end_is_not_finished() {
    let cut = told(&said("half")).await;
    assert_eq!((cut.text.as_str(), cut.finish, cut.kind()), ("half", None, None));
    let mut generation = Generation::new(TurnId::from_uuid(Uuid::nil()), None, 0);
    generation.delta(EngineEvent::Text(cut.text));
    assert_eq!(generation.end(StreamEnd::Closed).state.as_str(), "incomplete");

    let empty = told(DONE).await;
    assert_eq!((empty.finish, empty.kind()), (None, None));
    let unmarked = told(&(said("all") + DONE)).await;
    assert_eq!(unmarked.finish, Some(FinishReason::Stop));
    let unterminated = told(&(said("all") + &finished("length"))).await;
    assert_eq!(unterminated.finish, Some(FinishReason::Length));
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_failure_until_the_model_has_finished() {
    let promised = SSE.replace("connection: close", "content-length: 100000");
    let half = told_by_response(promised.clone() + &said("half")).await;
    assert_eq!((half.text.as_str(), half.kind()), ("half", Some(EngineErrorKind::Unavailable)));
    let whole = told_by_response(promised + &said("all") + &finished("stop")).await;
    assert_eq!((whole.finish, whole.kind()), (Some(FinishReason::Stop), None));
}

#[tokio::test]
async fn r17_silence_and_comments_are_a_timeout_at_every_stage() {
    let whole_answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    for (play, text) in [
        (Play::ThenSilence(String::new()), ""),
        (Play::ThenSilence(SSE.to_owned()), ""),
        (Play::ThenSilence(whole_answer.to_owned()), ""),
        (Play::ThenSilence(SSE.to_owned() + &said("half")), "half"),
        (Play::ThenForever(SSE.to_owned(), ": still there\n\n"), ""),
        (Play::ThenForever(SSE.to_owned() + &said("half"), ": still there\n\n"), "half"),
        (
            Play::ThenForever(
                SSE.to_owned() + &said("half"),
                "data: {\"choices\":[{\"delta\":{\"content\":\"\"}}]}\n\n",
            ),
            "half",
        ),
    ] {
        let server = Server::playing(play).await;
        // Where a first piece is expected, it gets the time to arrive on a busy machine.
        let first_token = if text.is_empty() { TICK } else { BOUND };
        let patience = Patience { first_token, progress: TICK };
        let told = ask(&Timed::new(Arc::new(server.engine()), patience), request()).await;
        assert_eq!((told.text.as_str(), told.kind()), (text, Some(EngineErrorKind::Timeout)));
        server.is_left().await;
    }
}

/// Comments, of which the next is always there already; after a long time it ends, so that a test cannot hang.
struct Comments(Instant);

impl AsyncRead for Comments {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0.elapsed() < BOUND {
            buffer.put_slice(b":\n");
        }
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn r17_a_flood_of_comments_lets_timers_run_although_there_is_always_something_to_read() {
    let mut events = Completion::new(Comments(Instant::now()), BOUND, Failures { key: None }).into_events();
    assert!(tokio::time::timeout(TICK, events.next()).await.is_err(), "the timer was not looked at");
}

#[tokio::test]
async fn r17_a_model_that_reasons_is_not_silent() {
    let events = concat!(
        "data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\"}}]}\n\n: a\n\n",
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"thinking\"}]}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\",\"reasoning\":\"\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"Yes\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
    );
    let completion = Completion::new(events.as_bytes(), BOUND, Failures { key: None });
    let events: Vec<_> = completion.into_events().map(Result::unwrap).collect().await;
    let progress = EngineEvent::Progress;
    let [text, finish] = [EngineEvent::Text("Yes".to_owned()), EngineEvent::Finish(FinishReason::Stop)];
    assert_eq!(events, [progress.clone(), progress.clone(), progress.clone(), text, progress, finish]);
}

#[tokio::test]
async fn silence_after_the_finish_costs_nothing() {
    let server = Server::playing(Play::ThenSilence(SSE.to_owned() + &said("all") + &finished("stop"))).await;
    let engine = OpenAiEngine::new(OpenAiSettings { epilogue: TICK / 2, ..server.settings() }).unwrap();
    let patience = Patience { first_token: BOUND, progress: TICK };
    let told = ask(&Timed::new(Arc::new(engine), patience), request()).await;
    assert_eq!((told.text.as_str(), told.finish, told.kind()), ("all", Some(FinishReason::Stop), None));
}

#[tokio::test]
async fn comments_after_the_finish_cost_nothing() {
    let server =
        Server::playing(Play::ThenForever(SSE.to_owned() + &said("all") + &finished("stop"), ": still there\n\n"))
            .await;
    let engine = OpenAiEngine::new(OpenAiSettings { epilogue: TICK, ..server.settings() }).unwrap();
    let told = ask(&engine, request()).await;
    assert_eq!((told.text.as_str(), told.finish, told.kind()), ("all", Some(FinishReason::Stop), None));
}

#[tokio::test]
async fn an_answer_that_nobody_reads_any_more_is_stopped() {
    let server =
        Server::playing(Play::ThenForever(SSE.to_owned(), "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n"))
            .await;
    let mut events = server.engine().answer(request()).await.unwrap();
    for _ in 0..3 {
        assert!(events.next().await.unwrap().is_ok());
    }
    assert_eq!(server.open.load(Ordering::SeqCst), 1);
    drop(events);
    server.is_left().await;
}

#[tokio::test]
async fn r15_a_server_that_is_too_busy_says_when_to_come_back() {
    let response = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nbusy".to_owned();
    let told = told_by_response(response).await;
    let error = told.error.unwrap();
    assert_eq!((error.kind, error.retry_after), (EngineErrorKind::Unavailable, Some(Duration::from_secs(7))));
    assert!(error.to_string().ends_with(": status 429"), "{error}");
}

#[tokio::test]
async fn what_a_server_says_of_its_failure_is_not_in_the_error() {
    let body =
        r#"{"error": {"message": "no answer to: my name is Ada", "type": "invalid_request_error", "code": null}}"#;
    let response = format!("HTTP/1.1 400 No\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let refused = told_by_response(response).await.error.unwrap().to_string();
    assert!(refused.ends_with(": status 400 (type invalid_request_error)"), "{refused}");

    for event in
        [format!("data: {body}"), format!("error: {body}"), r#"data: {"choices": "my name is Ada"}"#.to_owned()]
    {
        let failed = told(&format!("{event}\n\n")).await.error.unwrap().to_string();
        assert!(!failed.contains("Ada"), "{failed}");
    }
}

#[tokio::test]
async fn nobody_listening_is_unavailable() {
    let server = Server::streaming(DONE).await;
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let told = ask(&OpenAiEngine::new(OpenAiSettings { base_url, ..server.settings() }).unwrap(), request()).await;
    assert_eq!(told.kind(), Some(EngineErrorKind::Unavailable));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut canary = Server::streaming(DONE).await;
    for status in [301, 302, 307, 308] {
        let location = format!("{}/chat/completions", canary.base_url);
        let response = format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(told_by_response(response).await.kind(), Some(EngineErrorKind::BadResponse));
    }
    assert!(canary.requests.try_recv().is_err());
}

#[tokio::test]
async fn an_endless_error_body_is_not_read_to_its_end() {
    let head = "HTTP/1.1 500 Oops\r\nconnection: close\r\n\r\n".to_owned();
    let server = Server::playing(Play::ThenForever(head, "the same error again and again, ")).await;
    let told = ask(&server.engine(), request()).await;
    assert_eq!(told.kind(), Some(EngineErrorKind::Unavailable));
    assert!(told.error.unwrap().to_string().len() < 2048);
}

#[tokio::test]
async fn r15_an_error_whose_body_hangs_is_told_by_its_status() {
    let head = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 99\r\n\r\n{".to_owned();
    let server = Server::playing(Play::ThenSilence(head)).await;
    let error = ask(&server.engine(), request()).await.error.unwrap();
    assert_eq!((error.kind, error.retry_after), (EngineErrorKind::Unavailable, Some(Duration::from_secs(1))));
}

#[tokio::test]
async fn a_whole_answer_is_accepted_and_nothing_else() {
    let respond = |kind: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let answer = r#"{"choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1}}"#;
    let told = told_by_response(respond("application/json", answer)).await;
    assert_eq!((told.text.as_str(), told.finish), ("Hi", Some(FinishReason::Length)));
    assert_eq!(told.usage, Some(Usage { input_tokens: 3, output_tokens: 1 }));

    let long = format!("\"{}\"", "x".repeat(2 * 1024 * 1024));
    for (kind, body) in [
        ("text/html", "<h1>Log in</h1>"),
        ("application/json", r#"{"error": {"message": "no"}}"#),
        ("application/json", "{"),
        ("application/json", long.as_str()),
    ] {
        assert_eq!(told_by_response(respond(kind, body)).await.kind(), Some(EngineErrorKind::BadResponse), "{kind}");
    }
}

#[tokio::test]
async fn the_key_is_shown_nowhere() {
    let body = format!("Incorrect API key provided: {KEY}");
    let response = format!("HTTP/1.1 401 No\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let server = Server::playing(Play::Write(vec![response.into_bytes()])).await;
    let engine = server.engine();
    let error = ask(&engine, request()).await.error.unwrap();
    assert_eq!(error.kind, EngineErrorKind::BadResponse);
    let reported = told(&format!("data: {{\"error\": \"bad key {KEY}\"}}\n\n")).await.error.unwrap();
    for shown in [
        format!("{engine:?}"),
        format!("{:?}", server.settings()),
        format!("{:?}", engine.authorization),
        format!("{error} {error:?}"),
        format!("{reported} {reported:?}"),
    ] {
        assert!(!shown.contains("very-secret"), "{shown}");
    }
}

#[test]
fn the_path_is_appended_whatever_the_base_looks_like() {
    for (base, url) in [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        (" https://api.openai.com/v1/ ", "https://api.openai.com/v1/chat/completions"),
        ("http://localhost:8080", "http://localhost:8080/chat/completions"),
        ("https://x.example/v1?api-version=1#top", "https://x.example/v1/chat/completions?api-version=1"),
    ] {
        assert_eq!(completions_url(base).unwrap().as_str(), url);
    }
}

#[tokio::test]
async fn a_server_that_takes_the_key_is_well_whether_or_not_it_lists_its_models() {
    for status in ["200 OK", "404 Not Found", "405 Method Not Allowed"] {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}");
        let mut server = Server::playing(Play::Write(vec![answer.into_bytes()])).await;
        assert!(server.engine().check().await.is_ok(), "{status}");
        let request = server.requests.recv().await.unwrap();
        assert!(request.starts_with("GET /v1/models HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("authorization: Bearer {KEY}\r\n")), "{request}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_or_refuses_the_key_is_not_well() {
    for status in ["401 Unauthorized", "500 Internal Server Error", "302 Found"] {
        let answer = format!("HTTP/1.1 {status}\r\nlocation: /else\r\ncontent-length: 2\r\n\r\n{{}}");
        let server = Server::playing(Play::Write(vec![answer.into_bytes()])).await;
        let error = server.engine().check().await.unwrap_err();
        assert!(error.to_string().contains(&status[..3]), "{error}");
    }
    let nobody =
        OpenAiSettings { base_url: "http://127.0.0.1:1/v1".to_owned(), ..Server::streaming("").await.settings() };
    let error = OpenAiEngine::new(nobody).unwrap().check().await.unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Unavailable);
}
