use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use actix_web::rt::time::timeout;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::{parse_json, registered};
use crate::error::{ApiError, ErrorCode};
use crate::services::ApiSettings;

/// A body that has not been read yet. A handler reads it once it knows who is calling.
pub(crate) struct Body {
    request: HttpRequest,
    payload: Payload,
}

/// What a body may be.
#[derive(Clone, Copy)]
pub(crate) enum MediaType {
    Json,
    Form,
}

impl MediaType {
    const fn essence(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }
}

impl FromRequest for Body {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self { request: request.clone(), payload: payload.take() }))
    }
}

impl Body {
    /// The JSON document in the body.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, ApiError> {
        parse_json(&self.read(MediaType::Json).await?)
    }

    /// The body's bytes, if they are of that type, in UTF-8, not compressed, not too many and not too slow.
    pub(crate) async fn read(mut self, expected: MediaType) -> Result<Bytes, ApiError> {
        let &ApiSettings { max_body_bytes: limit, body_timeout, .. } =
            registered::<ApiSettings>(&self.request)?.as_ref();
        check_media_type(self.request.headers(), expected)?;
        if declared_length(self.request.headers()).is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        timeout(body_timeout, self.receive(limit)).await.map_err(|_| too_slow())?
    }

    async fn receive(&mut self, limit: usize) -> Result<Bytes, ApiError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.payload.next().await {
            let chunk = chunk.map_err(|_| ApiError::new(ErrorCode::InvalidRequest, "The body could not be read."))?;
            if body.len() + chunk.len() > limit {
                return Err(too_large(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

fn check_media_type(headers: &HeaderMap, expected: MediaType) -> Result<(), ApiError> {
    let mut parts = text(headers, &CONTENT_TYPE).unwrap_or_default().split(';').map(str::trim);
    let is_expected = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(expected.essence()));
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
            matches!(charset.trim_matches('"').to_ascii_lowercase().as_str(), "utf-8" | "utf8" | "us-ascii")
        }
        _ => true,
    });
    let is_plain = text(headers, &CONTENT_ENCODING).is_none_or(|coding| coding.eq_ignore_ascii_case("identity"));
    if is_expected && is_utf8 && is_plain {
        return Ok(());
    }
    let detail = format!("The body must be {} in UTF-8, without a content coding.", expected.essence());
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail))
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    text(headers, &CONTENT_LENGTH)?.parse().ok()
}

/// What is not text counts as empty: it can be nothing that is expected.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

fn too_slow() -> ApiError {
    ApiError::new(ErrorCode::RequestTimeout, "The body did not come in time. Send it again, without pauses.")
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(ErrorCode::PayloadTooLarge, format!("The body must not be longer than {limit} bytes."))
}
