//! Accounts.

mod administration;
mod email;
mod hasher;
mod import;
mod model;
mod password;
mod registration;
mod repository;
mod service;
mod username;

pub use administration::{AdministrationError, AdministrationService, Administrator, CreateAccountError};
pub use email::{Email, InvalidEmail};
pub use hasher::{HashError, HashedPassword, PasswordHasher, UnusableHash, Verification};
pub use import::{AccountField, AccountRecord, BrokenRule, ImportError, ImportService};
pub use model::{ImportedUser, InvalidRole, NewUser, Role, User};
pub(crate) use password::guessable;
pub use password::{InvalidPassword, Password};
pub use registration::{NewAccount, RegisterError, RegistrationService};
pub use repository::{CreateUserError, ProfileChange, RightsChange, UserFilter, UserRepository};
pub use service::{AccountService, ChangePasswordError, ChangeProfileError, ProfileWish};
pub use username::{InvalidUsername, Username};

#[cfg(feature = "mock")]
pub use {hasher::MockPasswordHasher, repository::MockUserRepository};
