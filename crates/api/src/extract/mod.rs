//! What handlers take out of a request.

mod body;
mod caller;
mod choice;
mod client;
pub(crate) mod cross_site;
mod form;
mod idempotency;
mod json;
mod page;
mod pairs;
mod path;
pub(crate) mod permission;
pub(crate) mod session_cookie;
mod usage;
mod validation;

pub(crate) use body::{Body, MediaType};
pub use caller::bearer_credentials;
pub(crate) use caller::{Caller, SUBPROTOCOL, SocketCaller, bearer_token};
pub(crate) use choice::{on_busy, on_disconnect};
pub use client::TrustedProxies;
pub(crate) use client::client_of;
pub(crate) use form::Form;
pub(crate) use idempotency::idempotency_claim;
pub(crate) use json::parse_json;
pub(crate) use page::ListQuery;
pub(crate) use pairs::unique_keys;
pub(crate) use path::named_id;
pub(crate) use usage::{GroupBy, UsageQuery};
pub(crate) use validation::Validation;

use actix_web::HttpRequest;
use actix_web::web::Data;

use crate::error::ApiError;

/// What [`crate::configure`] registered.
pub(crate) fn registered<T: ?Sized + 'static>(request: &HttpRequest) -> Result<&Data<T>, ApiError> {
    let missing = || ApiError::internal().because(format!("{} is not registered", std::any::type_name::<T>()));
    request.app_data::<Data<T>>().ok_or_else(missing)
}
