use async_trait::async_trait;
use domain::Unexpected;
use domain::health::StoreHealth;

use super::connection::Readers;
use super::migrations;

/// Whether the file can be read and has this build's schema.
pub(super) struct Health(pub Readers);

#[async_trait]
impl StoreHealth for Health {
    async fn check(&self) -> Result<(), Unexpected> {
        match self.0.run(|connection| Ok(migrations::is_current(connection))).await? {
            Ok(true) => Ok(()),
            Ok(false) => Err(Unexpected::unavailable("the schema is not the one that this build expects")),
            Err(error) => Err(Unexpected::unavailable(error)),
        }
    }
}
