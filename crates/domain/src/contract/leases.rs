//! [`crate::chat::ReplicaLease`]: who lives, and what becomes of the turns of the dead.

use std::time::Duration;

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{Asker, HARD_TEXT, as_ended, as_running, at, claim, completed, new_id, the_only_reaper};
use crate::chat::{AcceptedTurn, Beat, FinishedTurn, NewTurn, Piece, PieceContent, Position, Settlement};
use crate::conversation::{Answer, IncompleteReason, Part, TurnState, Usage};
use crate::id::{ReplicaId, TurnId};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// What runs in a process that holds a lease is nobody's to close, also when others are dead.
pub async fn a_living_process_keeps_its_turns(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let (living, dead) = (Asker::new(&store).await, Asker::on_dead_replica(&store).await);
    let (kept, accepted) = running(&living).await;
    living.append(kept.id, 0, "So far").await;
    let (closed, _) = running(&dead).await;
    let reaped = reap(&store, 2).await;
    assert!(reaped.contains(&closed.id) && !reaped.contains(&kept.id), "only the dead's are reaped: {reaped:?}");
    assert_eq!(living.turn(kept.id, 3).await, as_running(&kept, &accepted, "So far"));
    living.finish(kept.id, completed("So far, so good."), 4).await;
}

/// Whoever reaps lives, even if its lease ran out while it waited for the store.
pub async fn a_reaper_keeps_its_own_turns(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let asker = Asker::on_dead_replica(&store).await;
    let (question, _) = running(&asker).await;
    let reaped = store.leases.reap(asker.replica, at(2)).await.expect("the dead can be reaped");
    assert!(!reaped.contains(&question.id), "its own turn was reaped: {reaped:?}");
    asker.finish(question.id, completed("So far, so good."), 3).await;
}

/// A process that has never held a lease does not live.
pub async fn a_process_that_never_renewed_is_dead(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let asker = Asker::on_dead_replica(&store).await;
    assert_reaped(&asker).await;
}

/// A lease of no time is over at once.
pub async fn a_lease_without_time_is_no_lease(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let asker = Asker::new(&store).await;
    asker.renew(Duration::ZERO).await;
    assert_reaped(&asker).await;
}

/// A process that gives its lease up leaves its turns to be reaped, and may do so twice.
pub async fn a_released_lease_is_over_at_once(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let asker = Asker::new(&store).await;
    for _ in 0..2 {
        store.leases.release(asker.replica).await.expect("a lease can be released");
    }
    assert_reaped(&asker).await;
}

/// A lease that was over holds again once it is renewed.
pub async fn a_renewed_lease_holds_again(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let asker = Asker::new(&store).await;
    let (question, accepted) = running(&asker).await;
    store.leases.release(asker.replica).await.expect("a lease can be released");
    asker.renew(Duration::ZERO).await;
    asker.renew(HOUR).await;
    let reaped = reap(&store, 2).await;
    assert!(!reaped.contains(&question.id), "its process lives");
    assert_eq!(asker.turn(question.id, 3).await, as_running(&question, &accepted, ""));
}

/// A reaped turn is incomplete, with the text that was stored of it and an estimate of its cost.
pub async fn a_reaped_turn_keeps_its_text(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let asker = Asker::on_dead_replica(&store).await;
    for pieces in [&["Grü", "ße ", HARD_TEXT][..], &[]] {
        let (question, accepted) = running(&asker).await;
        let mut text = String::new();
        for piece in pieces {
            asker.append(question.id, text.len(), piece).await;
            text.push_str(piece);
        }
        assert!(reap(&store, 2).await.contains(&question.id), "its process is dead");
        let turn = asker.turn(question.id, 3).await;
        let TurnState::Incomplete(answer, IncompleteReason::ServerRestart) = &turn.state else {
            panic!("a reaped turn is incomplete: {turn:?}");
        };
        // What it was given cannot be known any more; what it made can be estimated.
        let output_tokens = crate::text::estimated_tokens(&text);
        let usage = Usage { input_tokens: answer.usage.input_tokens, output_tokens };
        let expected = Answer { response: text, parts: None, image_url: None, usage };
        let state = TurnState::Incomplete(expected, IncompleteReason::ServerRestart);
        assert_eq!(turn, as_ended(&question, &accepted, &asker.end(question.id, state, 2)));
    }
}

/// A reaped turn keeps what it had besides text, in its place.
pub async fn a_reaped_turn_keeps_its_parts(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let asker = Asker::on_dead_replica(&store).await;
    let (question, accepted) = running(&asker).await;
    let image = Part::Image { url: "/a.png".to_owned(), alt: Some(HARD_TEXT.to_owned()) };
    let table = Part::Table { columns: vec!["n".to_owned()], rows: vec![vec!["1".to_owned()]] };
    let text = |text: &str| PieceContent::Text(text.to_owned());
    let pieces = [
        (0, 0, text("See ")),
        (0, 4, PieceContent::Part(image.clone())),
        (1, 4, PieceContent::Part(table.clone())),
        (2, 4, text("there.")),
        (2, 99, text("after a gap")),
    ];
    let piece = |(parts, offset, content)| Piece { turn_id: question.id, at: Position { parts, offset }, content };
    asker.tell(Beat { pieces: pieces.map(piece).into(), ..asker.beat() }).await;
    assert_eq!(asker.turn(question.id, 2).await, as_running(&question, &accepted, "See there."));
    reap(&store, 3).await;
    let turn = asker.turn(question.id, 4).await;
    let answer = turn.state.answer().expect("a reaped turn has an answer");
    let part = |text: &str| Part::Text { text: text.to_owned() };
    assert_eq!(answer.response, "See there.");
    assert_eq!(answer.parts, Some(vec![part("See "), image, table, part("there.")]));
    assert_eq!(answer.image_url.as_deref(), Some("/a.png"));
}

/// A reaped turn with text is an answer: it is replayed to its key and told in the next context.
pub async fn a_reaped_turn_is_an_answer_for_its_key(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let asker = Asker::on_dead_replica(&store).await;
    let conversation = asker.conversation().await;
    let request = |seconds| NewTurn { idempotency: Some(claim("key", 1)), ..asker.ask(conversation, seconds) };
    let question = request(1);
    asker.accept(&question).await;
    asker.append(question.id, 0, "Some of it").await;
    reap(&store, 2).await;
    assert_eq!(asker.replayed(&request(3)).await, asker.turn(question.id, 3).await);
    let context = asker.accept(&asker.ask(conversation, 4)).await.context;
    assert_eq!(context.first().map(|turn| turn.response.as_str()), Some("Some of it"));
}

/// A process that comes back to life has lost its turns, and changes nothing of them.
pub async fn a_late_end_of_a_reaped_turn_is_lost(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let asker = Asker::on_dead_replica(&store).await;
    let (question, accepted) = running(&asker).await;
    asker.append(question.id, 0, "Some of it").await;
    reap(&store, 2).await;
    let reaped = asker.turn(question.id, 3).await;
    asker.renew(HOUR).await;
    let next = asker.ask(accepted.conversation_id, 3);
    asker.accept(&next).await;
    let late: FinishedTurn = asker.end(question.id, completed("All of it."), 4);
    assert_eq!(asker.settle(&late).await, Settlement::Lost);
    assert_eq!(asker.turn(question.id, 5).await, reaped);
    asker.finish(next.id, completed("Yes."), 6).await;
}

/// Of reapers that come at once, one closes and reports each turn.
pub async fn reapers_at_once_close_each_turn_once(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let asker = Asker::on_dead_replica(&store).await;
    let mut expected = Vec::new();
    for _ in 0..20 {
        expected.push(running(&asker).await.0.id);
    }
    let reaped = join_all((0..4).map(|_| reap(&store, 2))).await.concat();
    let mut reaped: Vec<TurnId> = reaped.into_iter().filter(|id| expected.contains(id)).collect();
    reaped.sort();
    expected.sort();
    assert_eq!(reaped, expected, "each turn is closed once");
}

/// What runs in the asker's process is closed, reported, and out of the way.
async fn assert_reaped(asker: &Asker) {
    let (question, accepted) = running(asker).await;
    let reaped = reap(&asker.store, 2).await;
    assert!(reaped.contains(&question.id), "its process is dead, so {} is reaped: {reaped:?}", question.id);
    let turn = asker.turn(question.id, 3).await;
    assert_eq!(turn.state.incomplete_reason(), Some(IncompleteReason::ServerRestart), "{turn:?}");
    assert_eq!(turn.completed_at, Some(at(2)), "it ended when it was reaped");
    assert!(!reap(&asker.store, 4).await.contains(&question.id), "a turn is closed once");
    asker.accept(&asker.ask(accepted.conversation_id, 5)).await;
}

async fn running(asker: &Asker) -> (NewTurn, AcceptedTurn) {
    let question = asker.ask(asker.conversation().await, 1);
    let accepted = asker.accept(&question).await;
    (question, accepted)
}

async fn reap(store: &StoreUnderTest, seconds: i64) -> Vec<TurnId> {
    let reaper = ReplicaId::from_uuid(new_id());
    store.leases.reap(reaper, at(seconds)).await.expect("the dead can be reaped")
}
