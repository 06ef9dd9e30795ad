//! An engine that gives nothing: a problem, a turn that says so, and a key that may be tried again.

use crate::support::client::Question;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(a_question_that_got_no_answer_may_be_asked_again);

async fn a_question_that_got_no_answer_may_be_asked_again(backend: Backend) {
    let installation = Installation::new(backend);
    let failing = installation.clone().set("engine.kind", "scripted").set("engine.scripted.fail_after", 0);
    let server = failing.start().await;
    let ada = server.client().newcomer("ada").await;
    let question = Question::from("My name is Ada.").with_key("k");

    let mut failed = Vec::new();
    for _ in 0..2 {
        let reply = ada.send(question.clone()).await;
        let problem = reply.problem(503, "engine_unavailable");
        let turn = ada.turn(problem.turn_id.unwrap()).await;
        assert_eq!((turn.status.as_str(), turn.failure.as_deref()), ("failed", Some("engine_unavailable")));
        assert_eq!((turn.request_question.as_str(), turn.response), ("My name is Ada.", None));
        failed.push(turn.id);
    }
    server.kill().await;

    // The same key again, now that the engine answers.
    let server = installation.start().await;
    let ada = ada.at(&server);
    let reply = ada.send(question).await;
    assert!(!reply.is_replayed());
    let answer = reply.answer();
    assert_eq!(answer.response, "Nice to meet you, Ada.");
    let turns: Vec<_> =
        ada.turns(answer.conversation_id).await.into_iter().map(|turn| (turn.id, turn.status)).collect();
    let expected = [(failed[0], "failed"), (failed[1], "failed"), (answer.turn_id, "completed")];
    assert_eq!(turns, expected.map(|(id, status)| (id, status.to_owned())));
}
