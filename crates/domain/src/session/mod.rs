//! Sessions: logging in, who is talking, logging out.
//!
//! An access token is only a claim; what counts is the session's row, which every request looks up. So a
//! logout takes effect at once, however long the token would still be valid.

mod authenticate;
mod confirm;
mod ending;
mod introspection;
mod login;
mod model;
mod opaque;
mod refresh;
mod repository;
mod ticket;
mod token;
mod watch;

pub use authenticate::{AuthenticateError, AuthenticationService};
pub use confirm::{ConfirmError, ConfirmationService};
pub use ending::SessionService;
pub use introspection::{Introspection, IntrospectionService, TokenKind};
pub use login::{Credentials, LoggedIn, LoggedInBrowser, LoginError, LoginPorts, LoginService};
pub use model::{Client, EndReason, Lifetimes, NewSession, Session, SessionEntry, SessionPolicy, SessionState};
pub use opaque::{OpaqueTokens, TokenHash};
pub use refresh::{RefreshError, RefreshService, Refreshed};
pub use repository::{Exchange, RefreshToken, Rotation, SessionRepository};
pub use ticket::{NewTicket, Ticket, TicketRepository, TicketService};
pub use token::{AccessClaims, AccessToken, TokenError, TokenIssuer, VerifiedToken};
pub use watch::CredentialWatch;

#[cfg(feature = "mock")]
pub use {
    opaque::MockOpaqueTokens, repository::MockSessionRepository, ticket::MockTicketRepository, token::MockTokenIssuer,
    watch::MockCredentialWatch,
};
