//! A turn that another process has closed while it was being answered here: its asker is told what is stored.

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::waiting::eventually;

on_both_stores!(the_asker_is_told_how_the_turn_was_closed);

/// What a process does that believes this one dead.
const CLOSE: &str = "UPDATE turns SET status = 'incomplete', incomplete_reason = 'server_restart', response = 'So far', \
     input_tokens = 1, output_tokens = 2, completed_at = entry_time WHERE status = 'running' \
     RETURNING status AS value";

async fn the_asker_is_told_how_the_turn_was_closed(backend: Backend) {
    let installation = Installation::new(backend)
        .set("engine.kind", "scripted")
        .set("engine.scripted.first_token_ms", 500)
        .set("engine.scripted.tokens", 2);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let closing = async {
        eventually("a running turn", async || ada.running_turn().await).await;
        assert_eq!(installation.database().texts(CLOSE), [Some("incomplete".to_owned())]);
    };
    let (answer, ()) = tokio::join!(ada.ask("Is anybody there?"), closing);
    assert_eq!((answer.status.as_str(), answer.incomplete_reason.as_deref()), ("incomplete", Some("server_restart")));
    assert_eq!(answer.response, "So far");
}
