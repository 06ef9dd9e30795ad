//! The table that accounts are imported from: CSV (RFC 4180) whose first line names the columns.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, Terminator};
use domain::user::{AccountField, AccountRecord};

/// The most bytes between two ends of lines. A quote that is never closed would take in the rest of the file.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// A table that is read line by line, however long it is.
pub struct AccountTable<R> {
    lines: Reader<Leash<R>>,
    left: Rc<Cell<usize>>,
    /// Where in a line each of [`AccountField::ALL`] stands.
    places: [usize; AccountField::ALL.len()],
    line: ByteRecord,
}

/// A line of the table.
pub enum Line {
    /// What it tells.
    Record(AccountRecord),
    /// It has not the form of the others; this is the rule that it breaks.
    Unreadable(&'static str),
}

/// Why the table cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be read.
    #[error("the file cannot be read (line {line}): {error}")]
    Unreadable {
        /// Where.
        line: u64,
        /// Why.
        error: io::Error,
    },
    /// The first line does not name what is needed.
    #[error("the first line does not name the columns of accounts:{}", describe(.missing, .unknown, .repeated))]
    Columns {
        /// Columns that must be there.
        missing: Vec<&'static str>,
        /// Columns that nobody knows.
        unknown: Vec<String>,
        /// Columns that are there more than once.
        repeated: Vec<&'static str>,
    },
}

impl TableError {
    /// What to do about it.
    pub fn next(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "name a CSV file that can be read",
            Self::Columns { .. } => {
                "begin the file with these names in any order: username,email,hash,is_active,account_created,last_login"
            }
        }
    }
}

fn describe(missing: &[&str], unknown: &[String], repeated: &[&str]) -> String {
    let told = |what, names: Vec<String>| match names.as_slice() {
        [] => String::new(),
        names => format!(" {what} {};", names.join(", ")),
    };
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let quoted = unknown.iter().map(|name| format!("{name:.40?}")).collect();
    let all = told("missing", owned(missing)) + &told("unknown", quoted) + &told("repeated", owned(repeated));
    all.trim_end_matches(';').to_owned()
}

impl<R: Read> AccountTable<R> {
    /// Reads the names of the columns. A byte order mark before them is none of theirs.
    pub fn begin(source: R) -> Result<Self, TableError> {
        let left = Rc::new(Cell::new(MAX_LINE_BYTES));
        let source = Leash { source, left: left.clone(), last: b'\n' };
        // Were a return an end too, the reader would take the line feed after it for a part of the next line.
        let end_of_line = Terminator::Any(b'\n');
        let mut lines = ReaderBuilder::new().flexible(true).terminator(end_of_line).from_reader(source);
        let places = places(&without_return(lines.byte_headers().map_err(unreadable)?))?;
        Ok(Self { lines, left, places, line: ByteRecord::new() })
    }

    /// The next line and its number, counted from 1; `None` after the last. Empty lines are passed over.
    pub fn next_line(&mut self) -> Result<Option<(u64, Line)>, TableError> {
        self.left.set(MAX_LINE_BYTES);
        let line = loop {
            if !self.lines.read_byte_record(&mut self.line).map_err(unreadable)? {
                return Ok(None);
            }
            let line = without_return(&self.line);
            if line.len() > 1 || line.iter().any(|field| !field.is_empty()) {
                break line;
            }
        };
        Ok(Some((self.number(), self.read(&line))))
    }

    fn read(&self, line: &ByteRecord) -> Line {
        if line.len() != self.places.len() {
            return Line::Unreadable("must have as many fields as the first line");
        }
        let fields = self.places.map(|place| str::from_utf8(&line[place]).map(str::to_owned));
        match fields {
            [Ok(username), Ok(email), Ok(hash), Ok(is_active), Ok(account_created), Ok(last_login)] => {
                Line::Record(AccountRecord { username, email, hash, is_active, account_created, last_login })
            }
            _ => Line::Unreadable("must be in UTF-8"),
        }
    }

    /// Where the line that was read begins: its own position is that of the empty lines before it, so it is counted
    /// back from its end.
    fn number(&self) -> u64 {
        let within = self.line.iter().flatten().filter(|byte| **byte == b'\n').count() as u64;
        let counted = self.lines.position().line().saturating_sub(within + 1);
        self.line.position().map_or(counted, |before| counted.max(before.line()))
    }
}

fn without_return(line: &ByteRecord) -> ByteRecord {
    let last = line.len().saturating_sub(1);
    line.iter()
        .enumerate()
        .map(|(at, field)| if at == last { field.strip_suffix(b"\r").unwrap_or(field) } else { field })
        .collect()
}

fn places(names: &ByteRecord) -> Result<[usize; AccountField::ALL.len()], TableError> {
    let is_known = |name: &[u8]| AccountField::ALL.iter().any(|field| field.as_str().as_bytes() == name);
    let unknown = names.iter().filter(|name| !is_known(name)).map(|name| String::from_utf8_lossy(name).into_owned());
    let count = |field: &AccountField| names.iter().filter(|name| *name == field.as_str().as_bytes()).count();
    let those_that_are = |wrong: fn(usize) -> bool| {
        let fields = AccountField::ALL.iter().filter(|field| wrong(count(field)));
        fields.map(|field| field.as_str()).collect::<Vec<_>>()
    };
    let (unknown, missing) = (unknown.collect::<Vec<_>>(), those_that_are(|count| count == 0));
    let repeated = those_that_are(|count| count > 1);
    if !unknown.is_empty() || !missing.is_empty() || !repeated.is_empty() {
        return Err(TableError::Columns { missing, unknown, repeated });
    }
    let place = |field: AccountField| names.iter().position(|name| name == field.as_str().as_bytes());
    Ok(AccountField::ALL.map(|field| place(field).unwrap_or_default()))
}

fn unreadable(error: csv::Error) -> TableError {
    let line = error.position().map_or(1, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(error) => TableError::Unreadable { line, error },
        // The others are of readers that decode or count for themselves, which this one does not.
        other => TableError::Unreadable { line, error: io::Error::other(format!("{other:?}")) },
    }
}

/// A source that gives so much and no more, until it is allowed more, and whose last line has an end like the others.
struct Leash<R> {
    source: R,
    left: Rc<Cell<usize>>,
    last: u8,
}

impl<R: Read> Read for Leash<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            let text = format!("a line is longer than {MAX_LINE_BYTES} bytes; perhaps a quote is not closed");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let room = buffer.len().min(left);
        let read = self.source.read(&mut buffer[..room])?;
        self.left.set(left - read);
        match buffer[..read].last() {
            Some(last) => self.last = *last,
            None if self.last != b'\n' && room > 0 => {
                buffer[0] = b'\n';
                self.last = b'\n';
                return Ok(1);
            }
            None => {}
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &str = "username,email,hash,is_active,account_created,last_login\n";

    fn lines(text: impl AsRef<[u8]>) -> Vec<(u64, Line)> {
        let mut table = AccountTable::begin(text.as_ref()).unwrap();
        std::iter::from_fn(|| table.next_line().unwrap()).collect()
    }

    fn refusal(text: &str) -> String {
        AccountTable::begin(text.as_bytes()).err().unwrap().to_string()
    }

    #[test]
    fn columns_are_found_by_name_after_a_byte_order_mark() {
        let text = "\u{feff}last_login,hash,email,username,account_created,is_active\r\nL,H,E,\"U,\"\"1\"\"\",C,A\r\n";
        let lines = lines(text);
        let [(2, Line::Record(record))] = &lines[..] else { panic!("one line") };
        assert_eq!((record.username.as_str(), record.email.as_str()), ("U,\"1\"", "E"));
        assert_eq!((record.hash.as_str(), record.is_active.as_str()), ("H", "A"));
        assert_eq!((record.account_created.as_str(), record.last_login.as_str()), ("C", "L"));
    }

    #[test]
    fn columns_that_are_missing_unknown_or_repeated_are_named() {
        let text = refusal("username,email,hash,is_active,account_created\n");
        assert!(text.ends_with(": missing last_login"), "{text}");
        let text = refusal(&NAMES.replace("email", "mail"));
        assert!(text.ends_with(": missing email; unknown \"mail\""), "{text}");
        let text = refusal(&NAMES.replace("username", "hash,username"));
        assert!(text.ends_with(": repeated hash"), "{text}");
        assert!(refusal("").contains("missing username, email, hash"));
    }

    #[test]
    fn a_line_of_another_form_spoils_no_other() {
        let text =
            [NAMES.as_bytes(), b"a,b,c\n\n1,2,3,4,\"5\n5\",6\n1,2,\xff,4,5,6\n1,2,3,4,5,6,7\n1,2,3,4,5,6"].concat();
        let told = lines(text).into_iter().map(|(number, line)| (number, matches!(line, Line::Record(_))));
        assert_eq!(told.collect::<Vec<_>>(), [(2, false), (4, true), (6, false), (7, false), (8, true)]);
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_fill_the_memory() {
        let endless = NAMES.as_bytes().chain(&b"a,\""[..]).chain(io::repeat(b'x'));
        let mut table = AccountTable::begin(endless).unwrap();
        let error = table.next_line().err().unwrap().to_string();
        assert!(error.contains("quote is not closed"), "{error}");
        let many = NAMES.to_owned() + &"1,2,3,4,5,6\n".repeat(100_000);
        assert_eq!(lines(many).len(), 100_000, "the limit is for each line");
    }
}
