//! [`crate::chat::TurnJournal::finish`].

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{Asker, HARD_TEXT, answer, as_ended, as_running, completed, new_id, page, valid};
use crate::chat::{AcceptedTurn, FinishedTurn, NewTurn, Settlement};
use crate::conversation::{Answer, Failure, IncompleteReason, Part, TurnState, Usage};
use crate::id::{ReplicaId, TurnId};
use crate::page::Order;

/// Every way a turn can end is stored as it was, and read back so, alone and in a list.
pub async fn every_end_is_kept(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let cut = |reason| TurnState::Incomplete(answer("Some of it."), reason);
    for state in [
        completed("All of it."),
        TurnState::Completed(Answer::default()),
        TurnState::Cancelled(answer("A bit of it.")),
        TurnState::Cancelled(Answer::default()),
        cut(IncompleteReason::MaxOutputTokens),
        cut(IncompleteReason::UpstreamTimeout),
        cut(IncompleteReason::UpstreamError),
        cut(IncompleteReason::ServerRestart),
        cut(IncompleteReason::ContentFilter),
        TurnState::Failed(Failure::EngineUnavailable),
        TurnState::Failed(Failure::EngineTimeout),
        TurnState::Failed(Failure::EngineError),
    ] {
        assert_kept(&asker, state).await;
    }
}

/// Every kind of part is stored as it was, whatever is written in it.
pub async fn every_part_is_kept(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let hard = || HARD_TEXT.to_owned();
    let unordered = "{ \"b\": 1.10,\n  \"a\": 2, \"a\": 3, \"c\": \"\\u00e9\" }".to_owned();
    let parts = [
        Part::Text { text: hard() },
        Part::Image { url: "/attachments/1?a=b&c='d'".to_owned(), alt: Some(hard()) },
        Part::Image { url: "/attachments/2".to_owned(), alt: None },
        Part::Table {
            columns: vec!["år".to_owned(), hard(), String::new()],
            rows: vec![vec!["1".to_owned(), "null".to_owned(), hard()], vec![String::new(); 3]],
        },
        Part::Table { columns: vec![], rows: vec![] },
        Part::Chart { specification: unordered.clone() },
        Part::ToolCall { id: "call_1".to_owned(), name: hard(), arguments: unordered },
        Part::ToolCall { id: String::new(), name: String::new(), arguments: "not { json".to_owned() },
        Part::ToolResult { id: "call_1".to_owned(), content: hard() },
        Part::Reasoning { text: hard() },
    ];
    for part in parts.clone() {
        assert_kept(&asker, TurnState::Completed(Answer { parts: Some(vec![part]), ..answer("") })).await;
    }
    let all = Answer {
        parts: Some(parts.to_vec()),
        image_url: Some("/attachments/1?a=b&c='d'".to_owned()),
        ..answer(HARD_TEXT)
    };
    assert_kept(&asker, TurnState::Incomplete(all.clone(), IncompleteReason::UpstreamError)).await;
    assert_kept(&asker, TurnState::Cancelled(all)).await;
}

/// Token counts are kept as far as they can be counted.
pub async fn the_largest_counts_are_kept(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    for (input_tokens, output_tokens) in [(0, 0), (1, 2_147_483_648), (u32::MAX, u32::MAX)] {
        let usage = Usage { input_tokens, output_tokens };
        assert_kept(&asker, TurnState::Completed(Answer { usage, ..answer("Yes.") })).await;
    }
}

/// The model that answered takes the place of the one that was asked for.
pub async fn the_model_that_answered_is_kept(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    for asked in [None, Some(valid("gpt-4o"))] {
        let question = NewTurn { model: asked, ..asker.ask(asker.conversation().await, 1) };
        let accepted = asker.accept(&question).await;
        let end =
            FinishedTurn { model: Some(valid("gpt-4o-2024-'08'")), ..asker.end(question.id, completed("Yes."), 2) };
        asker.settle(&end).await;
        assert_eq!(asker.turn(question.id, 3).await, as_ended(&question, &accepted, &end));
    }
}

/// A process cannot end a turn that runs in another; the turn runs on, with its text and its place.
pub async fn another_process_ends_nothing(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let (question, accepted) = running(&asker).await;
    asker.append(question.id, 0, "So far").await;
    let thief = ReplicaId::from_uuid(new_id());
    for state in [completed("Mine."), TurnState::Failed(Failure::EngineError)] {
        let end = FinishedTurn { replica: thief, ..asker.end(question.id, state, 2) };
        assert_eq!(asker.settle(&end).await, Settlement::Lost);
        assert_eq!(asker.turn(question.id, 3).await, as_running(&question, &accepted, "So far"));
    }
    asker.refused(&asker.ask(accepted.conversation_id, 4)).await;
    asker.finish(question.id, completed("So far, so good."), 5).await;
}

/// A turn that never was cannot be ended.
pub async fn an_unknown_turn_is_lost(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let unknown = TurnId::from_uuid(new_id());
    assert_eq!(asker.settle(&asker.end(unknown, completed("Yes."), 1)).await, Settlement::Lost);
    assert_eq!(asker.find(unknown, 2).await, None, "it is not made up either");
}

/// A process that was not told that its end was stored stores it again, and is told so.
pub async fn the_same_end_is_stored_twice(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    for state in [completed("Yes."), TurnState::Failed(Failure::EngineTimeout)] {
        let (question, accepted) = running(&asker).await;
        let end = asker.end(question.id, state, 2);
        assert_eq!(asker.settle(&end).await, Settlement::Stored);
        let next = asker.ask(accepted.conversation_id, 3);
        asker.accept(&next).await;
        assert_eq!(asker.settle(&end).await, Settlement::Stored, "the same end, once more");
        assert_eq!(asker.turn(question.id, 4).await, as_ended(&question, &accepted, &end));
        asker.refused(&asker.ask(accepted.conversation_id, 5)).await;
    }
}

/// A turn that has ended does not end otherwise.
pub async fn another_end_comes_too_late(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    for (first, second) in [
        (completed("Yes."), TurnState::Cancelled(answer("Ye"))),
        (TurnState::Cancelled(answer("Ye")), completed("Yes.")),
        (TurnState::Failed(Failure::EngineError), completed("Yes.")),
        (completed("Yes."), TurnState::Failed(Failure::EngineError)),
    ] {
        let (question, accepted) = running(&asker).await;
        let end = asker.end(question.id, first, 2);
        assert_eq!(asker.settle(&end).await, Settlement::Stored);
        assert_eq!(asker.settle(&asker.end(question.id, second, 3)).await, Settlement::Lost, "it has ended already");
        assert_eq!(asker.turn(question.id, 4).await, as_ended(&question, &accepted, &end));
    }
}

/// Once its turn has ended, however, a conversation takes the next question.
pub async fn the_conversation_is_free_again(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let conversation = asker.conversation().await;
    let cut = TurnState::Incomplete(answer("Ye"), IncompleteReason::ContentFilter);
    for (state, seconds) in
        [completed("Yes."), cut, TurnState::Cancelled(answer("Ye")), TurnState::Failed(Failure::EngineError)]
            .into_iter()
            .zip(1..)
    {
        let question = asker.ask(conversation, seconds);
        asker.accept(&question).await;
        asker.finish(question.id, state, seconds).await;
    }
    asker.accept(&asker.ask(conversation, 9)).await;
}

/// Ends that are lost do not get in the way of those beside them.
pub async fn a_lost_end_spoils_no_other(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let mut turns = Vec::new();
    for _ in 0..50 {
        turns.push(running(&asker).await);
    }
    let thief = ReplicaId::from_uuid(new_id());
    let ends: Vec<FinishedTurn> = turns
        .iter()
        .zip(0..)
        .map(|((question, _), n)| {
            let end = asker.end(question.id, completed(&format!("Answer {n}.")), 2);
            if n % 2 == 0 { end } else { FinishedTurn { replica: thief, ..end } }
        })
        .collect();
    let settlements = join_all(ends.iter().map(|end| asker.settle(end))).await;
    for (((question, accepted), end), settlement) in turns.iter().zip(&ends).zip(settlements) {
        let (expected, stored) = if end.replica == asker.replica {
            (Settlement::Stored, as_ended(question, accepted, end))
        } else {
            (Settlement::Lost, as_running(question, accepted, ""))
        };
        assert_eq!(settlement, expected);
        assert_eq!(asker.turn(question.id, 3).await, stored);
    }
}

/// An answer comes back as it was given, to the last byte, also when it is long.
pub async fn hard_answers_are_kept_exactly(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let long: String = HARD_TEXT.chars().cycle().take(500_000).collect();
    for response in [HARD_TEXT, " ", "\\", "'", "\u{1}", &long] {
        assert_kept(&asker, completed(response)).await;
    }
}

async fn running(asker: &Asker) -> (NewTurn, AcceptedTurn) {
    let question = asker.ask(asker.conversation().await, 1);
    let accepted = asker.accept(&question).await;
    (question, accepted)
}

async fn assert_kept(asker: &Asker, state: TurnState) {
    let (question, accepted) = running(asker).await;
    let end = asker.end(question.id, state, 2);
    assert_eq!(asker.settle(&end).await, Settlement::Stored);
    let expected = as_ended(&question, &accepted, &end);
    assert_eq!(asker.turn(question.id, 3).await, expected, "in a look-up");
    let request = page(10, None, Order::Ascending);
    let listed = asker.store.turns.list(asker.user, accepted.conversation_id, request, end.completed_at).await;
    assert_eq!(listed.expect("turns can be listed").items, [expected], "in a list");
}
