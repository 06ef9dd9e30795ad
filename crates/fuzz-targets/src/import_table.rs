//! A table of accounts: a line is taken whole or refused by name, and what is said of it tells no hash.

use domain::id::UserId;
use domain::user::{Email, Username};
use infra::account_table::{AccountTable, Line};
use uuid::Uuid;

/// Shorter texts may well be words of a rule.
const TELLING: usize = 12;

/// Tries the bytes as a file.
pub fn run(data: &[u8]) {
    let mut table = match AccountTable::begin(data) {
        Ok(table) => table,
        Err(error) => return assert!(!error.to_string().is_empty() && !error.next().is_empty()),
    };
    let mut last = 1;
    loop {
        match table.next_line() {
            Ok(Some((number, line))) => {
                assert!(number > last, "line {number} after line {last}");
                last = number;
                if let Line::Record(record) = line {
                    parse(record);
                }
            }
            Ok(None) => break,
            Err(error) => return assert!(!error.to_string().is_empty()),
        }
    }
    let lines = data.split(|byte| *byte == b'\n').count() as u64;
    assert!(last <= lines, "line {last} of {lines}");
}

fn parse(record: domain::user::AccountRecord) {
    let (username, email, hash) = (record.username.clone(), record.email.clone(), record.hash.clone());
    assert!(!format!("{record:?}").contains(&hash) || hash.len() < TELLING);
    match record.parse(UserId::from_uuid(Uuid::from_u128(1)), |_| Ok(())) {
        Ok(account) => {
            assert_eq!(account.user.username.as_str(), username);
            assert_eq!(account.user.email.as_str(), email.to_lowercase());
            assert_eq!(account.user.hashed_password.expose(), hash);
            // What was taken can be read again from a store.
            assert!(Username::try_from(account.user.username.to_string()).is_ok());
            assert!(Email::try_from(account.user.email.to_string()).is_ok(), "{:?}", account.user.email);
        }
        Err(rules) => {
            assert!(!rules.is_empty());
            for (_, rule) in rules {
                let told = rule.to_string();
                assert!(!told.is_empty() && (hash.len() < TELLING || !told.contains(&hash)), "{told}");
            }
        }
    }
}
