use std::sync::Arc;

use async_trait::async_trait;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use domain::Unexpected;
use domain::api_key::{ApiKey, ApiKeyRepository, FoundApiKey, NewApiKey};
use domain::audit::NewAuditEvent;
use domain::clock::Clock;
use domain::id::{ApiKeyId, UserId};
use domain::page::{ListError, Order, Page, PageRequest};

use super::audit;
use super::connection::Readers;
use super::schema::{api_keys, users};
use super::writer::Writer;
use crate::sql::rows::{ApiKeyRow, FoundApiKeyRow, NewApiKeyRow, NewAuditRow};
use crate::sql::values::{Id, Time};
use crate::sql::{keyset, page};

/// API keys in SQLite. The store's clock is that of the only server there is.
pub(super) struct ApiKeys {
    pub readers: Readers,
    pub writer: Writer,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl ApiKeyRepository for ApiKeys {
    async fn create(&self, key: NewApiKey, event: NewAuditEvent) -> Result<(), Unexpected> {
        let (key, event) = (NewApiKeyRow::from(key), NewAuditRow::from(event));
        let create = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| {
                diesel::insert_into(api_keys::table)
                    .values((
                        api_keys::id.eq(key.id),
                        api_keys::user_id.eq(key.user_id),
                        api_keys::name.eq(&key.name),
                        api_keys::hash.eq(&key.hash),
                        api_keys::scopes.eq(&key.scopes),
                        api_keys::created_at.eq(key.created_at),
                        api_keys::expires_at.eq(key.expires_at),
                    ))
                    .on_conflict_do_nothing()
                    .execute(connection)?;
                audit::store(connection, &event)
            })
        };
        Ok(self.writer.write(create).await?)
    }

    async fn find(&self, id: ApiKeyId) -> Result<Option<FoundApiKey>, Unexpected> {
        let now = self.clock.now();
        let (now, long_ago) = (Time(now), Time(now - FoundApiKey::TOUCH_AFTER));
        let find = move |connection: &mut SqliteConnection| {
            api_keys::table
                .inner_join(users::table)
                .filter(api_keys::id.eq(Id(id.as_uuid())))
                .select((
                    api_keys::id,
                    api_keys::user_id,
                    api_keys::hash,
                    api_keys::scopes,
                    api_keys::created_at,
                    api_keys::expires_at,
                    api_keys::revoked_at.is_null().and(api_keys::expires_at.gt(now)),
                    sql::<Bool>("coalesce(api_keys.last_used_at < ").bind::<BigInt, _>(long_ago).sql(", true)"),
                    users::username,
                    users::role,
                    users::is_active,
                ))
                .first::<FoundApiKeyRow>(connection)
                .optional()
        };
        self.readers.run(find).await?.map(FoundApiKey::try_from).transpose().map_err(Unexpected::new)
    }

    async fn touch(&self, id: ApiKeyId, first: NewAuditEvent) -> Result<(), Unexpected> {
        let (id, first) = (Id(id.as_uuid()), NewAuditRow::from(first));
        let now = Time(self.clock.now());
        let touch = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| {
                let used = api_keys::last_used_at.eq(now);
                let unused = api_keys::table.find(id).filter(api_keys::last_used_at.is_null());
                if diesel::update(unused).set(used).execute(connection)? == 1 {
                    return audit::store(connection, &first);
                }
                diesel::update(api_keys::table.find(id)).set(used).execute(connection).map(drop)
            })
        };
        Ok(self.writer.write(touch).await?)
    }

    async fn revoke(&self, owner: UserId, id: ApiKeyId, event: NewAuditEvent) -> Result<bool, Unexpected> {
        let event = NewAuditRow::from(event);
        let now = Time(self.clock.now());
        let revoke = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| {
                let key = api_keys::table
                    .find(Id(id.as_uuid()))
                    .filter(api_keys::user_id.eq(Id(owner.as_uuid())))
                    .filter(api_keys::revoked_at.is_null());
                let revoked = api_keys::revoked_at.eq(now);
                let is_revoked = diesel::update(key).set(revoked).execute(connection)? == 1;
                if is_revoked {
                    audit::store(connection, &event)?;
                }
                Ok(is_revoked)
            })
        };
        Ok(self.writer.write(revoke).await?)
    }

    async fn list(&self, owner: UserId, request: PageRequest<ApiKeyId>) -> Result<Page<ApiKey>, ListError> {
        let owner = Id(owner.as_uuid());
        let find = move |connection: &mut SqliteConnection| {
            let own = || api_keys::table.filter(api_keys::user_id.eq(owner));
            let columns = (
                api_keys::id,
                api_keys::name,
                api_keys::scopes,
                api_keys::created_at,
                api_keys::expires_at,
                api_keys::last_used_at,
            );
            let query = keyset!(
                own().filter(api_keys::revoked_at.is_null()).select(columns),
                request,
                connection,
                cursor = own(),
                time = api_keys::created_at,
                id = api_keys::id
            );
            query.load::<ApiKeyRow>(connection).map(Some)
        };
        page(self.readers.run(find).await, request.limit, ApiKey::try_from)
    }
}
