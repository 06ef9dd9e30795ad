use std::sync::Arc;

use async_trait::async_trait;
use diesel::prelude::*;
use domain::Unexpected;
use domain::clock::Clock;
use domain::signing::{KeyId, NewSigningKey, RetireKeyError, SigningKey, SigningKeyRepository};

use super::connection::Readers;
use super::schema::signing_keys;
use super::writer::Writer;
use crate::sql::rows::{SigningKeyRow, retirement};
use crate::sql::values::Time;

/// Signing keys in SQLite. The store's clock is that of the machine.
pub(super) struct SigningKeys {
    pub readers: Readers,
    pub writer: Writer,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl SigningKeyRepository for SigningKeys {
    async fn add(&self, key: NewSigningKey) -> Result<(), Unexpected> {
        let created = self.clock.now();
        let add = move |connection: &mut SqliteConnection| {
            diesel::insert_into(signing_keys::table)
                .values((
                    signing_keys::kid.eq(key.id.as_str()),
                    signing_keys::algorithm.eq(key.algorithm.as_str()),
                    signing_keys::sealed.eq(key.sealed.as_bytes()),
                    signing_keys::created_at.eq(Time(created)),
                ))
                .on_conflict_do_nothing()
                .execute(connection)
        };
        self.writer.write(add).await?;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<SigningKey>, Unexpected> {
        let list = |connection: &mut SqliteConnection| {
            signing_keys::table.order((signing_keys::created_at, signing_keys::kid)).load::<SigningKeyRow>(connection)
        };
        let rows = self.readers.run(list).await?.into_iter();
        let now = self.clock.now();
        rows.map(|row| row.into_key(now)).collect::<Result<_, _>>().map_err(Unexpected::new)
    }

    async fn retire(&self, id: &KeyId, successor: &KeyId) -> Result<(), RetireKeyError> {
        let (id, successor) = (id.as_str().to_owned(), successor.as_str().to_owned());
        let retired = self.clock.now();
        let retire = move |connection: &mut SqliteConnection| {
            let keys = signing_keys::table
                .filter(signing_keys::kid.eq_any([&id, &successor]))
                .select((signing_keys::kid, signing_keys::retired_at.is_null()))
                .load::<(String, bool)>(connection)?;
            let verdict = retirement(&keys, &id, &successor);
            if verdict.is_ok() {
                diesel::update(signing_keys::table.find(&id).filter(signing_keys::retired_at.is_null()))
                    .set(signing_keys::retired_at.eq(Time(retired)))
                    .execute(connection)?;
            }
            Ok(verdict)
        };
        self.writer.write(retire).await.map_err(Unexpected::from)?
    }
}
