use diesel::prelude::*;
use domain::chat::Settlement;

use crate::sql::rows::FinishedRow;
use crate::sqlite::schema::{idempotency_keys, turn_pieces, turns};

/// Stores how a turn ended, inside the caller's transaction.
pub(super) fn finish(connection: &mut SqliteConnection, row: &FinishedRow) -> QueryResult<Settlement> {
    let own = turns::table.find(row.id).filter(turns::owner.eq(row.owner));
    let stored = diesel::update(own.filter(turns::status.eq("running")))
        .set((
            turns::status.eq(row.status),
            turns::incomplete_reason.eq(row.incomplete_reason),
            turns::failure.eq(row.failure),
            turns::response.eq(&row.response),
            turns::parts.eq(&row.parts),
            turns::image_url.eq(&row.image_url),
            turns::input_tokens.eq(row.input_tokens),
            turns::output_tokens.eq(row.output_tokens),
            turns::completed_at.eq(row.completed_at),
        ))
        .execute(connection)?;
    if stored == 0 {
        let same = own.filter(turns::status.eq(row.status)).filter(turns::completed_at.eq(row.completed_at));
        let is_stored = diesel::select(diesel::dsl::exists(same)).get_result::<bool>(connection)?;
        return Ok(if is_stored { Settlement::Stored } else { Settlement::Lost });
    }
    if let Some(model) = &row.model {
        diesel::update(turns::table.find(row.id)).set(turns::model.eq(model)).execute(connection)?;
    }
    if row.failure.is_some() {
        diesel::delete(idempotency_keys::table.filter(idempotency_keys::turn_id.eq(row.id))).execute(connection)?;
    }
    diesel::delete(turn_pieces::table.filter(turn_pieces::turn_id.eq(row.id))).execute(connection)?;
    Ok(Settlement::Stored)
}
