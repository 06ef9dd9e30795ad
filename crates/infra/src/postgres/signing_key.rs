use async_trait::async_trait;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use domain::Unexpected;
use domain::signing::{KeyId, NewSigningKey, RetireKeyError, SigningKey, SigningKeyRepository};

use super::connection::PgPool;
use super::schema::signing_keys;
use crate::sql::rows::{SigningKeyRow, retirement};
use crate::sql::values::Time;

/// Signing keys in PostgreSQL, timed by its clock.
pub(super) struct SigningKeys(pub PgPool);

#[async_trait]
impl SigningKeyRepository for SigningKeys {
    async fn add(&self, key: NewSigningKey) -> Result<(), Unexpected> {
        let add = move |connection: &mut PgConnection| {
            diesel::insert_into(signing_keys::table)
                .values((
                    signing_keys::kid.eq(key.id.as_str()),
                    signing_keys::algorithm.eq(key.algorithm.as_str()),
                    signing_keys::sealed.eq(key.sealed.as_bytes()),
                ))
                .on_conflict_do_nothing()
                .execute(connection)
        };
        self.0.run(add).await?;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<SigningKey>, Unexpected> {
        let list = |connection: &mut PgConnection| {
            signing_keys::table
                .select((signing_keys::all_columns, now.into_sql::<Timestamptz>()))
                .order((signing_keys::created_at, signing_keys::kid))
                .load::<(SigningKeyRow, Time)>(connection)
        };
        let rows = self.0.run(list).await?.into_iter();
        rows.map(|(row, read)| row.into_key(read.0)).collect::<Result<_, _>>().map_err(Unexpected::new)
    }

    async fn retire(&self, id: &KeyId, successor: &KeyId) -> Result<(), RetireKeyError> {
        let (id, successor) = (id.as_str().to_owned(), successor.as_str().to_owned());
        let retire = move |connection: &mut PgConnection| {
            connection.transaction(|connection| {
                // In one order, so that two that retire each other's successor wait and do not deadlock.
                let keys = signing_keys::table
                    .filter(signing_keys::kid.eq_any([&id, &successor]))
                    .select((signing_keys::kid, signing_keys::retired_at.is_null()))
                    .order(signing_keys::kid)
                    .for_update()
                    .load::<(String, bool)>(connection)?;
                let verdict = retirement(&keys, &id, &successor);
                if verdict.is_ok() {
                    diesel::update(signing_keys::table.find(&id).filter(signing_keys::retired_at.is_null()))
                        .set(signing_keys::retired_at.eq(now.into_sql::<Timestamptz>().nullable()))
                        .execute(connection)?;
                }
                Ok(verdict)
            })
        };
        self.0.run(retire).await.map_err(Unexpected::from)?
    }
}
