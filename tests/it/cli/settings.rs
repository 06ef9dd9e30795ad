//! Settings: what is in force, and what is wrong, with the key and the place.

use std::fs;

use super::assert_all;
use crate::support::database::Backend;
use crate::support::installation::Installation;

#[tokio::test]
async fn the_settings_in_force_are_told_with_their_places() {
    let installation =
        Installation::new(Backend::Sqlite).set("chat.max_context_turns", 7).set("auth.secret", "s3cr3t".repeat(6));
    let file = installation.data_dir().join("colloquy.toml");
    fs::write(&file, "[engine]\nkind = \"scripted\"\n").unwrap();
    let checked = installation.run(&["config", "check", "--config", file.to_str().unwrap()]).await;
    let from_file = format!("engine.kind = \"scripted\"  # {}", file.display());
    let expected = [
        "chat.max_context_turns = 7  # environment variable COLLOQUY__CHAT__MAX_CONTEXT_TURNS",
        "server.port = 0  # environment variable PORT",
        "server.workers = 2  # config/test.toml",
        "replica.lease_ms = 10000  # config/default.toml",
        "log.filter = \"info,r2d2=off,actix_http=off,actix_server=warn\"  # config/default.toml",
        "auth.secret = \"********\"",
        &from_file,
    ];
    assert_all(checked.printed(), &expected);
    assert!(!format!("{checked:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn a_key_that_does_not_exist_is_named_with_its_place() {
    let installation = Installation::new(Backend::Sqlite);
    let file = installation.data_dir().join("colloquy.toml");
    fs::write(&file, "[chat]\nmax_context_turn = 5\n").unwrap();
    let path = file.to_str().unwrap();
    for command in [&["config", "check"][..], &["serve"], &["migrate"]] {
        let refused = installation.run(&[command, &["--config", path]].concat()).await;
        let expected = ["there is no key `chat.max_context_turn`", path, "write `chat.max_context_turns`"];
        assert_all(refused.complained(), &expected);
        assert_eq!(refused.out, "");
    }

    let refused = installation.clone().set("chat.max_context_turn", 5).run(&["serve"]).await;
    let variable = "environment variable COLLOQUY__CHAT__MAX_CONTEXT_TURN";
    assert_all(refused.complained(), &["there is no key `chat.max_context_turn`", variable]);
}

#[tokio::test]
async fn a_value_that_breaks_its_rule_is_named_with_its_place() {
    let installation = Installation::new(Backend::Sqlite);
    let refused = installation.clone().set("server.workers", "many").run(&["serve"]).await;
    assert_all(refused.complained(), &["`server.workers`", "environment variable COLLOQUY__SERVER__WORKERS"]);
    let refused = installation.variable("PORT", 70_000).run(&["serve"]).await;
    assert_all(refused.complained(), &["`server.port` must be from 0 to 65535", "environment variable PORT"]);
}
