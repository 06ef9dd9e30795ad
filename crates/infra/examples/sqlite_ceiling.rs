//! The yardstick of the embedded store: the three statements of a turn through the same driver, one commit each.
//!
//! One connection with the settings of the store (WAL, `synchronous=FULL`), since SQLite has one writer anyway.
//! `cargo xtask bench` runs it: `sqlite_ceiling FILE SECONDS` prints turns per second.

use std::env;
use std::error::Error;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use uuid::Uuid;

diesel::table! {
    sessions (session_id) {
        session_id -> Binary,
        user_id -> Integer,
        is_active -> Bool,
    }
}

diesel::table! {
    turns (id) {
        id -> Binary,
        user_id -> Integer,
        session_id -> Binary,
        request_question -> Text,
        response -> Nullable<Text>,
        entry_time -> BigInt,
        expiry_timestamp -> BigInt,
    }
}

const SCHEMA: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS sessions (
        session_id BLOB PRIMARY KEY,
        user_id INTEGER NOT NULL,
        is_active INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS turns (
        id BLOB PRIMARY KEY,
        user_id INTEGER NOT NULL,
        session_id BLOB NOT NULL,
        request_question TEXT NOT NULL,
        response TEXT,
        entry_time INTEGER NOT NULL,
        expiry_timestamp INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS turns_of_session ON turns (session_id, entry_time);
";
const SESSIONS: i32 = 64;
const CONTEXT_TURNS: i64 = 7;
const SIXTY_DAYS: i64 = 60 * 24 * 3600 * 1_000_000;
const QUESTION: &str = "What did I ask you a moment ago, and what is next?";
const ANSWER: &str = "You asked me a moment ago what comes next, and now you ask it again.";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(file), Some(seconds)) = (arguments.next(), arguments.next()) else {
        return Err("usage: sqlite_ceiling FILE SECONDS".into());
    };
    let span = Duration::try_from_secs_f64(seconds.parse()?)?;

    let mut connection = SqliteConnection::establish(&file)?;
    connection.batch_execute(SCHEMA)?;
    for user in 1..=SESSIONS {
        diesel::insert_or_ignore_into(sessions::table)
            .values((
                sessions::session_id.eq(session(user).as_slice()),
                sessions::user_id.eq(user),
                sessions::is_active.eq(true),
            ))
            .execute(&mut connection)?;
    }

    let started = Instant::now();
    let mut done = 0_u32;
    for user in (1..=SESSIONS).cycle() {
        turn(&mut connection, user)?;
        done += 1;
        if started.elapsed() >= span {
            break;
        }
    }
    writeln!(io::stdout(), "{:.2}", f64::from(done) / started.elapsed().as_secs_f64())?;
    Ok(())
}

/// The session with its context is read, the question is committed, then the answer.
fn turn(connection: &mut SqliteConnection, user: i32) -> QueryResult<()> {
    let session = session(user);
    let active: bool = sessions::table.find(session.as_slice()).select(sessions::is_active).first(connection)?;
    if !active {
        return Err(diesel::NotFound);
    }
    let _context: Vec<(String, Option<String>)> = turns::table
        .filter(turns::session_id.eq(session.as_slice()))
        .order(turns::entry_time.desc())
        .limit(CONTEXT_TURNS)
        .select((turns::request_question, turns::response))
        .load(connection)?;
    let id = Uuid::now_v7();
    let now = chrono::Utc::now().timestamp_micros();
    diesel::insert_into(turns::table)
        .values((
            turns::id.eq(id.as_bytes().as_slice()),
            turns::user_id.eq(user),
            turns::session_id.eq(session.as_slice()),
            turns::request_question.eq(QUESTION),
            turns::entry_time.eq(now),
            turns::expiry_timestamp.eq(now + SIXTY_DAYS),
        ))
        .execute(connection)?;
    diesel::update(turns::table.find(id.as_bytes().as_slice())).set(turns::response.eq(ANSWER)).execute(connection)?;
    Ok(())
}

fn session(user: i32) -> [u8; 16] {
    Uuid::from_u128(u128::from(user.unsigned_abs())).into_bytes()
}
