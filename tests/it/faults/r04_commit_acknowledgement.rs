//! The acknowledgement of a commit is cut (R4): the same key settles what became of it.

use crate::support::client::Question;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::outcomes::{Asked, Outcome, judge, judge_conversation};
use crate::support::proxy::{Afterwards, Proxy};
use crate::support::scale::scaled;
use crate::support::waiting::eventually;

#[tokio::test]
async fn r4_a_commit_that_was_not_acknowledged_is_one_turn_when_the_store_is_back_at_once() {
    cut_acknowledgements(Afterwards::Pass).await;
}

#[tokio::test]
async fn r4_a_commit_that_was_not_acknowledged_is_one_turn_when_the_store_stays_away() {
    cut_acknowledgements(Afterwards::Refuse).await;
}

async fn cut_acknowledgements(afterwards: Afterwards) {
    let installation = Installation::new(Backend::Postgres);
    let (proxy, through) = Proxy::before(installation.database().url());
    let server = installation
        .variable("DATABASE_URL", through)
        // So seldom that it is hardly ever the lease's answer that is lost.
        .set("replica.lease_ms", 30_000)
        .start()
        .await;
    let ada = server.client().newcomer("ada").await;
    let conversation = ada.new_conversation().await;
    ada.ask(Question::from("Is anybody there?").in_conversation(conversation)).await;

    let (mut asked, mut cut) = (Vec::new(), 0);
    for trial in 1..=scaled(100) / 2 {
        let text = format!("trial {trial}");
        let question = Question::from(text.as_str()).in_conversation(conversation).with_key(&format!("key-{trial}"));
        // From here on the server knows who asks: the next that the store says is of the journal.
        assert_eq!(ada.get("/api/v1/me").await.status, 200);
        let lost_before = proxy.answers_lost();
        proxy.lose_the_next_answer_and(afterwards);
        let first = ada.send(question.clone()).await;
        proxy.heal();
        cut += usize::from(proxy.answers_lost() > lost_before);
        if first.status != 200 {
            let problem = first.problem(503, "store_unavailable");
            assert!(first.header("retry-after").is_some() && problem.detail.contains("store"), "{first:?}");
        }
        let settled = eventually("the key settles it", async || {
            let reply = ada.send(question.clone()).await;
            // While the turn of the first attempt runs, or is being ended, the key and its conversation are busy.
            (![503, 409].contains(&reply.status)).then_some(reply)
        })
        .await;
        let answer = settled.answer();
        if first.status == 200 {
            assert!(settled.is_replayed());
            assert_eq!(first.answer().turn_id, answer.turn_id);
        }
        let again = ada.send(question).await;
        assert!(again.is_replayed());
        assert_eq!(again.answer().turn_id, answer.turn_id, "the same turn for ever");
        asked.push(Asked { question: text, outcome: Outcome::of(&Ok(settled)) });
    }
    let turns = ada.settled_turns(conversation).await;
    judge_conversation(&turns);
    judge(&asked, &turns[1..]);
    println!("R4, {afterwards:?}: {cut} acknowledgements cut");
    assert!(cut * 10 >= asked.len() * 9, "only {cut} of {} acknowledgements were cut", asked.len());
    assert_eq!(turns.len(), 1 + asked.len(), "every question is one turn");
}

#[tokio::test]
async fn r4_an_end_that_was_not_acknowledged_is_the_same_turn() {
    let installation = Installation::new(Backend::Postgres)
        .answering(2, 0)
        // Long enough that the turn is seen to run, and short enough that nothing else is stored meanwhile.
        .set("engine.scripted.first_token_ms", 300);
    let (proxy, through) = Proxy::before(installation.database().url());
    let installation = installation.variable("DATABASE_URL", through).set("replica.lease_ms", 30_000);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let (mut asked, mut named) = (Vec::new(), 0);
    for trial in 1..=scaled(10) {
        let text = format!("trial {trial}");
        let question = Question::from(text.as_str()).with_key(&format!("key-{trial}"));
        let lose = async {
            let running = eventually("the turn runs", async || ada.running_turn().await).await;
            proxy.lose_the_next_answer();
            running.id
        };
        let (first, running) = tokio::join!(ada.send(question.clone()), lose);
        proxy.heal();
        if first.status != 200 {
            named += 1;
            assert_eq!(first.problem(503, "store_unavailable").turn_id, Some(running), "it names what it is about");
        }
        let settled = eventually("the key settles it", async || {
            let reply = ada.send(question.clone()).await;
            (![503, 409].contains(&reply.status)).then_some(reply)
        })
        .await;
        assert!(settled.is_replayed());
        assert_eq!(settled.answer().turn_id, running);
        asked.push(Asked { question: text, outcome: Outcome::of(&Ok(settled)) });
    }
    assert!(named > 0, "some ends were lost");
    let [conversation] = ada.conversations().await[..] else { panic!("not one conversation") };
    let turns = ada.settled_turns(conversation).await;
    judge_conversation(&turns);
    judge(&asked, &turns);
    assert_eq!(turns.len(), asked.len(), "nothing was asked twice");
}
