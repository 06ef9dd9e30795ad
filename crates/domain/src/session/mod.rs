//! Sessions: logging in, who is talking, logging out.
//!
//! An access token is only a claim; what counts is the session's row, which every request looks up. So a
//! logout takes effect at once, however long the token would still be valid.

mod authenticate;
mod login;
mod model;
mod repository;
mod token;
mod watch;

pub use authenticate::{AuthenticateError, AuthenticationService};
pub use login::{Credentials, LoggedIn, LoginError, LoginService};
pub use model::{Client, EndReason, NewSession, Principal, Session, SessionState};
pub use repository::SessionRepository;
pub use token::{AccessClaims, AccessToken, TokenError, TokenIssuer};
pub use watch::SessionWatch;

#[cfg(feature = "mock")]
pub use {repository::MockSessionRepository, token::MockTokenIssuer, watch::MockSessionWatch};
