use actix_web::http::StatusCode;

macro_rules! codes {
    ($($variant:ident = $name:literal, $status:ident, $title:literal;)+) => {
        /// Every error code that can be sent. Codes are stable; the title says what each means, and docs/ERRORS.md
        /// what to do about it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode {
            $($variant),+
        }

        impl ErrorCode {
            /// All of them, by status.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as it is sent.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            /// The status that it is sent with.
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status),+
                }
            }

            /// What went wrong, in a few words that never change.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title),+
                }
            }

            /// A URI that names the kind of problem (RFC 9457 §3.1.1).
            pub(crate) const fn problem_type(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("urn:colloquy:problem:", $name)),+
                }
            }
        }
    };
}

codes! {
    MalformedJson = "malformed_json", BAD_REQUEST, "The body is not JSON";
    InvalidRequest = "invalid_request", BAD_REQUEST, "The request is not valid";
    InvalidIdempotencyKey = "invalid_idempotency_key", BAD_REQUEST, "The Idempotency-Key is not valid";
    InvalidGrant = "invalid_grant", BAD_REQUEST, "The credentials are wrong";
    UnsupportedGrantType = "unsupported_grant_type", BAD_REQUEST, "The grant type is not supported";
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Authentication is required";
    InvalidToken = "invalid_token", UNAUTHORIZED, "The access token is not valid";
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "The credentials are wrong";
    Forbidden = "forbidden", FORBIDDEN, "The caller may not do this";
    ReauthRequired = "reauth_required", FORBIDDEN, "The password must be given again";
    WrongPassword = "wrong_password", FORBIDDEN, "The password is wrong";
    CrossSite = "cross_site", FORBIDDEN, "The request comes from another site";
    RegistrationClosed = "registration_closed", FORBIDDEN, "Registration is closed";
    NotFound = "not_found", NOT_FOUND, "Not found";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The method is not allowed here";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request took too long";
    UsernameTaken = "username_taken", CONFLICT, "The username is taken";
    EmailTaken = "email_taken", CONFLICT, "The e-mail address is taken";
    LastAdmin = "last_admin", CONFLICT, "It is the last administrator";
    ExportNotReady = "export_not_ready", CONFLICT, "The export cannot be had";
    ConversationBusy = "conversation_busy", CONFLICT, "The conversation is busy";
    TurnInProgress = "turn_in_progress", CONFLICT, "The request is in progress";
    IdempotencyKeyGone = "idempotency_key_gone", GONE, "The key's turn is gone";
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The media type is not supported";
    ValidationFailed = "validation_failed", UNPROCESSABLE_ENTITY, "The request has invalid fields";
    UnknownModel = "unknown_model", UNPROCESSABLE_ENTITY, "There is no such model";
    ConversationRequired = "conversation_required", UNPROCESSABLE_ENTITY, "A conversation must be named";
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The key was used for another request";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests";
    TooManyStreams = "too_many_streams", TOO_MANY_REQUESTS, "Too many answers at once";
    QuotaExceeded = "quota_exceeded", TOO_MANY_REQUESTS, "The quota is used up";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error";
    EngineError = "engine_error", BAD_GATEWAY, "The engine failed";
    EngineUnavailable = "engine_unavailable", SERVICE_UNAVAILABLE, "The engine is not available";
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE, "The store is not available";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "The server is overloaded";
    Draining = "draining", SERVICE_UNAVAILABLE, "The server is stopping";
    EngineTimeout = "engine_timeout", GATEWAY_TIMEOUT, "The engine did not answer in time";
}
