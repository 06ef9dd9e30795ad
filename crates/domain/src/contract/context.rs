//! What [`crate::chat::TurnJournal::accept`] tells of earlier turns.

use futures_util::future::join;

use super::StoreUnderTest;
use super::fixtures::{Asker, HARD_TEXT, answer, at, completed, ttl, valid};
use crate::chat::{AcceptError, Acceptance, AcceptedTurn, ContextBudget, NewTurn, PastTurn};
use crate::conversation::{Answer, Failure, IncompleteReason, TurnState, Usage};
use crate::id::ConversationId;

/// The context is what was said before, newest first, and not the question itself.
pub async fn it_is_newest_first(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let expected = |question: &str, response: &str, seconds| PastTurn {
        question: question.to_owned(),
        response: response.to_owned(),
        tokens: u32::try_from(question.len().div_ceil(4)).expect("a short text") + 7,
        expiry_timestamp: asker.ask(conversation, seconds).default_ttl.after(at(seconds)),
    };
    asker.say(conversation, "My name is Ada.", "Hello, Ada.", 1).await;
    asker.say(conversation, HARD_TEXT, HARD_TEXT, 2).await;
    asker.say(conversation, "Who am I?", "Ada.", 3).await;
    let context = asker.accept(&asker.ask(conversation, 4)).await.context;
    let newest_first = [
        expected("Who am I?", "Ada.", 3),
        expected(HARD_TEXT, HARD_TEXT, 2),
        expected("My name is Ada.", "Hello, Ada.", 1),
    ];
    assert_eq!(context, newest_first);
}

/// The context has as many turns as were wanted, if there are as many.
pub async fn it_is_as_long_as_wanted(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    for n in 1..=30 {
        asker.say(conversation, &n.to_string(), "Yes.", n).await;
    }
    for (wanted, expected) in [(0, 0), (1, 1), (20, 20), (500, 30)] {
        let question = NewTurn { budget: at_most(wanted), ..asker.ask(conversation, 31) };
        let told = questions(&asker.accept(&question).await.context);
        let newest: Vec<String> = (1..=30).rev().take(expected).map(|n| n.to_string()).collect();
        assert_eq!(told, newest, "{wanted} wanted");
        asker.finish(question.id, TurnState::Failed(Failure::EngineError), 31).await;
    }
}

/// Whatever came of a question counts, if it is an answer: whole, cut short or stopped.
pub async fn it_holds_whatever_was_answered(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    say_and_end(&asker, conversation, "whole", completed("All of it."), 1).await;
    let cut = TurnState::Incomplete(answer("Some of it."), IncompleteReason::MaxOutputTokens);
    say_and_end(&asker, conversation, "cut", cut, 2).await;
    say_and_end(&asker, conversation, "failed", TurnState::Failed(Failure::EngineTimeout), 3).await;
    say_and_end(&asker, conversation, "stopped", TurnState::Cancelled(answer("A bit of it.")), 4).await;
    let context = asker.accept(&asker.ask(conversation, 5)).await.context;
    assert_eq!(questions(&context), ["stopped", "cut", "whole"]);
    let responses: Vec<&str> = context.iter().map(|turn| turn.response.as_str()).collect();
    assert_eq!(responses, ["A bit of it.", "Some of it.", "All of it."]);
}

/// A turn that failed does not push an answered one out of the context.
pub async fn turns_without_an_answer_take_no_place(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    asker.say(conversation, "one", "One.", 1).await;
    asker.say(conversation, "two", "Two.", 2).await;
    for seconds in 3..6 {
        say_and_end(&asker, conversation, "failed", TurnState::Failed(Failure::EngineUnavailable), seconds).await;
    }
    let question = NewTurn { budget: at_most(2), ..asker.ask(conversation, 6) };
    assert_eq!(questions(&asker.accept(&question).await.context), ["two", "one"]);
}

/// A turn is out of the context from the moment at which it expires, and takes no place in it.
pub async fn it_leaves_out_the_expired(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    for (text, seconds, kept) in [("lasting", 1, 1_000), ("until 60", 2, 58), ("until 61", 3, 58)] {
        let question = NewTurn { question: valid(text), default_ttl: ttl(kept), ..asker.ask(conversation, seconds) };
        asker.accept(&question).await;
        asker.finish(question.id, completed("Yes."), seconds).await;
    }
    say_and_end(&asker, conversation, "keeps the conversation", TurnState::Failed(Failure::EngineError), 4).await;
    for (seconds, expected) in [(60, vec!["until 61", "lasting"]), (61, vec!["lasting"])] {
        let question = NewTurn { budget: at_most(2), ..asker.ask(conversation, seconds) };
        assert_eq!(questions(&asker.accept(&question).await.context), expected, "at {seconds} seconds");
        asker.finish(question.id, TurnState::Failed(Failure::EngineError), seconds).await;
    }
}

/// Turns that fit the budget are told, whether or not the store stops at the first that does not.
pub async fn it_has_what_fits_the_budget(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    for (seconds, output_tokens) in (1..).zip([1, 100, 1, 30, u32::MAX, 1]) {
        let end = TurnState::Completed(Answer { usage: Usage { input_tokens: 1, output_tokens }, ..answer("Yes.") });
        say_and_end(&asker, conversation, &seconds.to_string(), end, seconds).await;
    }
    let newest: Vec<String> = (1..=6).rev().map(|n: u32| n.to_string()).collect();
    let within = |max_tokens, seconds| NewTurn {
        budget: ContextBudget { max_turns: 20, max_tokens },
        ..asker.ask(conversation, seconds)
    };
    for (seconds, (max_tokens, fitting)) in (10..).zip([(0, 0), (1, 0), (2, 1), (1_000, 1)]) {
        let question = within(max_tokens, seconds);
        let told = questions(&asker.accept(&question).await.context);
        assert_eq!(told.get(..fitting), newest.get(..fitting), "{max_tokens} tokens");
        assert!(newest.starts_with(&told), "what is told has no hole: {told:?}");
        asker.finish(question.id, TurnState::Failed(Failure::EngineError), seconds).await;
    }
}

/// What the same user said in another conversation is not told.
pub async fn it_stays_within_the_conversation(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let [here, there] = [asker.conversation().await, asker.conversation().await];
    asker.say(there, "there", "There.", 1).await;
    asker.say(here, "here", "Here.", 2).await;
    asker.say(there, "there again", "There again.", 3).await;
    assert_eq!(questions(&asker.accept(&asker.ask(here, 4)).await.context), ["here"]);
}

/// A question that is accepted in the moment in which the turn before it ends is told of that turn.
pub async fn it_has_the_turn_that_ends_meanwhile(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let mut running = asker.accept(&asker.ask(conversation, 0)).await;
    for n in 1..=200 {
        let question = NewTurn { question: valid(n.to_string()), ..asker.ask(conversation, n) };
        let ended = asker.finish(running.id, completed("Yes."), n);
        let ((), next) = join(ended, accept_when_idle(&asker, &question)).await;
        assert_eq!(next.context.len(), usize::try_from(n).expect("a small number").min(20), "before question {n}");
        assert_eq!(next.parent_turn_id, Some(running.id));
        running = next;
    }
}

async fn accept_when_idle(asker: &Asker, question: &NewTurn) -> AcceptedTurn {
    loop {
        match asker.store.journal.accept(question.clone()).await {
            Ok(Acceptance::Accepted(accepted)) => return accepted,
            Err(AcceptError::ConversationBusy { .. }) => {}
            other => panic!("a question that waits for its turn became {other:?}"),
        }
    }
}

/// A past turn has as many tokens as its question is estimated to have and its answer cost, at most [`u32::MAX`].
pub async fn its_tokens_are_the_questions_and_the_answers(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    for (question, output_tokens, expected) in
        [("12345", 0, 2), ("𝕊𝕊", 40, 42), ("123", 2_147_483_647, 2_147_483_648), ("123", u32::MAX, u32::MAX)]
    {
        let usage = Usage { input_tokens: 1_000, output_tokens };
        let end = TurnState::Completed(Answer { usage, ..answer("Yes.") });
        say_and_end(&asker, conversation, question, end, 1).await;
        let probe = NewTurn { budget: at_most(1), ..asker.ask(conversation, 2) };
        let context = asker.accept(&probe).await.context;
        assert_eq!(context.first().map(|turn| turn.tokens), Some(expected), "{output_tokens} for the answer");
        asker.finish(probe.id, TurnState::Failed(Failure::EngineError), 2).await;
    }
}

fn at_most(max_turns: u16) -> ContextBudget {
    ContextBudget { max_turns, max_tokens: u32::MAX }
}

async fn say_and_end(asker: &Asker, conversation: ConversationId, question: &str, end: TurnState, seconds: i64) {
    let question = NewTurn { question: valid(question), ..asker.ask(conversation, seconds) };
    asker.accept(&question).await;
    asker.finish(question.id, end, seconds).await;
}

fn questions(context: &[PastTurn]) -> Vec<String> {
    context.iter().map(|turn| turn.question.clone()).collect()
}
