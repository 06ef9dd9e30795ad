use std::fmt::Display;

use crate::error::{ApiError, FieldError};

/// Collects what is wrong with a request, so that a client hears of all of it at once.
#[derive(Default)]
pub(crate) struct Validation(Vec<FieldError>);

impl Validation {
    /// The value, if it is good; else what is wrong with it is noted.
    pub(crate) fn field<T, E: Display>(&mut self, pointer: &str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.0.push(FieldError::new(pointer, error))).ok()
    }

    /// The same for a field that may be absent: `Some(None)` is good.
    pub(crate) fn optional<T, E: Display>(&mut self, pointer: &str, parsed: Option<Result<T, E>>) -> Option<Option<T>> {
        self.field(pointer, parsed.transpose())
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.0.is_empty()
    }

    /// The problem with everything that was noted.
    pub(crate) fn into_error(self) -> ApiError {
        ApiError::validation(self.0)
    }
}
