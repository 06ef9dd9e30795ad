//! docs/ERRORS.md lists every code that can be sent, with its status, and no other.

use api::ErrorCode;

const DOCUMENT: &str = include_str!("../../../../docs/ERRORS.md");

/// The rows of the table whose second column is a status: code and status.
fn documented() -> Vec<(String, u16)> {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let (code, status) = (cells.next()?, cells.next()?);
        Some((code.trim_matches('`').to_owned(), status.parse().ok()?))
    })
    .collect()
}

#[test]
fn every_code_is_documented_with_its_status() {
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| (code.as_str().to_owned(), code.status().as_u16())).collect();
    assert_eq!(documented(), codes);
}

#[test]
fn codes_are_unique() {
    let mut codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), ErrorCode::ALL.len());
}
