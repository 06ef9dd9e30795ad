//! The route table. One endpoint, one file: what it takes, what it gives, and how it is documented.

pub(crate) mod admin;
mod asking;
pub(crate) mod chat;
pub(crate) mod conversations;
pub(crate) mod docs;
pub(crate) mod healthz;
pub(crate) mod index;
pub(crate) mod introspect;
pub(crate) mod jwks;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod me;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod openapi_json;
pub(crate) mod readyz;
pub(crate) mod revoke;
pub(crate) mod token;
pub(crate) mod turns;
pub(crate) mod users;
pub(crate) mod version;
pub(crate) mod ws;
pub(crate) mod ws_tickets;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use crate::endpoint::Endpoint;
use crate::error::ApiError;

/// Every path there is. Whatever a handler takes an `extract::Caller` for needs authentication.
pub(crate) fn table(config: &mut ServiceConfig) {
    config
        // Accounts and tokens
        .service(Endpoint::at("/token").post(token::issue))
        .service(Endpoint::at("/revoke").post(revoke::revoke))
        .service(Endpoint::at("/introspect").post(introspect::introspect))
        .service(Endpoint::at("/login").post(login::login))
        .service(Endpoint::at("/logout").get(logout::logout_browser).post(logout::logout))
        .service(Endpoint::at("/.well-known/jwks.json").get(jwks::jwks))
        .service(Endpoint::at("/api/v1/users").post(users::register))
        .service(Endpoint::at("/api/v1/me").get(me::me).patch(me::change).delete(me::delete))
        .service(Endpoint::at("/api/v1/me/reauth").post(me::reauth))
        .service(Endpoint::at("/api/v1/me/password").post(me::change_password))
        .service(Endpoint::at("/api/v1/me/sessions").get(me::sessions::list).delete(me::sessions::end_others))
        .service(Endpoint::at("/api/v1/me/sessions/{id}").delete(me::sessions::end))
        .service(Endpoint::at("/api/v1/me/api-keys").get(me::api_keys::list).post(me::api_keys::create))
        .service(Endpoint::at("/api/v1/me/api-keys/{id}").delete(me::api_keys::revoke))
        .service(Endpoint::at("/api/v1/me/usage").get(me::usage::usage))
        .service(Endpoint::at("/api/v1/me/export").post(me::exports::start))
        .service(Endpoint::at("/api/v1/me/exports").get(me::exports::list))
        .service(Endpoint::at("/api/v1/me/exports/{id}").get(me::exports::find))
        .service(Endpoint::at("/api/v1/me/exports/{id}/download").get(me::exports::download))
        // Administration
        .service(Endpoint::at("/api/v1/admin/users").get(admin::users::list).post(admin::create_user::create))
        .service(Endpoint::at("/api/v1/admin/users/{id}").get(admin::users::find).patch(admin::change_user::change))
        .service(
            Endpoint::at("/api/v1/admin/users/{id}/sessions")
                .get(admin::user_sessions::list)
                .delete(admin::user_sessions::end),
        )
        .service(Endpoint::at("/api/v1/admin/audit-events").get(admin::audit_events::list))
        // Chat
        .service(Endpoint::at("/chat").post(chat::ask))
        .service(Endpoint::at("/api/v1/conversations").get(conversations::list).post(conversations::create))
        .service(Endpoint::at("/api/v1/conversations/{id}").get(conversations::find))
        .service(Endpoint::at("/api/v1/conversations/{id}/turns").get(conversations::turns).post(conversations::ask))
        .service(Endpoint::at("/api/v1/turns/{id}").get(turns::find))
        .service(Endpoint::at("/api/v1/turns/{id}/events").get(turns::events))
        .service(Endpoint::at("/api/v1/turns/{id}/cancel").post(turns::cancel))
        .service(Endpoint::at("/api/v1/ws").get(ws::connect))
        .service(Endpoint::at("/api/v1/ws-tickets").post(ws_tickets::create))
        .service(Endpoint::at("/api/v1/models").get(models::models))
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
