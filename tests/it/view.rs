//! The view `user_sessions`: history for reports, under the column names that they have always used.

use crate::support::database::{Backend, Database};
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(the_view_has_the_classic_columns, the_view_has_a_row_for_each_turn);

const COLUMNS: [&str; 7] =
    ["user_id", "session_id", "request_question", "response", "imageurl", "entry_time", "expiry_timestamp"];

async fn the_view_has_the_classic_columns(backend: Backend) {
    let columns = Database::migrated(backend).texts(match backend {
        Backend::Postgres => {
            "SELECT CAST(column_name AS text) AS value FROM information_schema.columns \
             WHERE table_name = 'user_sessions' ORDER BY ordinal_position"
        }
        Backend::Sqlite => "SELECT name AS value FROM pragma_table_info('user_sessions') ORDER BY cid",
    });
    assert_eq!(columns, COLUMNS.map(|column| Some(column.to_owned())));
}

async fn the_view_has_a_row_for_each_turn(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let answers = [ada.ask("My name is Ada.").await, ada.ask("What is my name?").await];
    let bob = server.client().newcomer("bob").await;
    bob.ask("My name is Bob.").await;

    let database = installation.database();
    let column = |name: &str| {
        database.texts(&format!(
            "SELECT CAST({name} AS text) AS value FROM user_sessions \
             JOIN users ON users.id = user_sessions.user_id WHERE users.username = 'ada' ORDER BY entry_time"
        ))
    };
    let expected = |texts: [&str; 2]| texts.map(|text| Some(text.to_owned()));
    assert_eq!(column("request_question"), expected(["My name is Ada.", "What is my name?"]));
    assert_eq!(column("response"), expected([&answers[0].response, &answers[1].response]));
    assert_eq!(column("session_id"), expected([&ada.session_id.to_string(); 2]));
    assert_eq!(column("imageurl"), [None, None]);

    let count = |condition: &str| {
        database.texts(&format!("SELECT CAST(count(*) AS text) AS value FROM user_sessions WHERE {condition}"))
    };
    assert_eq!(count("expiry_timestamp > entry_time"), [Some("3".to_owned())]);
    let sixty_days = match backend {
        Backend::Postgres => "expiry_timestamp = entry_time + interval '60 days'",
        Backend::Sqlite => "abs(julianday(expiry_timestamp) - julianday(entry_time) - 60) < 0.001",
    };
    assert_eq!(count(sixty_days), [Some("3".to_owned())], "its times are times");
}
