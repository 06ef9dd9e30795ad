use std::str::FromStr;

use actix_web::web;

use crate::error::ApiError;

/// The id in the path. What is no id names nothing, so it is the same 404 as an id that names nothing.
///
/// Handlers call it once they know their caller: to others every path below is 401.
pub(crate) fn named_id<Id: FromStr>(path: &web::Path<String>) -> Result<Id, ApiError> {
    path.parse().map_err(|_| ApiError::not_found())
}
