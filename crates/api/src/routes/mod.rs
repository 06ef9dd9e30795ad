//! The route table. One endpoint, one file: what it takes, what it gives, and how it is documented.

mod asking;
pub(crate) mod chat;
pub(crate) mod conversations;
pub(crate) mod docs;
pub(crate) mod healthz;
pub(crate) mod index;
pub(crate) mod logout;
pub(crate) mod me;
pub(crate) mod metrics;
pub(crate) mod openapi_json;
pub(crate) mod readyz;
pub(crate) mod token;
pub(crate) mod turns;
pub(crate) mod users;
pub(crate) mod version;
pub(crate) mod ws;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use crate::endpoint::Endpoint;
use crate::error::ApiError;

/// Every path there is. Whatever a handler takes an `extract::Caller` for needs authentication.
pub(crate) fn table(config: &mut ServiceConfig) {
    config
        // Accounts and tokens
        .service(Endpoint::at("/token").post(token::issue))
        .service(Endpoint::at("/logout").post(logout::logout))
        .service(Endpoint::at("/api/v1/users").post(users::register))
        .service(Endpoint::at("/api/v1/me").get(me::me))
        // Chat
        .service(Endpoint::at("/chat").post(chat::ask))
        .service(Endpoint::at("/api/v1/conversations").get(conversations::list).post(conversations::create))
        .service(Endpoint::at("/api/v1/conversations/{id}").get(conversations::find))
        .service(Endpoint::at("/api/v1/conversations/{id}/turns").get(conversations::turns).post(conversations::ask))
        .service(Endpoint::at("/api/v1/turns/{id}").get(turns::find))
        .service(Endpoint::at("/api/v1/turns/{id}/events").get(turns::events))
        .service(Endpoint::at("/api/v1/turns/{id}/cancel").post(turns::cancel))
        .service(Endpoint::at("/api/v1/ws").get(ws::connect))
        // Operations
        .service(Endpoint::at("/healthz").get(healthz::healthz))
        .service(Endpoint::at("/readyz").get(readyz::readyz))
        .service(Endpoint::at("/version").get(version::version))
        .service(Endpoint::at("/metrics").get(metrics::metrics))
        // Documentation
        .service(Endpoint::at("/").get(index::index))
        .service(Endpoint::at("/openapi.json").get(openapi_json::openapi_json))
        .service(Endpoint::at("/docs").get(docs::redirect))
        .service(Endpoint::at("/docs/{file:.*}").get(docs::file))
        .default_service(web::to(nothing));
}

async fn nothing() -> Result<HttpResponse, ApiError> {
    Err(ApiError::not_found())
}
