//! The `OpenAPI` document, made up of the handlers' annotations.

mod parameters;
mod responses;

use utoipa::openapi::security::{Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::error::{FieldError, Problem, TokenProblem};
use crate::routes;

pub(crate) use parameters::ListParameters;
pub(crate) use responses::{
    Conflict, EngineFailures, Failures, Forbidden, Gone, InternalError, InvalidQuery, JsonBody, Missing, NotReady,
    Unauthenticated,
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
        routes::logout::logout,
        routes::users::register,
        routes::me::me,
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
