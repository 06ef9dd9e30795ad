//! A client of the WebSocket.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::client::Caller;
use super::waiting::within_patience;

/// An open connection; dropping it breaks it without a word.
pub(crate) struct WebSocket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Caller {
    /// Opens a connection; the status, if it is refused.
    pub(crate) async fn web_socket(&self) -> Result<WebSocket, u16> {
        WebSocket::open(self.client().address(), &[("Authorization", &self.authorization())]).await
    }
}

impl WebSocket {
    /// Opens a connection with those headers; the status, if it is refused.
    pub(crate) async fn open(address: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let uri: Uri = format!("{}/api/v1/ws", address.replacen("http", "ws", 1)).parse().unwrap();
        let mut request = ClientRequestBuilder::new(uri);
        for (name, value) in headers {
            request = match *name {
                "Sec-WebSocket-Protocol" => value.split(", ").fold(request, ClientRequestBuilder::with_sub_protocol),
                _ => request.with_header(*name, *value),
            };
        }
        match within_patience("a WebSocket", connect_async(request)).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    /// Sends a text, whatever it says.
    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    /// Sends a message, or a part of one, of any kind.
    pub(crate) async fn send_message(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// The code with which the server closes, whatever it says before.
    pub(crate) async fn closed(&mut self) -> u16 {
        let closed = async {
            loop {
                if let Err(code) = self.next().await {
                    return code;
                }
            }
        };
        within_patience("the server closes the socket", closed).await
    }

    /// The next frame, or the code with which the server closed; 1006 if it said none.
    pub(crate) async fn next(&mut self) -> Result<Value, u16> {
        loop {
            return match within_patience("a frame", self.0.next()).await {
                Some(Ok(Message::Text(text))) => Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(CloseFrame { code, .. })))) => Err(code.into()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(_)) | None => Err(1006),
            };
        }
    }

    /// The frames up to the first of one of those types.
    pub(crate) async fn until(&mut self, types: &[&str]) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            frames.push(self.next().await.unwrap_or_else(|code| panic!("closed with {code} after {frames:?}")));
            if frames.last().and_then(|last| last["type"].as_str()).is_some_and(|last| types.contains(&last)) {
                return frames;
            }
        }
    }
}

/// The text that the frames tell.
pub(crate) fn text_of(frames: &[Value]) -> String {
    let deltas = frames.iter().filter(|frame| frame["type"] == "turn.delta");
    deltas.map(|frame| frame["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn frames_and_the_code_of_the_end_are_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let heard = socket.next().await.unwrap().unwrap();
        socket.send(Message::text(r#"{"type": "turn.delta", "text": "Hi"}"#)).await.unwrap();
        socket.close(Some(CloseFrame { code: 4401.into(), reason: "".into() })).await.unwrap();
        heard.into_text().unwrap().to_string()
    });
    let mut socket = WebSocket::open(&address, &[("Authorization", "Bearer x")]).await.ok().unwrap();
    socket.send(&serde_json::json!({"type": "ping"})).await;
    let frames = socket.until(&["turn.delta"]).await;
    assert_eq!((text_of(&frames).as_str(), socket.next().await), ("Hi", Err(4401)));
    assert_eq!(server.await.unwrap(), r#"{"type":"ping"}"#);
}
