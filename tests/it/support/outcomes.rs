//! What each client was told, and whether what is stored agrees: the definitions on top of docs/RELIABILITY.md.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::reply::{Answer, Reply, Turn};

/// What became of a question, as far as its asker knows.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Acknowledged: it must be there once, and as it was told.
    Ok { turn_id: Uuid, response: String },
    /// Refused, or without an answer: no answer to it may be there.
    Failed(#[expect(dead_code, reason = "it is shown when the judge disagrees")] String),
    /// The connection broke, or the store was away: it may be there, once.
    Unknown(#[expect(dead_code, reason = "it is shown when the judge disagrees")] String),
}

/// A question, and what became of it. No two questions of a test have the same text.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) question: String,
    pub(crate) outcome: Outcome,
}

/// How many there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) ok: usize,
    pub(crate) failed: usize,
    pub(crate) unknown: usize,
}

impl Outcome {
    /// What a reply to `POST /chat` means. A problem of the store says in so many words that the question may have
    /// been stored; after any other problem there is no answer.
    pub(crate) fn of(reply: &reqwest::Result<Reply>) -> Self {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return Self::Unknown(error.to_string()),
        };
        if reply.status == 200 {
            let Answer { turn_id, response, .. } = reply.answer();
            return Self::Ok { turn_id, response };
        }
        let is_of_store = reply.status == 500 || reply.text.contains("\"store_unavailable\"");
        if is_of_store { Self::Unknown(reply.text.clone()) } else { Self::Failed(reply.text.clone()) }
    }

    pub(crate) const fn is_ok(&self) -> bool {
        matches!(self, Self::Ok { .. })
    }
}

impl Tally {
    pub(crate) fn of<'a>(asked: impl IntoIterator<Item = &'a Asked>) -> Self {
        let mut tally = Self::default();
        for Asked { outcome, .. } in asked {
            match outcome {
                Outcome::Ok { .. } => tally.ok += 1,
                Outcome::Failed(_) => tally.failed += 1,
                Outcome::Unknown(_) => tally.unknown += 1,
            }
        }
        tally
    }
}

/// Fails unless what is stored, read back after healing, agrees with what the clients were told.
#[track_caller]
pub(crate) fn judge<'a>(asked: impl IntoIterator<Item = &'a Asked>, stored: &[Turn]) {
    let violations = violations(asked, stored);
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

/// Fails unless the turns of one conversation are numbered without a gap, and none of them still runs.
#[track_caller]
pub(crate) fn judge_conversation(turns: &[Turn]) {
    let seqs: Vec<i64> = turns.iter().map(|turn| turn.seq).collect();
    assert!(seqs.iter().copied().eq(1..=i64::try_from(seqs.len()).unwrap()), "{seqs:?}");
    let stuck: Vec<&Turn> = turns.iter().filter(|turn| turn.status == "running").collect();
    assert!(stuck.is_empty(), "{stuck:?}");
}

fn violations<'a>(asked: impl IntoIterator<Item = &'a Asked>, stored: &[Turn]) -> Vec<String> {
    let mut answered: BTreeMap<&str, Vec<&Turn>> = BTreeMap::new();
    // A failed turn holds a question that has no answer; its key may be tried again.
    for turn in stored.iter().filter(|turn| turn.status != "failed") {
        answered.entry(&turn.request_question).or_default().push(turn);
    }
    let mut violations = Vec::new();
    for Asked { question, outcome } in asked {
        let turns = answered.remove(question.as_str()).unwrap_or_default();
        let agrees = match (outcome, &turns[..]) {
            (Outcome::Ok { turn_id, response }, [turn]) => {
                turn.id == *turn_id && turn.response.as_deref() == Some(response.as_str())
            }
            (Outcome::Failed(_) | Outcome::Unknown(_), []) | (Outcome::Unknown(_), [_]) => true,
            _ => false,
        };
        if !agrees {
            violations.push(format!("{question:?} was {outcome:?}, and stored is {turns:?}"));
        }
    }
    violations.extend(answered.keys().map(|question| format!("{question:?} was never asked")));
    violations
}

#[test]
fn each_kind_of_disagreement_is_noticed() {
    let turn = |question: &str, id: u128, status: &str| Turn {
        id: Uuid::from_u128(id),
        seq: 1,
        parent_turn_id: None,
        status: status.to_owned(),
        incomplete_reason: None,
        failure: None,
        request_question: question.to_owned(),
        response: Some("Yes.".to_owned()),
        parts: None,
        graph_url: None,
    };
    let asked = |outcome: Outcome| [Asked { question: "q".to_owned(), outcome }];
    let ok = |response: &str| asked(Outcome::Ok { turn_id: Uuid::from_u128(1), response: response.to_owned() });
    let failed = || asked(Outcome::Failed(String::new()));
    let unknown = || asked(Outcome::Unknown(String::new()));
    let [one, other] = [1, 2].map(|id| turn("q", id, "completed"));
    let without_answer = turn("q", 3, "failed");

    for (asked, stored) in [
        (ok("Yes."), vec![one.clone()]),
        (ok("Yes."), vec![without_answer.clone(), one.clone()]),
        (failed(), vec![]),
        (failed(), vec![without_answer.clone()]),
        (unknown(), vec![]),
        (unknown(), vec![one.clone()]),
    ] {
        assert_eq!(violations(&asked, &stored), Vec::<String>::new());
    }
    for (asked, stored) in [
        (ok("Yes."), vec![]),
        (ok("Yes."), vec![without_answer]),
        (ok("Yes."), vec![one.clone(), other.clone()]),
        (ok("Yes."), vec![other.clone()]),
        (ok("No."), vec![one.clone()]),
        (failed(), vec![one.clone()]),
        (unknown(), vec![one, other]),
    ] {
        assert_eq!(violations(&asked, &stored).len(), 1, "{asked:?} and {stored:?}");
    }
    assert_eq!(violations(&[], &[turn("never", 1, "completed")]).len(), 1);
}
