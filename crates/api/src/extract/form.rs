use actix_web::web;
use secrecy::SecretString;

use crate::error::{ApiError, ErrorCode};

/// The parameters of a form. One without a value is taken as not sent, one that is sent twice is an error
/// (RFC 6749 §3.2).
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn parse(form: &[u8]) -> Result<Self, ApiError> {
        let malformed = || ApiError::new(ErrorCode::InvalidRequest, "The form is not well-formed.");
        let form = str::from_utf8(form).map_err(|_| malformed())?;
        let pairs = web::Query::<Vec<(String, String)>>::from_query(form).map_err(|_| malformed())?;
        Ok(Self(pairs.into_inner().into_iter().filter(|(_, value)| !value.is_empty()).collect()))
    }

    pub(crate) fn take(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        let mut values = self.0.iter_mut().filter(|(other, _)| other == name).map(|(_, value)| std::mem::take(value));
        let value = values.next();
        if values.next().is_some() {
            let detail = format!("The parameter {name} is given more than once.");
            return Err(ApiError::new(ErrorCode::InvalidRequest, detail));
        }
        Ok(value)
    }

    pub(crate) fn require(&mut self, name: &str) -> Result<String, ApiError> {
        let missing = || ApiError::new(ErrorCode::InvalidRequest, format!("The parameter {name} is required."));
        self.take(name)?.ok_or_else(missing)
    }

    pub(crate) fn require_secret(&mut self, name: &str) -> Result<SecretString, ApiError> {
        self.require(name).map(SecretString::from)
    }
}
