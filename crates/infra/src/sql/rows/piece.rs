use diesel::Queryable;
use domain::chat::{Course, FinishedTurn, Piece, PieceContent, Position, Transcript};
use domain::conversation::{Answer, IncompleteReason, Turn, TurnState, Usage};
use domain::id::{ReplicaId, TurnId};
use domain::text::estimated_tokens;

use crate::sql::values::{Id, Json, Time};
use crate::sql::{InconsistentRow, Parse, parts};

const TABLE: &str = "turn_pieces";

/// Something of a running turn. What is text has no part, what is a part has no text.
#[derive(Clone, Queryable)]
pub(crate) struct PieceRow {
    pub turn_id: Id,
    pub part_index: i32,
    pub start_byte: i64,
    pub text: String,
    pub part: Option<Json>,
}

impl TryFrom<Piece> for PieceRow {
    type Error = domain::Unexpected;

    fn try_from(piece: Piece) -> Result<Self, domain::Unexpected> {
        let Position { parts, offset } = piece.at;
        let (text, part) = match piece.content {
            PieceContent::Text(text) => (text, None),
            PieceContent::Part(part) => (String::new(), Some(Json(parts::to_json(vec![part])?))),
        };
        Ok(Self {
            turn_id: Id(piece.turn_id.as_uuid()),
            part_index: i32::try_from(parts).map_err(domain::Unexpected::new)?,
            start_byte: i64::try_from(offset).map_err(domain::Unexpected::new)?,
            text,
            part,
        })
    }
}

impl TryFrom<PieceRow> for Piece {
    type Error = InconsistentRow;

    fn try_from(row: PieceRow) -> Result<Self, InconsistentRow> {
        let id = row.turn_id.0;
        let at = Position {
            parts: usize::try_from(row.part_index).in_row(TABLE, "part_index", id)?,
            offset: usize::try_from(row.start_byte).in_row(TABLE, "start_byte", id)?,
        };
        let stored = row.part.map(|part| parts::from_json(part.0)).transpose().in_row(TABLE, "part", id)?;
        let content = match stored.map(|mut parts| parts.pop()) {
            None => PieceContent::Text(row.text),
            Some(Some(part)) => PieceContent::Part(part),
            Some(None) => return Err("a part without a part").in_row(TABLE, "part", id),
        };
        Ok(Self { turn_id: TurnId::from_uuid(id), at, content })
    }
}

/// The pieces as they are stored. One of a kind that cannot be stored is left out, or nothing would be.
pub(crate) fn storable(pieces: Vec<Piece>) -> Vec<PieceRow> {
    let row =
        |piece| PieceRow::try_from(piece).inspect_err(|error| tracing::error!(%error, "a piece cannot be stored")).ok();
    pieces.into_iter().filter_map(row).collect()
}

/// A running turn whose process is dead.
#[derive(Queryable)]
pub(crate) struct OrphanRow {
    pub id: Id,
    pub owner: Id,
    pub question_tokens: i64,
}

impl OrphanRow {
    /// How it is closed, given its pieces in order: what comes after a gap is nobody's answer.
    pub(crate) fn close(&self, pieces: &[PieceRow], completed_at: Time) -> Result<FinishedTurn, InconsistentRow> {
        let mut told = Transcript::default();
        for row in pieces {
            let Piece { at, content, .. } = Piece::try_from(row.clone())?;
            if !told.append(content, at) {
                break;
            }
        }
        let usage = Usage {
            input_tokens: u32::try_from(self.question_tokens).unwrap_or(u32::MAX),
            output_tokens: estimated_tokens(told.text()),
        };
        let answer = Answer { usage, ..told.to_answer() };
        Ok(FinishedTurn {
            id: TurnId::from_uuid(self.id.0),
            replica: ReplicaId::from_uuid(self.owner.0),
            state: TurnState::Incomplete(answer, IncompleteReason::ServerRestart),
            model: None,
            completed_at: completed_at.0,
        })
    }
}

/// Where a turn stands, by its row if it has ended, and else by its pieces. What cannot be read is no reason for others
/// not to be told: whoever follows it is told that there is no more to come.
pub(crate) fn course(ended: Option<super::TurnRow>, pieces: Vec<PieceRow>) -> Course {
    let course = match ended {
        Some(turn) => Turn::try_from(turn).map(|turn| Course::Ended(Box::new(turn))),
        None => pieces.into_iter().map(Piece::try_from).collect::<Result<_, _>>().map(Course::Running),
    };
    course.unwrap_or_else(|error| {
        tracing::error!(%error, "a turn that is followed cannot be read");
        Course::Gone
    })
}

/// How all of them are closed, given all their pieces in order.
pub(crate) fn close_orphans(
    orphans: &[OrphanRow],
    pieces: &[PieceRow],
    completed_at: Time,
) -> Result<Vec<super::FinishedRow>, domain::Unexpected> {
    let close = |orphan: &OrphanRow| {
        let from = pieces.partition_point(|piece| piece.turn_id.0 < orphan.id.0);
        let to = pieces.partition_point(|piece| piece.turn_id.0 <= orphan.id.0);
        let closed = orphan.close(&pieces[from..to], completed_at).map_err(domain::Unexpected::new)?;
        super::FinishedRow::try_from(closed)
    };
    orphans.iter().map(close).collect()
}
