use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDateTime, SubsecRound, Utc};

use super::{
    CreateUserError, Email, HashedPassword, ImportedUser, InvalidEmail, InvalidUsername, NewUser, PasswordHasher, Role,
    UnusableHash, User, UserRepository, Username,
};
use crate::Unexpected;
use crate::audit::{AuditKind, AuditTrail, Origin};
use crate::id::{IdGenerator, UserId};

/// An account of another system, as its table has it.
#[derive(Clone, Default)]
pub struct AccountRecord {
    /// The name.
    pub username: String,
    /// The address.
    pub email: String,
    /// The hash of the password, in a format that [`PasswordHasher::accepts`].
    pub hash: String,
    /// `true`, `t` or `1`; `false`, `f` or `0`.
    pub is_active: String,
    /// RFC 3339, or `YYYY-MM-DD HH:MM:SS[.ffffff]`, which is taken as UTC.
    pub account_created: String,
    /// The same, or nothing.
    pub last_login: String,
}

/// It is never printed: where columns were mixed up, any field may hold the hash.
impl fmt::Debug for AccountRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountRecord(…)")
    }
}

/// A field of an [`AccountRecord`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountField {
    /// [`AccountRecord::username`]
    Username,
    /// [`AccountRecord::email`]
    Email,
    /// [`AccountRecord::hash`]
    Hash,
    /// [`AccountRecord::is_active`]
    IsActive,
    /// [`AccountRecord::account_created`]
    AccountCreated,
    /// [`AccountRecord::last_login`]
    LastLogin,
}

impl AccountField {
    /// Every field there is.
    pub const ALL: [Self; 6] =
        [Self::Username, Self::Email, Self::Hash, Self::IsActive, Self::AccountCreated, Self::LastLogin];

    /// The name of its column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::Email => "email",
            Self::Hash => "hash",
            Self::IsActive => "is_active",
            Self::AccountCreated => "account_created",
            Self::LastLogin => "last_login",
        }
    }
}

/// The rule that a field of a record breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenRule {
    /// It is no username.
    #[error(transparent)]
    Username(#[from] InvalidUsername),
    /// It is no address.
    #[error(transparent)]
    Email(#[from] InvalidEmail),
    /// It is no hash that can be used.
    #[error(transparent)]
    Hash(#[from] UnusableHash),
    /// It is neither yes nor no.
    #[error("must be true, t or 1, or false, f or 0")]
    Flag,
    /// It is no time.
    #[error("must be a time of the years 1970 to 9999 like 2026-01-31T12:00:00Z or 2026-01-31 12:00:00")]
    Time,
    /// Another account has it.
    #[error("is taken")]
    Taken,
}

/// Why an account was not taken over. Nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Fields break their rules; each that does is named.
    #[error("fields of the record break their rules")]
    Refused(Vec<(AccountField, BrokenRule)>),
    /// The store failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

impl AccountRecord {
    /// The account that the record tells of, or every rule that it breaks. `accepts` says whether a hash can be used.
    pub fn parse(
        self,
        id: UserId,
        accepts: impl FnOnce(&HashedPassword) -> Result<(), UnusableHash>,
    ) -> Result<ImportedUser, Vec<(AccountField, BrokenRule)>> {
        let hashed_password = HashedPassword::new(self.hash);
        let username = Username::try_from(self.username).map_err(BrokenRule::from);
        let email = Email::try_from(self.email).map_err(BrokenRule::from);
        let usable = accepts(&hashed_password).map_err(BrokenRule::from);
        let is_active = flag(&self.is_active);
        let account_created = time(&self.account_created);
        let last_login = if self.last_login.is_empty() { Ok(None) } else { time(&self.last_login).map(Some) };
        match (username, email, usable, is_active, account_created, last_login) {
            (Ok(username), Ok(email), Ok(()), Ok(is_active), Ok(account_created), Ok(last_login)) => {
                let user = NewUser { id, username, email, hashed_password, role: Role::User, account_created };
                Ok(ImportedUser { user, is_active, last_login })
            }
            (username, email, usable, is_active, account_created, last_login) => {
                let rules = [
                    username.err(),
                    email.err(),
                    usable.err(),
                    is_active.err(),
                    account_created.err(),
                    last_login.err(),
                ];
                let broken = AccountField::ALL.into_iter().zip(rules);
                Err(broken.filter_map(|(field, rule)| Some((field, rule?))).collect())
            }
        }
    }
}

fn flag(text: &str) -> Result<bool, BrokenRule> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" => Ok(false),
        _ => Err(BrokenRule::Flag),
    }
}

/// In whole microseconds, as stores keep it.
fn time(text: &str) -> Result<DateTime<Utc>, BrokenRule> {
    let with_offset = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let time = with_offset
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").map(|time| time.and_utc()))
        .map_err(|_| BrokenRule::Time)?;
    if (1970..=9999).contains(&time.year()) { Ok(time.trunc_subsecs(6)) } else { Err(BrokenRule::Time) }
}

/// Use case: taking over the accounts of another system, passwords included. Nobody becomes an administrator by it.
#[derive(Clone)]
pub struct ImportService {
    users: Arc<dyn UserRepository>,
    hasher: Arc<dyn PasswordHasher>,
    ids: Arc<dyn IdGenerator>,
    audit: AuditTrail,
}

impl ImportService {
    /// The use case over these ports.
    pub fn new(
        users: Arc<dyn UserRepository>,
        hasher: Arc<dyn PasswordHasher>,
        ids: Arc<dyn IdGenerator>,
        audit: AuditTrail,
    ) -> Self {
        Self { users, hasher, ids, audit }
    }

    /// Makes the account that the record tells of, and returns it.
    pub async fn import(&self, record: AccountRecord, origin: &Origin) -> Result<User, ImportError> {
        let id = UserId::generate(&*self.ids);
        let account = record.parse(id, |hash| self.hasher.accepts(hash)).map_err(ImportError::Refused)?;
        let event = self.audit.event(AuditKind::UserCreated, origin).about(id).saying("imported");
        self.users.import(account.clone(), event).await?;
        Ok(account.into_user())
    }
}

impl From<CreateUserError> for ImportError {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::UsernameTaken => Self::Refused(vec![(AccountField::Username, BrokenRule::Taken)]),
            CreateUserError::EmailTaken => Self::Refused(vec![(AccountField::Email, BrokenRule::Taken)]),
            CreateUserError::Unexpected(source) => Self::Unexpected(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn record() -> AccountRecord {
        AccountRecord {
            username: "ada".to_owned(),
            email: "Ada@Example.org".to_owned(),
            hash: "$2b$12$salt".to_owned(),
            is_active: "t".to_owned(),
            account_created: "2019-05-06 07:08:09.123456".to_owned(),
            last_login: String::new(),
        }
    }

    fn parse(record: AccountRecord) -> Result<ImportedUser, Vec<(AccountField, BrokenRule)>> {
        record.parse(UserId::from_uuid(Uuid::from_u128(1)), |hash| match hash.expose() {
            "" => Err(UnusableHash::Unknown),
            _ => Ok(()),
        })
    }

    #[test]
    fn a_record_becomes_an_account() {
        let account = parse(record()).unwrap();
        assert_eq!(account.user.email.as_str(), "ada@example.org");
        assert_eq!(account.user.role, Role::User);
        assert_eq!((account.is_active, account.last_login), (true, None));
        assert_eq!(account.user.account_created.to_rfc3339(), "2019-05-06T07:08:09.123456+00:00");
    }

    #[test]
    fn every_broken_rule_is_told() {
        let broken = parse(AccountRecord { username: "a b".to_owned(), ..AccountRecord::default() }).unwrap_err();
        let fields: Vec<&str> = broken.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["username", "email", "hash", "is_active", "account_created"]);
        assert_eq!(broken[2].1, BrokenRule::Hash(UnusableHash::Unknown));
    }

    #[test]
    fn flags_and_times_have_few_forms() {
        for (text, expected) in [("true", true), ("True", true), ("1", true), ("f", false), ("FALSE", false)] {
            assert_eq!(flag(text), Ok(expected));
        }
        for bad in ["", "yes", "2", " true", "tr"] {
            assert_eq!(flag(bad), Err(BrokenRule::Flag), "{bad:?}");
        }
        for good in ["2026-01-31T12:00:00+02:00", "2026-01-31 10:00:00", "2026-01-31 10:00:00.000000"] {
            assert_eq!(time(good).unwrap().timestamp(), 1_769_853_600, "{good}");
        }
        assert_eq!(time("2026-01-31T12:00:00.123456789Z").unwrap().timestamp_subsec_nanos(), 123_456_000);
        for bad in ["", "2026-01-31", "31.01.2026 10:00", "1969-12-31 23:59:59", "+12026-01-31 10:00:00", "1769853600"]
        {
            assert_eq!(time(bad), Err(BrokenRule::Time), "{bad:?}");
        }
    }

    #[test]
    fn a_record_is_never_printed() {
        assert_eq!(format!("{:?}", record()), "AccountRecord(…)");
    }
}
