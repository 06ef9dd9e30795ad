use diesel::dsl::{auto_type, exists, not, now, sql};
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use domain::erasure::{Stage, Step};

use crate::postgres::schema::{
    api_keys, conversations, erasures, export_chunks, exports, idempotency_keys, refresh_tokens, replicas, sessions,
    tickets, turns, users,
};
use crate::postgres::user::rights;
use crate::sql::delete_some;
use crate::sql::rows::ErasedRow;
use crate::sql::values::Id;

/// Pieces of exports are large.
const CHUNKS: u32 = 32;

/// Removes some of what belongs to the account, inside the caller's transaction. The erasure's row is held meanwhile, so
/// that steps come one after the other.
pub(super) fn step(connection: &mut PgConnection, user: Id, limit: u32) -> QueryResult<Option<Step>> {
    let erasure = erasures::table.find(user).select(counted()).for_update().first::<ErasedRow>(connection);
    let Some(mut erased) = erasure.optional()? else { return Ok(None) };
    rights::stop_turns(connection, user)?;
    let stage = if remove(connection, user, limit, &mut erased)? {
        Stage::More
    } else if remove_account(connection, user)? {
        Stage::Finished
    } else {
        Stage::Waiting
    };
    diesel::update(erasures::table.find(user))
        .set((
            erasures::went_on_at.eq(now),
            erasures::conversations.eq(erased.conversations),
            erasures::turns.eq(erased.turns),
            erasures::sessions.eq(erased.sessions),
            erasures::api_keys.eq(erased.api_keys),
            erasures::exports.eq(erased.exports),
        ))
        .execute(connection)?;
    Ok(Some(Step { erased: erased.into(), stage }))
}

/// Removes about `limit` rows of a kind, and says whether there may be more that can go.
fn remove(connection: &mut PgConnection, user: Id, limit: u32, erased: &mut ErasedRow) -> QueryResult<bool> {
    if remove_conversations(connection, user, limit, erased)? {
        return Ok(true);
    }
    let keys = idempotency_keys::table.filter(idempotency_keys::user_id.eq(user));
    let keys: Vec<String> = keys.select(idempotency_keys::key).limit(i64::from(limit)).load(connection)?;
    let claims =
        idempotency_keys::table.filter(idempotency_keys::user_id.eq(user)).filter(idempotency_keys::key.eq_any(&keys));
    if is_full(diesel::delete(claims).execute(connection)?, limit) {
        return Ok(true);
    }
    let own_sessions = || sessions::table.filter(sessions::user_id.eq(user));
    let tokens = refresh_tokens::table.filter(refresh_tokens::session_id.eq_any(own_sessions().select(sessions::id)));
    if is_full(delete_some!(connection, refresh_tokens, hash: Vec<u8>, tokens, limit), limit) {
        return Ok(true);
    }
    let gone = delete_some!(connection, sessions, id: Id, own_sessions(), limit);
    erased.sessions += count(gone);
    if is_full(gone, limit) {
        return Ok(true);
    }
    let own_tickets = tickets::table.filter(tickets::user_id.eq(user));
    if is_full(delete_some!(connection, tickets, hash: Vec<u8>, own_tickets, limit), limit) {
        return Ok(true);
    }
    let own_keys = api_keys::table.filter(api_keys::user_id.eq(user));
    let gone = delete_some!(connection, api_keys, id: Id, own_keys, limit);
    erased.api_keys += count(gone);
    if is_full(gone, limit) {
        return Ok(true);
    }
    remove_exports(connection, user, limit, erased)
}

fn remove_conversations(
    connection: &mut PgConnection,
    user: Id,
    limit: u32,
    erased: &mut ErasedRow,
) -> QueryResult<bool> {
    let said_there = turns::table.filter(turns::conversation_id.eq(conversations::id));
    let quiet = conversations::table
        .filter(conversations::user_id.eq(user))
        .filter(not(exists(said_there.filter(runs()))))
        .limit(i64::from(limit))
        .select(conversations::id);
    // Whoever holds one stores something in it just now; its turn comes later.
    let quiet: Vec<Id> = quiet.for_update().skip_locked().load(connection)?;
    // A turn may have begun to run before the conversation was held.
    let ended = turns::table.filter(turns::conversation_id.eq_any(&quiet)).filter(not(runs()));
    let gone = delete_some!(connection, turns, id: Id, ended, limit);
    let empty = conversations::table.filter(conversations::id.eq_any(&quiet)).filter(not(exists(said_there)));
    let emptied = diesel::delete(empty).execute(connection)?;
    erased.turns += count(gone);
    erased.conversations += count(emptied);
    Ok(gone + emptied > 0)
}

fn remove_exports(connection: &mut PgConnection, user: Id, limit: u32, erased: &mut ErasedRow) -> QueryResult<bool> {
    let own = || exports::table.filter(exports::user_id.eq(user));
    let chunks = export_chunks::table
        .filter(export_chunks::export_id.eq_any(own().select(exports::id)))
        .select((export_chunks::export_id, export_chunks::number))
        .limit(i64::from(CHUNKS));
    let chunks: Vec<(Id, i32)> = chunks.load(connection)?;
    for (export, number) in &chunks {
        diesel::delete(export_chunks::table.find((export, number))).execute(connection)?;
    }
    if is_full(chunks.len(), CHUNKS) {
        return Ok(true);
    }
    let gone = delete_some!(connection, exports, id: Id, own(), limit);
    erased.exports += count(gone);
    Ok(is_full(gone, limit))
}

/// Removes the account itself, unless something is still said in one of its conversations.
fn remove_account(connection: &mut PgConnection, user: Id) -> QueryResult<bool> {
    // From here on nobody can add a conversation.
    users::table.find(user).select(users::id).for_update().first::<Id>(connection)?;
    let conversations = conversations::table.filter(conversations::user_id.eq(user));
    if diesel::select(exists(conversations)).get_result(connection)? {
        return Ok(false);
    }
    diesel::delete(users::table.find(user)).execute(connection)?;
    Ok(true)
}

/// Whether a turn runs in a process that is alive.
#[auto_type(no_type_alias)]
fn runs() -> _ {
    let alive = replicas::table.filter(replicas::lease_until.gt(now)).select(replicas::id.nullable());
    let running: SqlLiteral<Bool> = sql("turns.status = 'running'");
    running.and(turns::owner.eq_any(alive))
}

#[auto_type(no_type_alias)]
fn counted() -> _ {
    (erasures::conversations, erasures::turns, erasures::sessions, erasures::api_keys, erasures::exports)
}

fn is_full(rows: usize, limit: u32) -> bool {
    u32::try_from(rows).is_ok_and(|rows| rows >= limit)
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
