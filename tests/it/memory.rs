//! The main job, from end to end: sign up, log in, chat with memory, come back later, survive a crash.

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(a_chat_remembers_what_was_said, the_next_login_goes_on, memory_outlives_a_kill);

async fn a_chat_remembers_what_was_said(backend: Backend) {
    let server = Installation::new(backend).start().await;
    let ada = server.client().newcomer("ada").await;

    let first = ada.ask("My name is Ada.").await;
    assert_eq!(first.response, "Nice to meet you, Ada.");
    let second = ada.ask("What is my name?").await;
    assert_eq!(second.response, "Your name is Ada.");
    assert_eq!(second.conversation_id, first.conversation_id);
    assert_eq!((first.session_id, second.session_id), (ada.session_id, ada.session_id));

    let turns = ada.turns(first.conversation_id).await;
    let said: Vec<_> =
        turns.iter().map(|turn| (turn.request_question.as_str(), turn.response.as_deref().unwrap())).collect();
    assert_eq!(said, [("My name is Ada.", &*first.response), ("What is my name?", &*second.response)]);
    assert_eq!((turns[0].parent_turn_id, turns[1].parent_turn_id), (None, Some(first.turn_id)));

    let somebody_else = server.client().newcomer("bob").await;
    let answer = somebody_else.ask("What is my name?").await;
    assert!(!answer.response.contains("Ada"), "{}", answer.response);
}

async fn the_next_login_goes_on(backend: Backend) {
    let server = Installation::new(backend).start().await;
    let yesterday = server.client().newcomer("ada").await;
    let told = yesterday.ask("My name is Ada.").await;

    let today = server.client().log_in("ada").await;
    assert_ne!(today.session_id, yesterday.session_id);
    let answer = today.ask("What is my name?").await;
    assert_eq!(answer.response, "Your name is Ada.");
    assert_eq!(answer.conversation_id, told.conversation_id);
    assert_eq!(today.conversations().await, [told.conversation_id]);
}

async fn memory_outlives_a_kill(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let before = server.client().newcomer("ada").await;
    let told = before.ask("My name is Ada.").await;
    server.kill().await;

    let server = installation.start().await;
    let after = server.client().log_in("ada").await;
    let answer = after.ask("What is my name?").await;
    assert_eq!(answer.response, "Your name is Ada.");
    assert_eq!(answer.conversation_id, told.conversation_id);

    // The session and the secret that signed its token were kept, so nobody was thrown out.
    let old_token = before.at(&server);
    assert_eq!(old_token.ask("What is my name?").await.response, "Your name is Ada.");
}
