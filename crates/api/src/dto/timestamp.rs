use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A moment in UTC, to the microsecond (RFC 3339). Always of the same length, so that text sorts like time.
#[derive(Clone, Copy, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.123456Z")]
pub(crate) struct Timestamp(pub(crate) DateTime<Utc>);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.format("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }
}
