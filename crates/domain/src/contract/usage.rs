//! [`crate::usage::UsageRepository`]: what is counted when turns end.

use chrono::{Days, NaiveDate};
use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{Asker, answer, at, completed, new_id, the_only_reaper, valid};
use crate::chat::{FinishedTurn, NewTurn, Settlement};
use crate::conversation::{Answer, Failure, IncompleteReason, TurnState, Usage};
use crate::id::ReplicaId;
use crate::usage::{Period, Tally, UsageRecord};

/// The cases begin an hour and three quarters before midnight: this is the first second of the second day.
const MIDNIGHT: i64 = 6_400;

/// What turns took is added up for each day on which they ended and each model that answered, a model that is not known
/// included, and nobody else sees any of it.
pub async fn ended_turns_are_counted_by_day_and_model(store: StoreUnderTest) {
    let (asker, other) = (Asker::new(&store).await, Asker::new(&store).await);
    for (model, seconds, usage) in [
        (Some("large"), 10, (100, 10)),
        (Some("large"), 20, (200, 20)),
        (Some("org/hard '=?$1 é\""), 30, (1, 2)),
        (None, 40, (5, 0)),
        (Some("large"), MIDNIGHT + 10, (7, 3)),
    ] {
        end(&asker, model, counted(usage), seconds).await;
    }
    end(&other, Some("large"), counted((1000, 1000)), 10).await;
    let expected = [
        record(0, None, 1, (5, 0)),
        record(0, Some("large"), 2, (300, 30)),
        record(0, Some("org/hard '=?$1 é\""), 1, (1, 2)),
        record(1, Some("large"), 1, (7, 3)),
    ];
    assert_eq!(records(&asker, 0, 1).await, expected);
    assert_eq!(records(&other, 0, 1).await, [record(0, Some("large"), 1, (1000, 1000))]);
}

/// Every answer counts, whole or not, and however little it is; a failure does not.
pub async fn every_answer_counts_and_no_failure_does(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    for state in [
        completed("All of it."),
        TurnState::Incomplete(answer("Some of it."), IncompleteReason::UpstreamError),
        TurnState::Cancelled(answer("A bit of it.")),
        TurnState::Cancelled(answer("")),
        TurnState::Failed(Failure::EngineError),
        TurnState::Failed(Failure::EngineUnavailable),
    ] {
        end(&asker, Some("large"), state, 10).await;
    }
    let Usage { input_tokens, output_tokens } = answer("").usage;
    assert_eq!(records(&asker, 0, 0).await, [record(0, Some("large"), 4, (4 * input_tokens, 4 * output_tokens))]);
}

/// The model that answered is counted; where that is not known, the one that was asked for.
pub async fn the_model_that_is_stored_is_counted(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    for answering in [Some("small"), None] {
        let question = NewTurn { model: Some(valid("large")), ..asker.ask(asker.conversation().await, 1) };
        asker.accept(&question).await;
        let state = counted((3, 4));
        asker.settle(&FinishedTurn { model: answering.map(valid), ..asker.end(question.id, state, 2) }).await;
    }
    let expected = [record(0, Some("large"), 1, (3, 4)), record(0, Some("small"), 1, (3, 4))];
    assert_eq!(records(&asker, 0, 0).await, expected);
}

/// An end whose acknowledgement was lost, one that comes too late and one from another process add nothing.
pub async fn an_end_is_counted_once(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let question = asker.ask(asker.conversation().await, 1);
    asker.accept(&question).await;
    let stolen = FinishedTurn { replica: ReplicaId::from_uuid(new_id()), ..asker.end(question.id, counted((1, 1)), 2) };
    assert_eq!(asker.settle(&stolen).await, Settlement::Lost);
    assert_eq!(records(&asker, 0, 0).await, []);
    let end = asker.end(question.id, counted((30, 4)), 3);
    for _ in 0..3 {
        assert_eq!(asker.settle(&end).await, Settlement::Stored);
    }
    assert!(join_all((0..8).map(|_| asker.settle(&end))).await.iter().all(|it| *it == Settlement::Stored));
    assert_eq!(asker.settle(&asker.end(question.id, counted((5, 5)), 4)).await, Settlement::Lost);
    assert_eq!(records(&asker, 0, 0).await, [record(0, None, 1, (30, 4))]);
}

/// A turn whose process died is counted when it is closed, as what it says it took, and never again: not by other reapers,
/// and not by the process should it come back with the end.
pub async fn a_reaped_turn_is_counted_once(store: StoreUnderTest) {
    let _reaping = the_only_reaper().await;
    let asker = Asker::on_dead_replica(&store).await;
    let mut ids = Vec::new();
    for text in ["Some of it", ""] {
        let question = asker.ask(asker.conversation().await, 1);
        asker.accept(&question).await;
        if !text.is_empty() {
            asker.append(question.id, 0, text).await;
        }
        ids.push(question.id);
    }
    let reap =
        || async { store.leases.reap(ReplicaId::from_uuid(new_id()), at(2)).await.expect("the dead are reaped") };
    join_all((0..4).map(|_| reap())).await;
    let (mut input_tokens, mut output_tokens) = (0, 0);
    for id in ids {
        let turn = asker.turn(id, 3).await;
        let usage = turn.state.answer().expect("a reaped turn has an answer").usage;
        input_tokens += usage.input_tokens;
        output_tokens += usage.output_tokens;
        assert_eq!(asker.settle(&asker.end(id, counted((500, 500)), 4)).await, Settlement::Lost);
    }
    reap().await;
    assert_eq!(records(&asker, 0, 0).await, [record(0, None, 2, (input_tokens, output_tokens))]);
}

/// A turn belongs to the day on which it ended, and days are UTC's.
pub async fn a_day_ends_at_midnight(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    for seconds in [MIDNIGHT - 1, MIDNIGHT] {
        end(&asker, Some("large"), counted((1, 0)), seconds).await;
    }
    let expected = [record(0, Some("large"), 1, (1, 0)), record(1, Some("large"), 1, (1, 0))];
    assert_eq!(records(&asker, 0, 1).await, expected);
}

/// A period has its first and its last day, and none around them.
pub async fn a_period_includes_both_its_days(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let a_day = 24 * 60 * 60;
    for day in 0..5 {
        end(&asker, Some("large"), counted((1, 0)), day * a_day).await;
    }
    let days = records(&asker, 1, 3).await.into_iter().map(|record| record.day).collect::<Vec<_>>();
    assert_eq!(days, [day(1), day(2), day(3)]);
    assert_eq!(records(&asker, 5, 9).await, []);
}

/// The tokens of a day are those of both kinds and of all models; on a day without turns they are none.
pub async fn the_tokens_of_a_day_are_those_of_all_models(store: StoreUnderTest) {
    let (asker, other) = (Asker::new(&store).await, Asker::new(&store).await);
    for (model, seconds) in [(Some("large"), 10), (Some("small"), 20), (None, 30), (Some("large"), MIDNIGHT)] {
        end(&asker, model, counted((100, 11)), seconds).await;
    }
    for (asker, at, expected) in [(&asker, 0, 333), (&asker, 1, 111), (&asker, 2, 0), (&other, 0, 0)] {
        let tokens = store.usage.tokens_on(asker.user, day(at)).await.expect("a day's tokens can be read");
        assert_eq!(tokens, expected, "day {at}");
    }
}

/// Turns of one user and of many that end at once are all counted.
pub async fn turns_that_end_at_once_are_all_counted(store: StoreUnderTest) {
    const TURNS: u32 = 100;
    let askers = [Asker::new(&store).await, Asker::new(&store).await];
    let mut ends = Vec::new();
    for number in 0..TURNS {
        let asker = &askers[usize::from(number % 4 == 0)];
        let question = asker.ask(asker.conversation().await, 1);
        asker.accept(&question).await;
        let model = valid(if number % 2 == 0 { "large" } else { "small" });
        ends.push((asker, FinishedTurn { model: Some(model), ..asker.end(question.id, counted((10, 1)), 2) }));
    }
    join_all(ends.iter().map(|(asker, end)| asker.settle(end))).await;
    let expected = [record(0, Some("large"), 25, (250, 25)), record(0, Some("small"), 50, (500, 50))];
    assert_eq!(records(&askers[0], 0, 0).await, expected);
    assert_eq!(records(&askers[1], 0, 0).await, [record(0, Some("large"), 25, (250, 25))]);
}

/// Sums go beyond what one turn can take.
pub async fn the_largest_counts_are_summed(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    for _ in 0..3 {
        end(&asker, Some("large"), counted((u32::MAX, u32::MAX)), 10).await;
    }
    let sum = 3 * u64::from(u32::MAX);
    let tally = Tally { turns: 3, input_tokens: sum, output_tokens: sum };
    assert_eq!(records(&asker, 0, 0).await, [UsageRecord { day: day(0), model: Some(valid("large")), tally }]);
    assert_eq!(store.usage.tokens_on(asker.user, day(0)).await.expect("a day's tokens can be read"), 2 * sum);
}

fn day(number: u64) -> NaiveDate {
    at(0).date_naive() + Days::new(number)
}

fn counted((input_tokens, output_tokens): (u32, u32)) -> TurnState {
    TurnState::Completed(Answer { usage: Usage { input_tokens, output_tokens }, ..answer("Yes.") })
}

/// Asks, and has it end so, by the answer of that model.
async fn end(asker: &Asker, model: Option<&str>, state: TurnState, seconds: i64) {
    let question = asker.ask(asker.conversation().await, seconds);
    asker.accept(&question).await;
    let end = FinishedTurn { model: model.map(valid), ..asker.end(question.id, state, seconds) };
    assert_eq!(asker.settle(&end).await, Settlement::Stored);
}

fn record(at: u64, model: Option<&str>, turns: u64, (input_tokens, output_tokens): (u32, u32)) -> UsageRecord {
    let tally = Tally { turns, input_tokens: input_tokens.into(), output_tokens: output_tokens.into() };
    UsageRecord { day: day(at), model: model.map(valid), tally }
}

/// What is counted of the days, within a day by model.
async fn records(asker: &Asker, first: u64, last: u64) -> Vec<UsageRecord> {
    let period = Period::new(Some(day(first)), day(last)).expect("a period");
    let mut records = asker.store.usage.records(asker.user, period).await.expect("usage can be read");
    assert!(records.is_sorted_by_key(|record| record.day), "they are by day: {records:?}");
    records.sort_by_key(|record| (record.day, record.model.clone()));
    records
}
