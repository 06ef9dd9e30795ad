//! `colloquy migrate`, and what a server does about an outdated schema.

use tokio::task::JoinSet;

use super::assert_all;
use crate::support::database::{Backend, Database};
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(migrate_goes_up_and_down);

/// What the steps are called when they are told, the oldest first: as their directories are.
fn steps() -> Vec<String> {
    let directories = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite")).unwrap();
    let mut names: Vec<String> =
        directories.map(|directory| directory.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn migrate_goes_up_and_down(backend: Backend) {
    let installation = Installation::over(Database::empty(backend));
    let (steps, migrated) = (steps(), installation.run(&["migrate"]).await);
    let told: Vec<String> = steps.iter().map(|step| format!(": ran {step}\n")).collect();
    assert_all(migrated.printed(), &told.iter().map(String::as_str).collect::<Vec<_>>());
    assert_all(installation.run(&["migrate"]).await.printed(), &[": the schema is up to date"]);
    for step in steps.iter().rev() {
        assert_all(installation.run(&["migrate", "--revert"]).await.printed(), &[": took back ", step]);
    }
    assert_all(installation.run(&["migrate", "--revert"]).await.printed(), &[": there is nothing to take back"]);
    assert_all(installation.run(&["migrate"]).await.printed(), &[": ran "]);

    let server = installation.start().await;
    assert_eq!(server.client().get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_server_on_an_outdated_postgres_says_what_to_do() {
    let installation = Installation::over(Database::empty(Backend::Postgres));
    let refused = installation.run(&["serve"]).await;
    let expected = ["older than this version of Colloquy", "`colloquy migrate`", "--auto-migrate"];
    assert_all(refused.complained(), &expected);
    assert_eq!(refused.out, "", "it never said that it listens");

    let server = installation.start_with(&["serve", "--auto-migrate"]).await;
    assert_eq!(server.client().newcomer("ada").await.ask("My name is Ada.").await.status, "completed");
    drop(server);
    installation.start().await;
}

#[tokio::test]
async fn a_server_keeps_its_tables() {
    let installation = Installation::new(Backend::Postgres);
    let server = installation.start().await;
    let refused = installation.run(&["migrate", "--revert"]).await;
    assert_all(refused.complained(), &["a Colloquy server is using the database", "next: stop"]);
    assert_eq!(server.client().newcomer("ada").await.ask("My name is Ada.").await.status, "completed");

    server.terminate();
    server.ended().await;
    assert_all(installation.run(&["migrate", "--revert"]).await.printed(), &[": took back "]);
}

#[tokio::test]
async fn sqlite_is_brought_up_to_date_at_the_start() {
    let server = Installation::over(Database::empty(Backend::Sqlite)).start().await;
    assert_eq!(server.client().get("/readyz").await.status, 200);
}

#[tokio::test]
async fn replicas_that_migrate_at_once_all_start() {
    let installation = Installation::over(Database::empty(Backend::Postgres));
    let mut starting = JoinSet::new();
    for _ in 0..4 {
        let replica = installation.clone();
        starting.spawn(async move { replica.start_with(&["serve", "--auto-migrate"]).await });
    }
    let replicas = starting.join_all().await;

    let ada = replicas[0].client().newcomer("ada").await;
    for replica in &replicas {
        assert_eq!(ada.at(replica).ask("My name is Ada.").await.status, "completed");
    }
}
