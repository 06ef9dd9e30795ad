use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use domain::id::IdGenerator;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a request is called in its response and in the log.
#[derive(Clone, Debug)]
pub struct RequestId(String);

impl RequestId {
    /// 1 to 128 characters that are safe in a header, a log and a URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the client, or a proxy in front, calls the request; if that is not well-formed it counts for nothing.
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let id = headers.get(X_REQUEST_ID)?.to_str().ok()?;
        let is_sound =
            (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:+/=@".contains(&b));
        is_sound.then(|| Self(id.to_owned()))
    }
}

/// Layer: gives the request its [`RequestId`]. It must lie outside of the others, which read it.
pub async fn identify<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let id = RequestId::from_headers(request.headers()).or_else(|| {
        let ids = request.app_data::<Data<dyn IdGenerator>>()?;
        Some(RequestId(ids.next().to_string()))
    });
    if let Some(id) = id {
        request.extensions_mut().insert(id);
    }
    next.call(request).await
}
