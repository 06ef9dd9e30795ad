//! The `OpenAPI` document, made up of the handlers' annotations.

mod parameters;
mod responses;

use utoipa::openapi::security::{Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::error::{FieldError, Problem, TokenProblem};
use crate::routes;

pub(crate) use parameters::{ListParameters, UsageParameters};
pub(crate) use responses::{
    Closed, Conflict, CrossSite, EngineFailures, Failures, Forbidden, FormBody, Gone, InternalError, InvalidQuery,
    JsonBody, Missing, NotReady, RateLimited, Unauthenticated,
};

/// The document that `/openapi.json` serves (`OpenAPI` 3.1).
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Colloquy",
        description = "Users, tokens, sessions, conversations and memory in front of any model. Errors are problem \
                       documents (RFC 9457) with a stable `code`.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        routes::token::issue,
        routes::revoke::revoke,
        routes::introspect::introspect,
        routes::login::login,
        routes::logout::logout,
        routes::logout::logout_browser,
        routes::jwks::jwks,
        routes::users::register,
        routes::me::read::me,
        routes::me::change::change,
        routes::me::delete::delete,
        routes::me::exports::start,
        routes::me::exports::list,
        routes::me::exports::find,
        routes::me::exports::download,
        routes::me::reauth::reauth,
        routes::me::password::change_password,
        routes::me::sessions::list,
        routes::me::sessions::end,
        routes::me::sessions::end_others,
        routes::me::api_keys::list,
        routes::me::api_keys::create,
        routes::me::api_keys::revoke,
        routes::me::usage::usage,
        routes::admin::users::list,
        routes::admin::users::find,
        routes::admin::create_user::create,
        routes::admin::change_user::change,
        routes::admin::user_sessions::list,
        routes::admin::user_sessions::end,
        routes::admin::audit_events::list,
        routes::chat::ask,
        routes::conversations::create::create,
        routes::conversations::list::list,
        routes::conversations::find::find,
        routes::conversations::turns::turns,
        routes::conversations::ask::ask,
        routes::turns::find::find,
        routes::turns::events::events,
        routes::turns::cancel::cancel,
        routes::ws::connect,
        routes::ws_tickets::create,
        routes::models::models,
        routes::healthz::healthz,
        routes::readyz::readyz,
        routes::version::version,
        routes::metrics::metrics,
        routes::index::index,
        routes::openapi_json::openapi_json,
    ),
    components(schemas(Problem, TokenProblem, FieldError)),
    tags(
        (name = "accounts", description = "Accounts, logging in and out"),
        (name = "administration", description = "Other people's accounts, and the audit log"),
        (name = "chat", description = "Asking, and reading answers"),
        (name = "conversations", description = "Making and reading conversations"),
        (name = "operations", description = "How the server is, and what it is")
    ),
    modifiers(&TokenSecurity)
)]
struct Document;

/// The two ways into an operation that needs a caller: a token by hand, or the password form of `/token`.
struct TokenSecurity;

impl Modify for TokenSecurity {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
        let password = OAuth2::new([Flow::Password(Password::new("/token", Scopes::new()))]);
        let metrics = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("metrics", SecurityScheme::Http(metrics));
        components.add_security_scheme("login", SecurityScheme::OAuth2(password));
    }
}
