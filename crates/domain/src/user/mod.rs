//! Accounts.

mod email;
mod hasher;
mod model;
mod password;
mod registration;
mod repository;
mod service;
mod username;

pub use email::{Email, InvalidEmail};
pub use hasher::{HashError, HashedPassword, PasswordHasher, Verification};
pub use model::{InvalidRole, NewUser, Role, User};
pub use password::{InvalidPassword, Password};
pub use registration::{NewAccount, RegisterError, RegistrationService};
pub use repository::{CreateUserError, UserRepository};
pub use service::AccountService;
pub use username::{InvalidUsername, Username};

#[cfg(feature = "mock")]
pub use {hasher::MockPasswordHasher, repository::MockUserRepository};
