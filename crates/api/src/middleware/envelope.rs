use std::error::Error as _;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use tracing::Span;

use super::RequestId;
use super::hardening::harden;
use super::identify::X_REQUEST_ID;
use crate::error::ApiError;
use crate::services::ApiSettings;

/// Layer: what every response has. Headers, and a problem document (RFC 9457) where a handler ended with an error.
///
/// The reason behind an error is written to the log here, once, and goes nowhere else.
pub async fn envelope(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let request_id = request.extensions().get::<RequestId>().cloned();
    let request_id = request_id.as_ref().map_or("", RequestId::as_str);
    let over_tls = request.app_data::<Data<ApiSettings>>().is_some_and(|settings| settings.browser.is_secure());
    let response = next.call(request).await?.map_into_boxed_body();
    let mut response = match response.response().error() {
        Some(error) => {
            let problem = match error.as_error::<ApiError>() {
                Some(error) => problem(error, &response, request_id),
                None => problem(&ApiError::from_status(response.status()), &response, request_id),
            };
            with_problem(response, problem)
        }
        None => response,
    };
    set_headers(response.headers_mut(), request_id);
    harden(response.headers_mut(), over_tls);
    Ok(response)
}

fn problem(error: &ApiError, response: &ServiceResponse, request_id: &str) -> actix_web::HttpResponse {
    if let Some(turn) = error.turn_id() {
        Span::current().record("turn_id", tracing::field::display(turn));
    }
    if let Some(source) = error.source() {
        tracing::error!(code = error.code().as_str(), error = %Chain(source), "a request failed");
    }
    error.respond(response.request().path(), request_id)
}

/// The response with the problem for its body. What a layer further in has said of it in headers still holds.
fn with_problem(response: ServiceResponse, mut problem: actix_web::HttpResponse) -> ServiceResponse {
    let names: Vec<HeaderName> = problem.headers().keys().cloned().collect();
    for (name, value) in response.headers() {
        if !names.contains(name) {
            problem.headers_mut().append(name.clone(), value.clone());
        }
    }
    response.into_response(problem)
}

fn set_headers(headers: &mut HeaderMap, request_id: &str) {
    if !request_id.is_empty()
        && let Ok(id) = HeaderValue::from_str(request_id)
    {
        headers.insert(X_REQUEST_ID, id);
    }
    // What may be kept says so itself.
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// An error and what caused it, on one line.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
