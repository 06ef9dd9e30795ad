//! Identifiers from the system's clock and randomness.

use domain::id::IdGenerator;
use uuid::Uuid;

/// Makes `UUIDv7` values (RFC 9562), which within one process never go backwards.
#[derive(Clone, Copy, Debug, Default)]
pub struct UuidV7;

impl IdGenerator for UuidV7 {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}
