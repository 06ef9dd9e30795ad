//! The schema's steps, compiled in from `migrations/postgres`.

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::store::{MigrationError, step_name};

const STEPS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Any number serves, as long as it is always the same: it is `colloquy` in ASCII.
const LOCK: i64 = 0x636f_6c6c_6f71_7579;

/// Applies what is missing, and returns the names of the steps.
///
/// Several replicas may do this at once: an advisory lock, held for one transaction, lets them pass one by one.
pub fn apply(connection: &mut PgConnection) -> Result<Vec<String>, MigrationError> {
    locked(connection, |connection| {
        let steps = connection.run_pending_migrations(STEPS).map_err(MigrationError::Step)?;
        steps.iter().map(|version| step_name::<Pg>(&STEPS, version)).collect()
    })
}

/// Takes the newest step back, and returns its name; `None` if there is nothing to take back.
pub fn revert(connection: &mut PgConnection) -> Result<Option<String>, MigrationError> {
    locked(connection, |connection| {
        let applied = connection.applied_migrations().map_err(MigrationError::Step)?;
        if applied.is_empty() {
            return Ok(None);
        }
        if is_in_use(connection)? {
            return Err(MigrationError::InUse);
        }
        let version = connection.revert_last_migration(STEPS).map_err(MigrationError::Step)?;
        step_name::<Pg>(&STEPS, &version).map(Some)
    })
}

/// Whether the schema has the newest step that this build knows. It only reads.
pub fn is_current(connection: &mut PgConnection) -> Result<bool, MigrationError> {
    let steps = MigrationSource::<Pg>::migrations(&STEPS).map_err(MigrationError::Step)?;
    let newest = steps.iter().map(|step| step.name().version().to_string()).max().unwrap_or_default();
    let has_steps = sql::<Bool>("to_regclass('__diesel_schema_migrations') IS NOT NULL");
    if !diesel::select(has_steps).get_result::<bool>(connection)? {
        return Ok(false);
    }
    let has_newest =
        sql::<Bool>("EXISTS (SELECT FROM __diesel_schema_migrations WHERE version = ").bind::<Text, _>(newest).sql(")");
    Ok(diesel::select(has_newest).get_result(connection)?)
}

/// Whether a server holds a lease. A step that knew no leases yet knew no servers either.
fn is_in_use(connection: &mut PgConnection) -> QueryResult<bool> {
    let has_leases = sql::<Bool>("to_regclass('replicas') IS NOT NULL");
    if !diesel::select(has_leases).get_result::<bool>(connection)? {
        return Ok(false);
    }
    diesel::select(sql::<Bool>("EXISTS (SELECT FROM replicas WHERE lease_until > now())")).get_result(connection)
}

fn locked<T>(
    connection: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> Result<T, MigrationError>,
) -> Result<T, MigrationError> {
    connection.transaction(|connection| {
        connection.batch_execute(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL client_min_messages = warning",
        )?;
        diesel::sql_query("SELECT pg_advisory_xact_lock($1)").bind::<BigInt, _>(LOCK).execute(connection)?;
        work(connection)
    })
}
