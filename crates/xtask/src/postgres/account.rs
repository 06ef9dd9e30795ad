//! Whom the server runs as: PostgreSQL refuses to run as root.

use std::fs;

use crate::failure::{Context as _, Failure, Result};
use crate::setup;

/// An unprivileged account of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl Account {
    /// The account to change to, or `None` when we are unprivileged already.
    pub(crate) fn for_server() -> Result<Option<Self>> {
        if !setup::is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").context(|| "cannot read /etc/passwd".into())?;
        let account = ["postgres", "nobody"].iter().find_map(|name| Self::named(name, &accounts));
        account.map(Some).ok_or_else(|| {
            Failure::new(
                "PostgreSQL refuses to run as root, and /etc/passwd has neither `postgres` nor `nobody` to run it as. \
                 Add one (`useradd --system postgres`) or run this as another user.",
            )
        })
    }

    fn named(name: &str, accounts: &str) -> Option<Self> {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (login, _password) = (fields.next()?, fields.next()?);
            let account = Self { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? };
            (login == name).then_some(account)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts =
            "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:8::/:/bin/sh\npostgres:x:101:104:,,,:/:/bin/sh\n";
        assert_eq!(Account::named("postgres", accounts), Some(Account { user: 101, group: 104 }));
        assert_eq!(Account::named("nobody", accounts), None);
    }
}
