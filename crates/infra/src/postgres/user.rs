use async_trait::async_trait;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use domain::Unexpected;
use domain::id::UserId;
use domain::page::{ListError, Order, Page, PageRequest};
use domain::user::{CreateUserError, HashedPassword, NewUser, User, UserRepository, Username};

use super::connection::PgPool;
use super::error;
use super::schema::users;
use crate::sql::page;
use crate::sql::rows::{NewUserRow, UserRow};
use crate::sql::values::{Id, Time};

/// Accounts in PostgreSQL.
pub(super) struct Users(pub PgPool);

#[async_trait]
impl UserRepository for Users {
    async fn create(&self, user: NewUser) -> Result<(), CreateUserError> {
        let row = NewUserRow::from(user);
        // The id is the one conflict that a repeated statement may meet with; a taken name still is an error.
        let insert = move |connection: &mut PgConnection| {
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
                .execute(connection)
        };
        self.0.run(insert).await.map(drop).map_err(error::create_user)
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

    async fn list(&self, request: PageRequest<UserId>) -> Result<Page<User>, ListError> {
        let find = move |connection: &mut PgConnection| {
            let mut query = users::table.limit(i64::from(request.limit.get()) + 1).into_boxed();
            if let Some(after) = request.after.map(|id| Id(id.as_uuid())) {
                let cursor = users::table.find(after).select(users::account_created);
                let Some(created) = cursor.first::<Time>(connection).optional()? else { return Ok(None) };
                let same = users::account_created.eq(created);
                query = match request.order {
                    Order::Ascending => {
                        query.filter(users::account_created.gt(created).or(same.and(users::id.gt(after))))
                    }
                    Order::Descending => {
                        query.filter(users::account_created.lt(created).or(same.and(users::id.lt(after))))
                    }
                };
            }
            let query = match request.order {
                Order::Ascending => query.order((users::account_created.asc(), users::id.asc())),
                Order::Descending => query.order((users::account_created.desc(), users::id.desc())),
            };
            query.load::<UserRow>(connection).map(Some)
        };
        page(self.0.run(find).await, request.limit, UserRow::into_user)
    }
}
