use std::fmt::Display;

use crate::error::{ApiError, FieldError};

/// Collects what is wrong with a request, so that a client hears of all of it at once.
#[derive(Default)]
pub(crate) struct Validation(Vec<FieldError>);

/// Stands in for a value that was not good; why has been noted.
#[derive(Clone, Copy)]
pub(crate) struct Noted;

impl Validation {
    /// The value, if it is good.
    pub(crate) fn field<T, E: Display>(&mut self, pointer: &str, parsed: Result<T, E>) -> Result<T, Noted> {
        parsed.map_err(|error| self.refuse(pointer, error))
    }

    /// The same for a field that may be absent.
    pub(crate) fn optional<T, E: Display>(
        &mut self,
        pointer: &str,
        parsed: Option<Result<T, E>>,
    ) -> Result<Option<T>, Noted> {
        self.field(pointer, parsed.transpose())
    }

    pub(crate) fn refuse(&mut self, pointer: &str, message: impl Display) -> Noted {
        self.0.push(FieldError::new(pointer, message));
        Noted
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.0.is_empty()
    }

    /// The problem with everything that was noted.
    pub(crate) fn into_error(self) -> ApiError {
        ApiError::validation(self.0)
    }
}
