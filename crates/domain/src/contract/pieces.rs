//! [`crate::chat::ReplicaLease::beat`]: what has come of running turns.

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{Asker, HARD_TEXT, as_ended, at, completed, page, piece};
use crate::chat::{Beat, NewTurn};
use crate::conversation::{Failure, TurnState};
use crate::page::Order;

/// While a turn runs it is read with the text that was stored of it, alone and in a list.
pub async fn a_running_turn_shows_its_text_so_far(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let question = running(&asker).await;
    let mut expected = String::new();
    for text in ["Grüße", " aus 東京 ", HARD_TEXT, "."] {
        asker.append(question.id, expected.len(), text).await;
        expected.push_str(text);
        assert_text(&asker, &question, &expected).await;
    }
    let conversation = asker.turn(question.id, 2).await.conversation_id;
    let listed = store.turns.list(asker.user, conversation, page(10, None, Order::Ascending), at(2)).await;
    let listed = listed.expect("turns can be listed").items;
    assert_eq!(listed, [asker.turn(question.id, 2).await], "the list shows the same");
}

/// A piece that is stored already is left alone, whatever comes in its place.
pub async fn a_piece_is_stored_once(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let question = running(&asker).await;
    for (offset, text) in [(0, "One"), (0, "One"), (3, ", two"), (0, "One"), (3, ", two"), (0, "Won")] {
        asker.append(question.id, offset, text).await;
    }
    assert_text(&asker, &question, "One, two").await;
}

/// A piece whose acknowledgement was lost comes again, with what has been said since.
pub async fn a_longer_piece_takes_the_place_of_a_shorter_one(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let question = running(&asker).await;
    for (offset, text) in [(0, "One"), (0, "One, two"), (8, ", three"), (0, "One")] {
        asker.append(question.id, offset, text).await;
    }
    assert_text(&asker, &question, "One, two, three").await;
}

/// Pieces that arrive in another order than they were sent in are read in the right one.
pub async fn pieces_may_overtake_each_other(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let question = running(&asker).await;
    for (offset, text) in [(8, "three"), (4, "two "), (0, "one "), (13, "!")] {
        asker.append(question.id, offset, text).await;
    }
    assert_text(&asker, &question, "one two three!").await;

    let question = running(&asker).await;
    let digits: Vec<String> = (100..150).map(|n| n.to_string()).collect();
    let pieces = digits.iter().zip(0..).map(|(digits, n)| asker.append(question.id, 3 * n, digits));
    join_all(pieces).await;
    assert_text(&asker, &question, &digits.concat()).await;
}

/// Pieces of many turns that are stored at once do not get mixed up, and one that comes too late spoils no other.
pub async fn pieces_of_many_turns_are_kept_apart(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let mut questions = Vec::new();
    for _ in 0..50 {
        questions.push(running(&asker).await);
    }
    let ended = running(&asker).await;
    asker.finish(ended.id, completed("Over."), 2).await;
    let text = |question: &NewTurn| format!("This is {}.", question.id);
    let pieces = questions.iter().chain([&ended]).map(|question| piece(question.id, 0, &text(question))).collect();
    asker.tell(Beat { pieces, ..asker.beat() }).await;
    for question in &questions {
        assert_text(&asker, question, &text(question)).await;
    }
}

/// Once a turn has ended, its answer is what its end says, and nothing of its pieces is left.
pub async fn the_end_replaces_the_pieces(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    for state in [completed("Something else."), TurnState::Failed(Failure::EngineError)] {
        let question = asker.ask(asker.conversation().await, 1);
        let accepted = asker.accept(&question).await;
        asker.append(question.id, 0, "Some").await;
        asker.append(question.id, 4, "thing").await;
        let end = asker.end(question.id, state, 2);
        asker.settle(&end).await;
        assert_eq!(asker.turn(question.id, 3).await, as_ended(&question, &accepted, &end));
        let next = asker.accept(&asker.ask(accepted.conversation_id, 4)).await;
        assert_eq!(next.context.first().map(|turn| &*turn.response), end.state.response(), "in a context");
    }
}

/// Only the process that runs a turn adds to it.
pub async fn a_piece_of_another_process_is_left_alone(store: StoreUnderTest) {
    let (asker, other) = (Asker::new(&store).await, Asker::new(&store).await);
    let question = running(&asker).await;
    asker.append(question.id, 0, "One").await;
    other.append(question.id, 3, ", two").await;
    assert_text(&asker, &question, "One").await;
}

/// A piece that comes after the end changes nothing; whether that is an error is the store's to say.
pub async fn a_late_piece_changes_nothing(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    for state in [completed("Yes."), TurnState::Failed(Failure::EngineError)] {
        let question = asker.ask(asker.conversation().await, 1);
        let accepted = asker.accept(&question).await;
        asker.append(question.id, 0, "Ye").await;
        let end = asker.end(question.id, state, 2);
        asker.settle(&end).await;
        for (offset, text) in [(0, "Ye"), (2, "s."), (4, " Too late.")] {
            let pieces = vec![piece(question.id, offset, text)];
            drop(store.leases.beat(Beat { pieces, ..asker.beat() }).await);
        }
        assert_eq!(asker.turn(question.id, 3).await, as_ended(&question, &accepted, &end));
    }
}

async fn running(asker: &Asker) -> NewTurn {
    let question = asker.ask(asker.conversation().await, 1);
    asker.accept(&question).await;
    question
}

async fn assert_text(asker: &Asker, question: &NewTurn, expected: &str) {
    let turn = asker.turn(question.id, 2).await;
    assert_eq!(turn.state, TurnState::Running { response: expected.to_owned() });
}
