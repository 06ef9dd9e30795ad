//! `kill -9` of PostgreSQL under load (R1): nothing that was acknowledged is lost, and nothing is there twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::client::{Caller, Question};
use crate::support::installation::Installation;
use crate::support::outcomes::{Asked, Outcome, judge, judge_conversation};
use crate::support::postgres::PostgresServer;
use crate::support::reply::Reply;
use crate::support::scale::scaled;
use crate::support::waiting::within_patience;

/// How soon after PostgreSQL takes connections almost everything must go well again.
const RECOVERY: Duration = Duration::from_secs(5);

static STOP: AtomicBool = AtomicBool::new(false);

/// One attempt at a question.
struct Attempt {
    begun: Instant,
    reply: reqwest::Result<Reply>,
}

#[tokio::test]
async fn r1_no_acknowledged_turn_is_lost_when_postgres_is_killed() {
    let mut postgres = PostgresServer::start().await;
    let installation = Installation::on(&postgres).answering(4, 20);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let conversations = ada.new_conversations(scaled(20)).await;

    let (report, mut attempts) = unbounded_channel();
    let mut chats = JoinSet::new();
    for (number, conversation) in conversations.iter().enumerate() {
        let repeats = number % 2 == 0;
        chats.spawn(chat(ada.clone(), *conversation, repeats, report.clone()));
    }
    drop(report);
    let chats_count = conversations.len();
    let (mut seen, mut ok, mut failed) = (Vec::new(), 0, 0);
    while ok < 2 * chats_count {
        ok += usize::from(next(&mut attempts, &mut seen).await);
    }
    postgres.kill();
    while failed < 2 * chats_count {
        failed += usize::from(!next(&mut attempts, &mut seen).await);
    }
    postgres.start_again().await;

    let healed = Instant::now();
    let (mut after, mut good, mut back) = (0, 0, None);
    while after < 5 * chats_count {
        let is_ok = next(&mut attempts, &mut seen).await;
        if is_ok && seen.last().is_some_and(|attempt: &Attempt| attempt.begun > healed) {
            back.get_or_insert(healed.elapsed());
        }
        if seen.last().is_some_and(|attempt: &Attempt| attempt.begun > healed + RECOVERY) {
            after += 1;
            good += usize::from(is_ok);
        }
    }
    assert!(good * 100 >= after * 99, "of {after} requests {good} went well");
    STOP.store(true, Ordering::Relaxed);
    let asked: Vec<Asked> =
        within_patience("the end of all chats", chats.join_all()).await.into_iter().flatten().collect();

    // Nobody was told anything but an answer, or to come back.
    for Attempt { reply, .. } in seen.iter().filter(|attempt| !is_ok(attempt)) {
        let reply = reply.as_ref().unwrap_or_else(|error| panic!("a connection broke: {error}"));
        reply.problem(503, "store_unavailable");
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
    }
    let mut stored = Vec::new();
    for conversation in conversations {
        let turns = ada.settled_turns(conversation).await;
        judge_conversation(&turns);
        stored.extend(turns);
    }
    judge(&asked, &stored);
    let repeated = asked.iter().filter(|asked| asked.question.contains("repeated"));
    assert!(repeated.clone().all(|asked| asked.outcome.is_ok()), "their keys settled them");
    assert!(asked.iter().any(|asked| !asked.outcome.is_ok()), "the kill came while answers were being made");
    println!(
        "R1: {} questions in {} requests, answers again after {back:?}, {good} of {after} after {RECOVERY:?}",
        asked.len(),
        seen.len()
    );
}

fn is_ok(attempt: &Attempt) -> bool {
    attempt.reply.as_ref().is_ok_and(|reply| reply.status == 200)
}

/// Takes the next attempt, and says whether it went well.
async fn next(attempts: &mut UnboundedReceiver<Attempt>, seen: &mut Vec<Attempt>) -> bool {
    let attempt = within_patience("an answer or a refusal", attempts.recv()).await.expect("the chats go on");
    let is_ok = is_ok(&attempt);
    seen.push(attempt);
    is_ok
}

/// One question after the other. Whoever repeats asks again with the same key until there is an answer; the others
/// leave it at that and ask something else.
async fn chat(caller: Caller, conversation: Uuid, repeats: bool, report: UnboundedSender<Attempt>) -> Vec<Asked> {
    let mut asked = Vec::new();
    let manner = if repeats { "repeated" } else { "once" };
    for number in 1.. {
        let text = format!("{manner}: question {number} of {conversation}");
        let question = Question::from(text.as_str()).in_conversation(conversation).with_key(&text.replace(' ', "-"));
        let outcome = loop {
            let begun = Instant::now();
            let reply = caller.try_send(question.clone()).await;
            let is_busy = reply.as_ref().is_ok_and(|reply| reply.status == 409);
            let outcome = Outcome::of(&reply);
            if is_busy {
                // An earlier question of this conversation, whose asker was told to come back, is still being ended.
                continue;
            }
            report.send(Attempt { begun, reply }).unwrap();
            if outcome.is_ok() || !repeats {
                break outcome;
            }
        };
        asked.push(Asked { question: text, outcome });
        if STOP.load(Ordering::Relaxed) {
            return asked;
        }
    }
    asked
}
