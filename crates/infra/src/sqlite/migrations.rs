//! The schema's steps, compiled in from `migrations/sqlite`.

use diesel::dsl::sql;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::store::{MigrationError, step_name};

const STEPS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Applies what is missing, and returns the names of the steps. Whoever else does so at once waits.
pub fn apply(connection: &mut SqliteConnection) -> Result<Vec<String>, MigrationError> {
    connection.immediate_transaction(|connection| {
        let steps = connection.run_pending_migrations(STEPS).map_err(MigrationError::Step)?;
        steps.iter().map(|version| step_name::<Sqlite>(&STEPS, version)).collect()
    })
}

/// Takes the newest step back, and returns its name; `None` if there is nothing to take back.
pub fn revert(connection: &mut SqliteConnection) -> Result<Option<String>, MigrationError> {
    connection.immediate_transaction(|connection| {
        let applied = connection.applied_migrations().map_err(MigrationError::Step)?;
        if applied.is_empty() {
            return Ok(None);
        }
        let version = connection.revert_last_migration(STEPS).map_err(MigrationError::Step)?;
        step_name::<Sqlite>(&STEPS, &version).map(Some)
    })
}

/// Whether there is nothing at all in the file.
pub fn is_empty(connection: &mut SqliteConnection) -> Result<bool, MigrationError> {
    Ok(diesel::select(sql::<Bool>("NOT EXISTS (SELECT 1 FROM sqlite_schema)")).get_result(connection)?)
}

/// Whether the schema has the newest step that this build knows. It only reads.
pub fn is_current(connection: &mut SqliteConnection) -> Result<bool, MigrationError> {
    let steps = MigrationSource::<Sqlite>::migrations(&STEPS).map_err(MigrationError::Step)?;
    let newest = steps.iter().map(|step| step.name().version().to_string()).max().unwrap_or_default();
    let has_steps = sql::<Bool>("EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '__diesel_schema_migrations')");
    if !diesel::select(has_steps).get_result::<bool>(connection)? {
        return Ok(false);
    }
    let has_newest = sql::<Bool>("EXISTS (SELECT 1 FROM __diesel_schema_migrations WHERE version = ")
        .bind::<Text, _>(newest)
        .sql(")");
    Ok(diesel::select(has_newest).get_result(connection)?)
}
