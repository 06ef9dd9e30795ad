use async_trait::async_trait;
use diesel::SqliteConnection;
use domain::Unexpected;
use domain::health::StoreHealth;

use super::connection::Readers;
use super::migrations;
use crate::store::MigrationError;

/// Whether the file can be read and has this build's schema.
pub(super) struct Health(pub Readers);

#[async_trait]
impl StoreHealth for Health {
    async fn check(&self) -> Result<(), Unexpected> {
        let check = |connection: &mut SqliteConnection| match migrations::is_current(connection) {
            // So that a connection that was closed is replaced.
            Err(MigrationError::Store(error)) => Err(error),
            checked => Ok(checked),
        };
        match self.0.run(check).await? {
            Ok(true) => Ok(()),
            Ok(false) => Err(Unexpected::unavailable("the schema is not the one that this build expects")),
            Err(error) => Err(Unexpected::unavailable(error)),
        }
    }
}
