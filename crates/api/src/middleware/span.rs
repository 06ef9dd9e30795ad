use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage};
use tracing::Span;
use tracing::field::Empty;
use tracing_actix_web::RootSpanBuilder;

use super::RequestId;

/// The span of a request, and the line that ends it.
///
/// It holds no header, no query and no text of a message: nothing in it is a secret.
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let extensions = request.extensions();
        tracing::info_span!(
            "request",
            method = request.method().as_str(),
            path = request.path(),
            request_id = extensions.get::<RequestId>().map(RequestId::as_str),
            user_id = Empty,
            turn_id = Empty,
        )
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let status = match outcome {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        tracing::info!(parent: &span, status = status.as_u16(), "request answered");
    }
}
