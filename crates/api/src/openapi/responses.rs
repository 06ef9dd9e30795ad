//! The problems that operations have in common.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident { $($status:literal: $description:literal),+ $(,)? })+) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    BTreeMap::from([$(($status.to_owned(), problem($description))),+])
                }
            }
        )+
    };
}

problems! {
    /// Of every operation that needs a caller.
    Unauthenticated { "401": "`unauthenticated`: no token was sent. `invalid_token`: it is not valid any more" }
    /// Of every operation with a JSON body.
    JsonBody {
        "400": "`malformed_json`: the body is not JSON. `invalid_request`: it could not be read",
        "408": "`request_timeout`: the body did not come in time",
        "413": "`payload_too_large`",
        "415": "`unsupported_media_type`: the body is not `application/json` in UTF-8",
        "422": "`validation_failed`: `errors` says which fields are wrong",
    }
    /// Of every list.
    InvalidQuery { "422": "`validation_failed`: `errors` says which parameters are wrong" }
    /// Of every operation on one object.
    Missing { "404": "`not_found`: there is no such object, or it is somebody else's" }
    /// Where the object or its name is in use.
    Conflict { "409": "Something else is in the way; `code` says what" }
    /// Of every operation that not every caller may do.
    Forbidden {
        "403": "`forbidden`: the role or the key does not give the right. `reauth_required`: the password must be given \
                again. `wrong_password`. `cross_site`: a cookie from another site",
    }
    /// Where the operation can be switched off.
    Closed { "403": "`registration_closed`" }
    /// Where a browser must come from this origin.
    CrossSite { "403": "`cross_site`: the request comes from another site" }
    /// Of every operation with a form.
    FormBody {
        "400": "`invalid_request`: a field is missing, or the form is not well-formed",
        "401": "`invalid_credentials`",
        "408": "`request_timeout`: the body did not come in time",
        "413": "`payload_too_large`",
        "415": "`unsupported_media_type`: the body is no form",
    }
    /// Where a key can outlive what it stands for.
    Gone { "410": "`idempotency_key_gone`: the turn that the key made has been deleted or has expired" }
    /// Where one may do so much and no more.
    RateLimited {
        "429": "`rate_limited`, `too_many_streams`, `quota_exceeded`: try again after `Retry-After`. `RateLimit` and `RateLimit-Policy` \
                say, here and in other responses, where one stands",
    }
    /// Of every operation that can fail.
    InternalError { "500": "`internal`" }
    /// Of every operation that needs the store.
    Failures {
        "500": "`internal`",
        "503": "`store_unavailable`, `overloaded`: try again after `Retry-After`",
    }
    /// Of every operation that asks an engine.
    EngineFailures {
        "502": "`engine_error`: the engine gave no answer; `turn_id` is the stored question",
        "503": "`engine_unavailable`, `store_unavailable`, `draining`: try again after `Retry-After`",
        "504": "`engine_timeout`: the engine did not answer in time",
    }
    /// Of the readiness check.
    NotReady { "503": "`store_unavailable`, `draining`" }
}

fn problem(description: &str) -> RefOr<Response> {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    RefOr::T(ResponseBuilder::new().description(description).content("application/problem+json", content).build())
}
