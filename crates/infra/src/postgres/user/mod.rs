//! Accounts in PostgreSQL.

pub(super) mod rights;

use async_trait::async_trait;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use domain::Unexpected;
use domain::audit::NewAuditEvent;
use domain::id::{SessionId, UserId};
use domain::page::{ListError, Order, Page, PageRequest};
use domain::session::EndReason;
use domain::user::{
    CreateUserError, HashedPassword, ImportedUser, NewUser, ProfileChange, RightsChange, Role, User, UserFilter,
    UserRepository, Username,
};

use super::connection::PgPool;
use super::schema::users;
use super::{audit, error, session};
use crate::sql::rows::{NewAuditRow, NewUserRow, UserRow};
use crate::sql::values::{Id, Time};
use crate::sql::{keyset, page};

/// What is to become of an account's details; what is not said stays.
#[derive(AsChangeset)]
#[diesel(table_name = users)]
struct NewProfile {
    username: Option<String>,
    email: Option<String>,
}

impl NewProfile {
    /// Whether an account that has this name and this address would be another.
    fn changes(&self, username: &str, email: &str) -> bool {
        let differs = |new: &Option<String>, old| new.as_deref().is_some_and(|new| new != old);
        differs(&self.username, username) || differs(&self.email, email)
    }
}

pub(super) struct Users(pub PgPool);

#[async_trait]
impl UserRepository for Users {
    async fn create(&self, user: NewUser, event: NewAuditEvent) -> Result<(), CreateUserError> {
        let (row, event) = (NewUserRow::from(user), NewAuditRow::from(event));
        // The id is the one conflict that a repeated statement may meet with; a taken name still is an error.
        let insert = move |connection: &mut PgConnection| {
            connection.transaction(|connection| {
                diesel::insert_into(users::table)
                    .values((
                        users::id.eq(row.id),
                        users::username.eq(&row.username),
                        users::hashed_password.eq(&row.hashed_password),
                        users::email.eq(&row.email),
                        users::role.eq(row.role),
                        users::account_created.eq(row.account_created),
                    ))
                    .on_conflict(users::id)
                    .do_nothing()
                    .execute(connection)?;
                audit::store(connection, &event)
            })
        };
        self.0.run(insert).await.map_err(error::create_user)
    }

    async fn import(&self, account: ImportedUser, event: NewAuditEvent) -> Result<(), CreateUserError> {
        let (is_active, last_login) = (account.is_active, account.last_login.map(Time));
        let (row, event) = (NewUserRow::from(account.user), NewAuditRow::from(event));
        let insert = move |connection: &mut PgConnection| {
            connection.transaction(|connection| {
                diesel::insert_into(users::table)
                    .values((
                        users::id.eq(row.id),
                        users::username.eq(&row.username),
                        users::hashed_password.eq(&row.hashed_password),
                        users::email.eq(&row.email),
                        users::role.eq(row.role),
                        users::is_active.eq(is_active),
                        users::account_created.eq(row.account_created),
                        users::last_login.eq(last_login),
                    ))
                    .on_conflict(users::id)
                    .do_nothing()
                    .execute(connection)?;
                audit::store(connection, &event)
            })
        };
        self.0.run(insert).await.map_err(error::create_user)
    }

    async fn find(&self, id: UserId) -> Result<Option<User>, Unexpected> {
        let find = move |connection: &mut PgConnection| {
            users::table.find(Id(id.as_uuid())).first::<UserRow>(connection).optional()
        };
        self.0.run(find).await?.map(UserRow::into_user).transpose().map_err(Unexpected::new)
    }

    async fn find_for_login(&self, username: &Username) -> Result<Option<(User, HashedPassword)>, Unexpected> {
        let name = username.canonical();
        let find = move |connection: &mut PgConnection| {
            let has_name = sql::<Bool>("lower(username COLLATE \"C\") = ").bind::<Text, _>(name.clone());
            users::table.filter(has_name).first::<UserRow>(connection).optional()
        };
        self.0.run(find).await?.map(UserRow::into_account).transpose().map_err(Unexpected::new)
    }

    async fn upgrade_hash(&self, id: UserId, old: HashedPassword, new: HashedPassword) -> Result<(), Unexpected> {
        let upgrade = move |connection: &mut PgConnection| {
            diesel::update(users::table.find(Id(id.as_uuid())).filter(users::hashed_password.eq(old.expose())))
                .set(users::hashed_password.eq(new.expose()))
                .execute(connection)
        };
        self.0.run(upgrade).await?;
        Ok(())
    }

    async fn change_profile(
        &self,
        id: UserId,
        change: ProfileChange,
        event: NewAuditEvent,
    ) -> Result<Option<User>, CreateUserError> {
        let (id, event) = (Id(id.as_uuid()), NewAuditRow::from(event));
        let change = NewProfile {
            username: change.username.map(|name| name.to_string()),
            email: change.email.map(|email| email.to_string()),
        };
        let update = move |connection: &mut PgConnection| {
            connection.transaction(|connection| {
                let details = users::table.find(id).select((users::username, users::email));
                let before = details.for_no_key_update().first::<(String, String)>(connection).optional()?;
                if before.is_some_and(|(username, email)| change.changes(&username, &email)) {
                    diesel::update(users::table.find(id)).set(&change).execute(connection)?;
                    audit::store(connection, &event)?;
                }
                users::table.find(id).first::<UserRow>(connection).optional()
            })
        };
        let user = self.0.run(update).await.map_err(error::create_user)?;
        Ok(user.map(UserRow::into_user).transpose().map_err(Unexpected::new)?)
    }

    async fn set_password(
        &self,
        id: UserId,
        hash: HashedPassword,
        keep: Option<SessionId>,
        event: NewAuditEvent,
    ) -> Result<Option<Vec<SessionId>>, Unexpected> {
        let (id, keep) = (Id(id.as_uuid()), keep.map(|id| Id(id.as_uuid())));
        let event = NewAuditRow::from(event);
        let set = move |connection: &mut PgConnection| {
            connection.transaction(|connection| {
                let hash = users::hashed_password.eq(hash.expose());
                if diesel::update(users::table.find(id)).set(hash).execute(connection)? == 0 {
                    return Ok(None);
                }
                audit::store(connection, &event)?;
                session::end_of(connection, id, keep, EndReason::PasswordChanged).map(Some)
            })
        };
        let ended = self.0.run(set).await?;
        Ok(ended.map(|ended| ended.into_iter().map(|id| SessionId::from_uuid(id.0)).collect()))
    }

    async fn set_role(&self, id: UserId, role: Role, event: NewAuditEvent) -> Result<RightsChange, Unexpected> {
        let event = NewAuditRow::from(event);
        let set = move |connection: &mut PgConnection| {
            connection.transaction(|connection| rights::set_role(connection, Id(id.as_uuid()), role, &event))
        };
        Ok(self.0.run(set).await?)
    }

    async fn set_active(&self, id: UserId, is_active: bool, event: NewAuditEvent) -> Result<RightsChange, Unexpected> {
        let event = NewAuditRow::from(event);
        let set = move |connection: &mut PgConnection| {
            connection.transaction(|connection| rights::set_active(connection, Id(id.as_uuid()), is_active, &event))
        };
        Ok(self.0.run(set).await?)
    }

    async fn list(&self, filter: UserFilter, request: PageRequest<UserId>) -> Result<Page<User>, ListError> {
        let find = move |connection: &mut PgConnection| {
            let mut query = keyset!(
                users::table,
                request,
                connection,
                cursor = users::table,
                time = users::account_created,
                id = users::id
            );
            if let Some(text) = &filter.text {
                let text = text.to_lowercase();
                let in_name = sql::<Bool>("position(").bind::<Text, _>(text.clone()).sql(" in lower(username)) > 0");
                let in_email = sql::<Bool>("position(").bind::<Text, _>(text).sql(" in email) > 0");
                query = query.filter(in_name.or(in_email));
            }
            if let Some(role) = filter.role {
                query = query.filter(users::role.eq(role.as_str()));
            }
            if let Some(is_active) = filter.is_active {
                query = query.filter(users::is_active.eq(is_active));
            }
            query.load::<UserRow>(connection).map(Some)
        };
        page(self.0.run(find).await, request.limit, UserRow::into_user)
    }
}
