//! Many writers on SQLite, and `kill -9` again and again (R26).

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::client::{Caller, Question};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::outcomes::{Asked, Outcome, Tally, judge, judge_conversation};
use crate::support::scale::scaled;
use crate::support::waiting::within_patience;

const WRITERS: usize = 32;

#[tokio::test]
async fn r26_sqlite_survives_many_writers_and_kills() {
    let installation = Installation::new(Backend::Sqlite).noticing_deaths_soon();
    let mut server = installation.start().await;
    let mut ada = server.client().newcomer("ada").await;
    let conversations = ada.new_conversations(WRITERS).await;

    let (mut asked, mut logs) = (Vec::new(), Vec::new());
    for round in 0..scaled(10) {
        let (acknowledge, mut acknowledged) = unbounded_channel();
        let mut chats = JoinSet::new();
        for conversation in &conversations {
            chats.spawn(chat_until_it_breaks(round, ada.clone(), *conversation, acknowledge.clone()));
        }
        drop(acknowledge);
        // The first round is the long one; of the others each is killed at another time.
        let enough = if round == 0 { scaled(40) * WRITERS } else { WRITERS + 7 * (round % 30) };
        for _ in 0..enough {
            let next = within_patience("an answer", acknowledged.recv()).await;
            next.expect("the chats go on until the server is killed");
        }
        logs.push(server.kill().await.err);
        asked.extend(within_patience("the end of all chats", chats.join_all()).await.into_iter().flatten());
        server = installation.start().await;
        ada = ada.at(&server);
    }

    let mut stored = Vec::new();
    for conversation in &conversations {
        let turns = ada.settled_turns(*conversation).await;
        judge_conversation(&turns);
        stored.extend(turns);
    }
    judge(&asked, &stored);
    let tally = Tally::of(&asked);
    println!("R26: {tally:?} over {} kills", logs.len());
    assert!(tally.unknown > 0, "the kills came while answers were being made");
    logs.push(server.kill().await.err);
    let checked = installation.database().texts("SELECT integrity_check AS value FROM pragma_integrity_check");
    assert_eq!(checked, [Some("ok".to_owned())]);
    let locked: Vec<&str> = logs.iter().flat_map(|log| log.lines()).filter(|line| line.contains("is locked")).collect();
    assert!(locked.is_empty(), "{locked:?}");
}

/// One question after the other until the connection breaks.
async fn chat_until_it_breaks(
    round: usize,
    caller: Caller,
    conversation: Uuid,
    acknowledge: UnboundedSender<()>,
) -> Vec<Asked> {
    let mut asked = Vec::new();
    for number in 1.. {
        let text = format!("question {number} of round {round} in {conversation}");
        let reply = caller.try_send(Question::from(text.as_str()).in_conversation(conversation)).await;
        let outcome = Outcome::of(&reply);
        let broke = reply.is_err();
        if outcome.is_ok() {
            // Once enough have come, nobody counts.
            let _uncounted = acknowledge.send(());
        }
        asked.push(Asked { question: text, outcome });
        if broke {
            break;
        }
    }
    asked
}
