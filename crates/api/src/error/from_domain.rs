//! Every error of a use case, and what a client is told of it. No arm catches all: a new error has to be thought of.

use domain::Unexpected;
use domain::api_key::CreateKeyError;
use domain::chat::{AcceptError, AskError, ReadError};
use domain::conversation::{CreateError, Failure};
use domain::erasure::EraseError;
use domain::export::DownloadError;
use domain::page::ListError;
use domain::session::{AuthenticateError, ConfirmError, LoginError, RefreshError, TokenError};
use domain::throttle::{Throttled, TooManyStreams};
use domain::user::{AdministrationError, ChangePasswordError, ChangeProfileError, CreateAccountError, RegisterError};

use super::{ApiError, ErrorCode, FieldError};

impl From<Unexpected> for ApiError {
    fn from(error: Unexpected) -> Self {
        if error.is_unavailable() { Self::store_unavailable().because(error) } else { Self::internal().because(error) }
    }
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Invalid { username, email, password } => Self::validation(
                [
                    username.map(|wrong| FieldError::new("/username", wrong)),
                    email.map(|wrong| FieldError::new("/email", wrong)),
                    password.map(|wrong| FieldError::new("/password", wrong)),
                ]
                .into_iter()
                .flatten()
                .collect(),
            ),
            RegisterError::UsernameTaken => {
                Self::new(ErrorCode::UsernameTaken, "Somebody has that username. Choose another.")
            }
            RegisterError::EmailTaken => {
                Self::new(ErrorCode::EmailTaken, "There is an account with that e-mail address.")
            }
            RegisterError::Throttled(throttled) => throttled.into(),
            RegisterError::Overloaded => Self::overloaded(),
            RegisterError::Unexpected(source) => source.into(),
        }
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::InvalidCredentials => {
                Self::new(ErrorCode::InvalidGrant, "The username or the password is wrong.")
            }
            LoginError::Throttled(throttled) => throttled.into(),
            LoginError::Overloaded => Self::overloaded(),
            LoginError::Unexpected(source) => source.into(),
        }
    }
}

impl From<RefreshError> for ApiError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::InvalidToken => Self::new(
                ErrorCode::InvalidGrant,
                "The refresh token is not valid, or its session has ended. Log in again.",
            ),
            RefreshError::Unexpected(source) => source.into(),
        }
    }
}

impl From<ConfirmError> for ApiError {
    fn from(error: ConfirmError) -> Self {
        match error {
            ConfirmError::WrongPassword => Self::new(ErrorCode::WrongPassword, "That is not your password."),
            ConfirmError::Throttled(throttled) => throttled.into(),
            ConfirmError::Overloaded => Self::overloaded(),
            ConfirmError::Unexpected(source) => source.into(),
        }
    }
}

impl From<ChangeProfileError> for ApiError {
    fn from(error: ChangeProfileError) -> Self {
        match error {
            ChangeProfileError::NotFresh => Self::reauth_required(),
            ChangeProfileError::Invalid { username, email } => {
                RegisterError::Invalid { username, email, password: None }.into()
            }
            ChangeProfileError::Refused(refused) => RegisterError::from(refused).into(),
            // Its session has ended with it.
            ChangeProfileError::Gone => Self::invalid_token(),
        }
    }
}

impl From<ChangePasswordError> for ApiError {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::Current(error) => error.into(),
            ChangePasswordError::Invalid(rule) => Self::validation(vec![FieldError::new("/new_password", rule)]),
            ChangePasswordError::Gone => Self::invalid_token(),
            ChangePasswordError::Unexpected(source) => source.into(),
        }
    }
}

impl From<CreateKeyError> for ApiError {
    fn from(error: CreateKeyError) -> Self {
        match error {
            CreateKeyError::NotFresh => Self::reauth_required(),
            CreateKeyError::Invalid { name, scopes, expires_at } => Self::validation(
                [
                    name.map(|wrong| FieldError::new("/name", wrong)),
                    scopes.map(|wrong| FieldError::new("/scopes", wrong)),
                    expires_at.then(|| FieldError::new("/expires_at", "must lie ahead, and within 366 days")),
                ]
                .into_iter()
                .flatten()
                .collect(),
            ),
            CreateKeyError::Unexpected(source) => source.into(),
        }
    }
}

impl From<AdministrationError> for ApiError {
    fn from(error: AdministrationError) -> Self {
        match error {
            AdministrationError::NotFresh => Self::reauth_required(),
            AdministrationError::NotFound => Self::not_found(),
            AdministrationError::LastAdmin => Self::last_admin(),
            AdministrationError::Password(rule) => Self::validation(vec![FieldError::new("/password", rule)]),
            AdministrationError::Overloaded => Self::overloaded(),
            AdministrationError::Unexpected(source) => source.into(),
        }
    }
}

impl From<EraseError> for ApiError {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::NotFresh => Self::reauth_required(),
            EraseError::LastAdmin => Self::last_admin(),
            // Its session has ended with it.
            EraseError::Gone => Self::invalid_token(),
            EraseError::Unexpected(source) => source.into(),
        }
    }
}

impl From<DownloadError> for ApiError {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::NotFound => Self::not_found(),
            DownloadError::Running => {
                Self::new(ErrorCode::ExportNotReady, "The export is still being written. Its progress can be read.")
            }
            DownloadError::Failed => Self::new(
                ErrorCode::ExportNotReady,
                "The export came to nothing. Ask for another: POST /api/v1/me/export.",
            ),
            DownloadError::Unexpected(source) => source.into(),
        }
    }
}

impl From<CreateAccountError> for ApiError {
    fn from(error: CreateAccountError) -> Self {
        match error {
            CreateAccountError::NotFresh => Self::reauth_required(),
            CreateAccountError::Refused(refused) => refused.into(),
        }
    }
}

impl From<AuthenticateError> for ApiError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Token(TokenError::Expired | TokenError::Invalid(_))
            | AuthenticateError::Ended
            | AuthenticateError::Unknown => {
                tracing::debug!(reason = %error, "a token was refused");
                Self::invalid_token()
            }
            AuthenticateError::Unexpected(source) => source.into(),
        }
    }
}

impl From<Throttled> for ApiError {
    /// Which limit it was is not told: that an account is watched would say that somebody tries its password.
    fn from(Throttled { by: _, retry_after }: Throttled) -> Self {
        Self::new(ErrorCode::RateLimited, "Too much in too short a time. Wait before you try again.")
            .retry_after(1)
            .retry_after_at_least(Some(retry_after))
    }
}

impl From<TooManyStreams> for ApiError {
    fn from(_: TooManyStreams) -> Self {
        let detail = "As many answers are made or read for you as may be at once. Wait until one has ended.";
        Self::new(ErrorCode::TooManyStreams, detail).retry_after(1)
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooManyStreams(error) => error.into(),
            ReadError::Unexpected(source) => source.into(),
        }
    }
}

impl From<ListError> for ApiError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::NotFound => Self::not_found(),
            ListError::UnknownCursor => Self::validation(vec![FieldError::new("/after", "names no row of this list")]),
            ListError::Unexpected(source) => source.into(),
        }
    }
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::UnknownModel => Self::unknown_model(),
            CreateError::Unexpected(source) => source.into(),
        }
    }
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::ConversationNotFound => Self::not_found(),
            AcceptError::ConversationBusy { running } => {
                let detail = "Another turn of this conversation is running. Wait until it has ended.";
                Self::new(ErrorCode::ConversationBusy, detail).with_turn(running).retry_after(1)
            }
            AcceptError::InProgress { running } => {
                let detail = "The request with this Idempotency-Key is still being answered. Wait and repeat it.";
                Self::new(ErrorCode::TurnInProgress, detail).with_turn(running).retry_after(1)
            }
            AcceptError::KeyReused => Self::new(
                ErrorCode::IdempotencyKeyReused,
                "This Idempotency-Key was used for a request with another method, path or body. Use a new key.",
            ),
            AcceptError::KeyGone => Self::new(
                ErrorCode::IdempotencyKeyGone,
                "The turn that this Idempotency-Key made has been deleted or has expired. Use a new key to ask again.",
            ),
            AcceptError::Undecided(source) | AcceptError::Unexpected(source) => source.into(),
        }
    }
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::UnknownModel => Self::unknown_model(),
            AskError::ConversationRequired => {
                Self::new(ErrorCode::ConversationRequired, "A caller without a session must name a conversation.")
                    .with_errors(vec![FieldError::new("/conversation_id", "is required")])
            }
            AskError::QuotaExceeded { retry_after } => {
                let detail = "You have used the tokens that you may have in a day. There are more after midnight, UTC.";
                Self::new(ErrorCode::QuotaExceeded, detail).retry_after_at_least(Some(retry_after))
            }
            AskError::Throttled(throttled) => throttled.into(),
            AskError::TooManyStreams(error) => error.into(),
            AskError::Refused(refusal) => refusal.into(),
            AskError::EngineFailed { turn_id, failure, retry_after } => {
                Self::engine_failed(failure).with_turn(turn_id).retry_after_at_least(retry_after)
            }
            AskError::Unsettled { turn_id, source } => Self::from(source).with_turn(turn_id),
        }
    }
}

impl ApiError {
    pub(crate) fn store_unavailable() -> Self {
        Self::new(ErrorCode::StoreUnavailable, "The store cannot be reached for now. Try again.").retry_after(1)
    }

    fn unknown_model() -> Self {
        Self::new(ErrorCode::UnknownModel, "No engine offers that model.")
            .with_errors(vec![FieldError::new("/model", "must be the name of a model that is offered")])
    }

    fn overloaded() -> Self {
        Self::new(ErrorCode::Overloaded, "Too many passwords are being checked at once. Try again.").retry_after(1)
    }

    pub(crate) fn engine_failed(failure: Failure) -> Self {
        match failure {
            Failure::EngineUnavailable => Self::new(
                ErrorCode::EngineUnavailable,
                "The engine cannot be reached, or has too much to do. The question is stored; ask again later.",
            )
            .retry_after(1),
            Failure::EngineTimeout => Self::new(
                ErrorCode::EngineTimeout,
                "The engine did not answer in time. The question is stored; ask again.",
            ),
            Failure::EngineError => {
                Self::new(ErrorCode::EngineError, "The engine gave no answer. The question is stored; ask again.")
            }
        }
    }
}
