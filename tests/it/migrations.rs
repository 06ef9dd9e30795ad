//! Every migration goes up, down and up again, and several replicas may migrate at once.

use infra::store::{Opener, StoreError, StoreSettings, migrate, open, revert};

use crate::support::database::{Backend, Database};

fn up_down_up(backend: Backend) {
    let database = Database::empty(backend);
    let applied = migrate(database.settings()).unwrap();
    assert!(!applied.is_empty());
    assert!(migrate(database.settings()).unwrap().is_empty(), "a second run finds nothing to do");
    for step in applied.iter().rev() {
        assert_eq!(revert(database.settings()).unwrap().as_ref(), Some(step));
    }
    assert_eq!(revert(database.settings()).unwrap(), None, "nothing is left to take back");
    assert_eq!(migrate(database.settings()).unwrap(), applied);
}

#[test]
fn steps_go_up_down_and_up_on_postgres() {
    up_down_up(Backend::Postgres);
}

#[test]
fn steps_go_up_down_and_up_on_sqlite() {
    up_down_up(Backend::Sqlite);
}

fn eight_at_once(backend: Backend) {
    let database = Database::empty(backend);
    let steps: Vec<usize> = std::thread::scope(|scope| {
        let run = || scope.spawn(|| migrate(database.settings()).unwrap().len());
        let replicas: Vec<_> = (0..8).map(|_| run()).collect();
        replicas.into_iter().map(|replica| replica.join().unwrap()).collect()
    });
    assert_eq!(steps.iter().filter(|applied| **applied > 0).count(), 1, "one replica applies all: {steps:?}");
}

#[test]
fn replicas_migrate_postgres_at_once() {
    eight_at_once(Backend::Postgres);
}

/// As behind PgBouncer, where limits are the role's.
#[test]
fn a_limit_on_waiting_for_locks_is_not_for_migrations() {
    let database = Database::empty(Backend::Postgres);
    let StoreSettings::Postgres(mut settings) = database.settings().clone() else { panic!("it is PostgreSQL") };
    settings.url = format!("{}?options=-c%20lock_timeout%3D1", database.url()).into();
    let settings = StoreSettings::Postgres(settings);
    std::thread::scope(|scope| {
        let replicas: Vec<_> = (0..8).map(|_| scope.spawn(|| migrate(&settings).unwrap())).collect();
        for replica in replicas {
            replica.join().unwrap();
        }
    });
}

#[test]
fn commands_migrate_sqlite_at_once() {
    eight_at_once(Backend::Sqlite);
}

#[test]
fn a_command_fills_an_empty_file_and_does_not_bring_an_old_one_up_to_date() {
    let database = Database::empty(Backend::Sqlite);
    drop(open(database.settings(), Opener::Command).unwrap());
    let step = revert(database.settings()).unwrap().unwrap();
    assert!(matches!(open(database.settings(), Opener::Command), Err(StoreError::SchemaOutdated)));
    assert_eq!(migrate(database.settings()).unwrap(), [step], "it was left as it was");
    drop(open(database.settings(), Opener::Command).unwrap());
    revert(database.settings()).unwrap();
    drop(open(database.settings(), Opener::Server).unwrap());
    assert!(migrate(database.settings()).unwrap().is_empty(), "a server brings it up to date");
}

#[test]
fn a_step_is_not_taken_back_under_a_running_server() {
    let database = Database::empty(Backend::Sqlite);
    let server = open(database.settings(), Opener::Server).unwrap();
    assert!(matches!(revert(database.settings()), Err(StoreError::Locked(_))));
    assert!(migrate(database.settings()).unwrap().is_empty(), "with nothing to do there is no need for the lock");
    drop(server);
}

#[test]
fn steps_are_named_as_their_directories_are() {
    let database = Database::empty(Backend::Sqlite);
    for step in migrate(database.settings()).unwrap() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite/").to_owned() + &step;
        assert!(std::path::Path::new(&directory).is_dir(), "{step}");
    }
}

#[tokio::test]
async fn postgres_with_an_old_schema_is_not_opened() {
    let database = Database::empty(Backend::Postgres);
    assert!(matches!(open(database.settings(), Opener::Server), Err(StoreError::SchemaOutdated)));
    migrate(database.settings()).unwrap();
    let store = open(database.settings(), Opener::Server).unwrap();
    store.health.check().await.unwrap();
    revert(database.settings()).unwrap();
    assert!(store.health.check().await.unwrap_err().is_unavailable());
}
