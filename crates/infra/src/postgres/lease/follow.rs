use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Uuid as PgUuid};
use domain::Unexpected;
use domain::chat::{Course, Followed, Following};
use domain::id::TurnId;
use uuid::Uuid;

use crate::postgres::connection::PgPool;
use crate::postgres::schema::turns;
use crate::postgres::turn::RESPONSE_SO_FAR;
use crate::sql::rows::{PieceRow, TurnRow, course, turn_columns};
use crate::sql::values::{Id, Json};

/// A piece of a turn that runs, or what is known of one without a piece.
#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = PgUuid)]
    id: Id,
    #[diesel(sql_type = Bool)]
    is_there: bool,
    #[diesel(sql_type = Bool)]
    has_ended: bool,
    #[diesel(sql_type = Nullable<Integer>)]
    part_index: Option<i32>,
    #[diesel(sql_type = Nullable<BigInt>)]
    start_byte: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    text: Option<String>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    part: Option<Json>,
}

impl Row {
    fn piece(self) -> Option<PieceRow> {
        Some(PieceRow {
            turn_id: self.id,
            part_index: self.part_index?,
            start_byte: self.start_byte?,
            text: self.text?,
            part: self.part,
        })
    }
}

/// How these turns stand. One that has ended never changes, so it may be read a moment later.
pub(super) async fn courses(pool: &PgPool, followed: Vec<Following>) -> Result<Vec<Followed>, Unexpected> {
    if followed.is_empty() {
        return Ok(Vec::new());
    }
    let (rows, ended) = pool.run(move |connection| look(connection, &followed)).await?;
    let mut ended: HashMap<Uuid, TurnRow> = ended.into_iter().map(|row| (row.id(), row)).collect();
    let mut running: HashMap<Uuid, Option<Vec<PieceRow>>> = HashMap::new();
    for row in rows {
        let pieces = running.entry(row.id.0).or_insert(row.is_there.then(Vec::new));
        if let (Some(pieces), Some(piece)) = (pieces, row.piece()) {
            pieces.push(piece);
        }
    }
    let course_of = |(id, pieces): (Uuid, Option<Vec<PieceRow>>)| Followed {
        turn_id: TurnId::from_uuid(id),
        course: pieces.map_or(Course::Gone, |pieces| course(ended.remove(&id), pieces)),
    };
    Ok(running.into_iter().map(course_of).collect())
}

fn look(connection: &mut PgConnection, followed: &[Following]) -> QueryResult<(Vec<Row>, Vec<TurnRow>)> {
    let ids: Vec<Id> = followed.iter().map(|it| Id(it.turn_id.as_uuid())).collect();
    let parts: Vec<i32> = followed.iter().map(|it| i32::try_from(it.after.parts).unwrap_or(i32::MAX)).collect();
    let starts: Vec<i64> = followed.iter().map(|it| i64::try_from(it.after.offset).unwrap_or(i64::MAX)).collect();
    let rows: Vec<Row> = diesel::sql_query(include_str!("follow.sql"))
        .bind::<Array<PgUuid>, _>(ids)
        .bind::<Array<Integer>, _>(parts)
        .bind::<Array<BigInt>, _>(starts)
        .load(connection)?;
    let ended: Vec<Id> = rows.iter().filter(|row| row.has_ended).map(|row| row.id).collect();
    if ended.is_empty() {
        return Ok((rows, Vec::new()));
    }
    let turns = turns::table.filter(turns::id.eq_any(ended)).select(turn_columns!(turns, RESPONSE_SO_FAR));
    Ok((rows, turns.load(connection)?))
}
