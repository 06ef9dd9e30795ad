//! The `curl` lines of the README and of the API's page work, as written and in that order, on a server that was just
//! set up.

use std::path::Path;
use std::process::Command;

use crate::support::database::{Backend, Database};
use crate::support::installation::{Installation, Server};
use crate::support::process::{Ended, Process};

/// Where the README says that the server is.
const LOCAL: &str = "http://localhost:8112";

/// Makes every `curl` say on stderr which status it got, and fail if that is an error.
const PRELUDE: &str = r#"
set -euo pipefail
shopt -s inherit_errexit
curl() { command curl --silent --show-error --fail-with-body --max-time 20 --write-out '%{stderr}status %{http_code}\n' "$@"; }
"#;

#[tokio::test]
async fn the_curl_lines_of_the_readme_work() {
    let script = script_of(&page("README.md"));
    assert!(calls(&script) >= 3, "the README shows how to sign up, log in and chat: {script}");
    let server = fresh_server().await;
    assert_works(&script, &run(&script, &server).await);
}

#[tokio::test]
async fn the_curl_lines_of_the_apis_page_work() {
    let script = script_of(&page("docs/API.md"));
    assert!(script.matches("curl -sN").count() >= 4, "the page shows how to stream, resume and cancel: {script}");
    let server = fresh_server().await;
    let ended = run(&script, &server).await;
    assert_works(&script, &ended);
    let count = |event: &str| ended.out.matches(&format!("event: {event}\n")).count();
    assert_eq!(count("turn.created"), 3, "asked, read from the start, read in the background: {}", ended.out);
    assert_eq!(count("turn.completed") + count("turn.cancelled"), 5, "each stream ends: {}", ended.out);
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(path).expect("there is that page")
}

#[tokio::test]
async fn what_start_up_tells_to_do_next_works() {
    let mut server = fresh_server().await;
    let banner = server.rest_of_banner("}'").await;
    let (_, next) = banner.split_once("make an account:\n").unwrap();
    let script = next.replace(&server.address().replace("127.0.0.1", "localhost"), LOCAL);
    assert_eq!(calls(&script), 1, "{banner}");
    assert_works(&script, &run(&script, &server).await);
}

const SIGN_UP: &str = r#"Make an account:

```sh
curl http://localhost:8112/api/v1/users -H 'Content-Type: application/json' \
  -d '{"username": "ada", "email": "ada@example.org", "password": "correct horse battery"}'
```

1. Log in:
   ```sh
   # curl prints the token
   TOKEN=$(curl http://localhost:8112/token -d username=ada -d 'password=correct horse battery' |
     sed 's/.*"access_token":"\([^"]*\)".*/\1/')
   ```

```sh
cargo run --release
```
"#;

#[tokio::test]
async fn blocks_are_joined_into_one_script() {
    let chat = r#"```sh
curl http://localhost:8112/chat -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  -d '{"question": "My name is Ada."}'
```"#;
    let script = script_of(&format!("{SIGN_UP}{chat}"));
    assert_eq!(calls(&script), 3);
    assert!(!script.contains("cargo"), "{script}");
    let server = fresh_server().await;
    let ended = run(&script, &server).await;
    assert_works(&script, &ended);
    assert!(ended.out.contains("Nice to meet you, Ada."), "{ended:?}");
}

#[tokio::test]
async fn a_line_that_fails_is_noticed() {
    let server = fresh_server().await;
    for failing in ["curl http://localhost:8112/nothing", "X=$(curl http://localhost:8112/nothing | cat)"] {
        let ended = run(&script_of(&format!("```sh\n{failing}\ntrue\n```")), &server).await;
        assert_ne!(ended.code, Some(0), "{failing}: {ended:?}");
    }
}

#[test]
#[should_panic(expected = "in a block that no test runs")]
fn a_line_that_would_not_be_run_is_noticed() {
    script_of("```console\n$ curl http://localhost:8112/\n```");
}

async fn fresh_server() -> Server {
    Installation::over(Database::empty(Backend::Sqlite)).start().await
}

/// The blocks marked `sh` that call `curl`, one after the other. No other block may call it.
fn script_of(markdown: &str) -> String {
    let mut script = String::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        let Some(mark) = line.trim_start().strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| line.trim() != "```").collect();
        let block = block.join("\n") + "\n";
        if calls(&block) > 0 {
            assert_eq!(mark.trim(), "sh", "curl is called in a block that no test runs:\n{block}");
            script += &block;
        }
    }
    script
}

/// How often the script calls `curl`.
fn calls(script: &str) -> usize {
    let commands = script.lines().filter(|line| !line.trim_start().starts_with('#'));
    commands.flat_map(|line| line.split([' ', '(', '`'])).filter(|word| *word == "curl").count()
}

async fn run(script: &str, server: &Server) -> Ended {
    let script = format!("{PRELUDE}{}", script.replace(LOCAL, server.address()));
    let home = tempfile::tempdir().unwrap();
    let mut bash = Command::new("bash");
    // No proxy, and nobody's .curlrc.
    bash.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", home.path());
    bash.current_dir(home.path()).args(["-c", &script]);
    Process::spawn(&mut bash, "").ended().await
}

#[track_caller]
fn assert_works(script: &str, ended: &Ended) {
    let context = || format!("(curl must be installed: apt-get install curl)\n{script}\n{}\n{}", ended.out, ended.err);
    assert_eq!(ended.code, Some(0), "{}", context());
    let statuses: Vec<&str> = ended.err.lines().filter_map(|line| line.strip_prefix("status ")).collect();
    assert!(statuses.len() >= calls(script), "not every curl was run: {}", context());
    assert!(statuses.iter().all(|status| status.starts_with('2')), "{}", context());
}
