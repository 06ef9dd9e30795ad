use diesel::Queryable;
use domain::erasure::Erased;

/// What is gone of an account: `erasures.conversations, turns, sessions, api_keys, exports`.
#[derive(Clone, Copy, Queryable)]
pub(crate) struct ErasedRow {
    pub conversations: i64,
    pub turns: i64,
    pub sessions: i64,
    pub api_keys: i64,
    pub exports: i64,
}

impl From<ErasedRow> for Erased {
    fn from(row: ErasedRow) -> Self {
        let count = |rows: i64| u64::try_from(rows).unwrap_or_default();
        Self {
            conversations: count(row.conversations),
            turns: count(row.turns),
            sessions: count(row.sessions),
            api_keys: count(row.api_keys),
            exports: count(row.exports),
        }
    }
}
