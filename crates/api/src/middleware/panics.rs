use std::panic::AssertUnwindSafe;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use futures_util::FutureExt;

use crate::error::ApiError;

/// Layer: a handler that panics costs one request, which is answered with 500, and not the connection.
///
/// It lies around a single resource: further out, actix-web needs the request for itself until it has found the route.
pub(crate) async fn survive_panic(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let kept = request.request().clone();
    // Nothing of what the handler held is looked at again, so it does not matter in what state it was left.
    match AssertUnwindSafe(async { next.call(request).await }).catch_unwind().await {
        Ok(outcome) => outcome.map(ServiceResponse::map_into_boxed_body),
        Err(_) => Ok(ServiceResponse::from_err(ApiError::internal().because("a handler panicked"), kept)),
    }
}
