//! `colloquy openapi`: the document, without any settings.

use serde_json::Value;

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::process::{Process, binary};

#[tokio::test]
async fn the_document_is_printed_and_served() {
    // Not even a data directory: a build can run it.
    let printed = Process::spawn(binary().arg("openapi"), "").ended().await;
    let printed: Value = serde_json::from_str(printed.printed()).unwrap();
    assert!(printed["openapi"].as_str().unwrap().starts_with("3.1."));
    assert!(printed["paths"]["/chat"]["post"].is_object());

    let server = Installation::new(Backend::Sqlite).start().await;
    assert_eq!(server.client().get("/openapi.json").await.json(), printed);
}
