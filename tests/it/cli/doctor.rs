//! `colloquy doctor`: what works, what does not, and what to do.

use super::{UNREACHABLE, assert_all};
use crate::support::database::{Backend, Database};
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(all_is_well_where_everything_works);

async fn all_is_well_where_everything_works(backend: Backend) {
    let findings = Installation::new(backend).run(&["doctor"]).await;
    let names: Vec<&str> = findings.printed().lines().map(|line| &line[..line.len().min(15)]).collect();
    let expected = [
        "ok    settings ",
        "ok    secrets  ",
        "ok    store    ",
        "ok    schema   ",
        "ok    keys     ",
        "ok    engine   ",
    ];
    assert_eq!(names, expected, "{findings:?}");
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_told_with_what_to_do() {
    let installation = Installation::new(Backend::Sqlite).variable("DATABASE_URL", UNREACHABLE);
    let findings = installation.run(&["doctor"]).await;
    assert_eq!(findings.code, Some(1), "{findings:?}");
    let expected = ["ok    settings", "FAIL  store\nerror: the store cannot be reached", "next: ", "DATABASE_URL"];
    assert_all(&findings.out, &expected);
    assert_all(&findings.out, &["ok    engine"]);

    let refused = installation.run(&["serve"]).await;
    assert_all(refused.complained(), &["the store cannot be reached", "127.0.0.1:1", "DATABASE_URL"]);
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_told_with_what_to_do() {
    let installation = Installation::new(Backend::Sqlite)
        .set("engine.kind", "openai")
        .set("engine.openai.base_url", "http://127.0.0.1:1/v1")
        .set("engine.openai.model", "m");
    let findings = installation.run(&["doctor"]).await;
    assert_eq!(findings.code, Some(1), "{findings:?}");
    assert_all(&findings.out, &["FAIL  engine\nerror: the engine does not answer", "127.0.0.1:1", "next: "]);
}

#[tokio::test]
async fn an_outdated_schema_is_told_with_what_to_do() {
    let findings = Installation::over(Database::empty(Backend::Postgres)).run(&["doctor"]).await;
    assert_eq!(findings.code, Some(1), "{findings:?}");
    assert_all(&findings.out, &["ok    store", "FAIL  schema\nerror: ", "`colloquy migrate`"]);
}

#[tokio::test]
async fn the_password_of_the_store_is_never_told() {
    let url = UNREACHABLE.replace("postgres@", "postgres:geheim-4711@");
    let installation = Installation::new(Backend::Sqlite).variable("DATABASE_URL", url);
    for command in [&["doctor"][..], &["config", "check"], &["serve"], &["migrate"], &["user", "list"]] {
        let ended = installation.run(command).await;
        assert!(!format!("{ended:?}").contains("geheim"), "{command:?}: {ended:?}");
    }
}
