//! A model's answer: whatever pieces it comes in, it tells the same, once, and no more than was sent.

use std::io;
use std::time::Duration;

use domain::chat::EngineEvent;
use futures_util::{StreamExt, stream};
use infra::engines::openai::read_events;
use tokio::runtime::{Builder, Runtime};
use tokio_util::bytes::Bytes;
use tokio_util::io::StreamReader;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().unwrap();
}

/// Tries the bytes as the body of a response.
pub fn run(data: &[u8]) {
    let whole = events(data, data.len().max(1));
    assert_eq!(whole, events(data, 1), "byte by byte it is another answer");
    assert_eq!(whole, events(data, 7), "in pieces it is another answer");
}

/// What is told of the bytes when they come in pieces of that size.
fn events(data: &[u8], piece: usize) -> Vec<String> {
    let pieces: Vec<io::Result<Bytes>> = data.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let source = StreamReader::new(stream::iter(pieces));
    // Long enough that no machine is so slow; the end of the bytes ends it before.
    let told = read_events(source, Duration::from_secs(3600));
    let told: Vec<_> = RUNTIME.with(|runtime| runtime.block_on(told.collect()));
    let mut text = 0;
    for (at, event) in told.iter().enumerate() {
        let is_last = at + 1 == told.len();
        match event {
            Ok(EngineEvent::Text(piece)) => {
                assert!(!piece.is_empty());
                text += piece.len();
            }
            Ok(EngineEvent::Finish(_)) | Err(_) => assert!(is_last, "something is told after the end"),
            Ok(_) => {}
        }
    }
    assert!(text <= data.len(), "{text} bytes of text in {} bytes", data.len());
    told.into_iter().map(|event| format!("{event:?}")).collect()
}
