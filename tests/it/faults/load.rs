//! Many who ask without a pause, each in a conversation of its own, while something fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::client::{Caller, Question};
use crate::support::outcomes::{Asked, Outcome, judge, judge_conversation};
use crate::support::reply::Reply;
use crate::support::waiting::within_patience;

/// They ask until they are stopped.
pub(super) struct Load {
    chats: JoinSet<Vec<Asked>>,
    attempts: UnboundedReceiver<Attempt>,
    stop: Arc<AtomicBool>,
    conversations: Vec<Uuid>,
}

/// One request, and what came of it.
pub(super) struct Attempt {
    pub(super) begun: Instant,
    pub(super) took: Duration,
    pub(super) reply: reqwest::Result<Reply>,
}

impl Attempt {
    pub(super) fn is_ok(&self) -> bool {
        self.reply.as_ref().is_ok_and(|reply| reply.status == 200)
    }

    /// Fails unless it was answered, or refused as a store that is away is to be refused.
    pub(super) fn check(&self) {
        let reply = self.reply.as_ref().unwrap_or_else(|error| panic!("a connection broke: {error}"));
        if reply.status != 200 {
            reply.problem(503, "store_unavailable");
            assert!(reply.header("retry-after").is_some(), "{reply:?}");
        }
    }
}

impl Load {
    /// One chat for each conversation. Every other one repeats what was refused, with the same key, until there is an
    /// answer; the rest leave it at that and ask something else.
    pub(super) fn start(caller: &Caller, conversations: Vec<Uuid>) -> Self {
        let (report, attempts) = unbounded_channel();
        let stop = Arc::<AtomicBool>::default();
        let mut chats = JoinSet::new();
        for (number, conversation) in conversations.iter().enumerate() {
            chats.spawn(chat(caller.clone(), *conversation, number % 2 == 0, report.clone(), stop.clone()));
        }
        Self { chats, attempts, stop, conversations }
    }

    /// How many they are.
    pub(super) fn size(&self) -> usize {
        self.conversations.len()
    }

    /// The next request that has come to its end, which is checked.
    pub(super) async fn next(&mut self) -> Attempt {
        let attempt = within_patience("an answer or a refusal", self.attempts.recv()).await.expect("the chats go on");
        attempt.check();
        attempt
    }

    /// Waits until so many more requests have gone well, or not. Gives the longest that any took meanwhile.
    pub(super) async fn until(&mut self, count: usize, well: bool) -> Duration {
        let (mut seen, mut longest) = (0, Duration::ZERO);
        while seen < count {
            let attempt = self.next().await;
            seen += usize::from(attempt.is_ok() == well);
            longest = longest.max(attempt.took);
        }
        longest
    }

    /// Ends all chats, reads everything back, and judges. Gives what they asked.
    pub(super) async fn stop_and_judge(mut self, caller: &Caller) -> Vec<Asked> {
        self.stop.store(true, Ordering::Relaxed);
        let asked: Vec<Asked> =
            within_patience("the end of all chats", self.chats.join_all()).await.into_iter().flatten().collect();
        while let Ok(attempt) = self.attempts.try_recv() {
            attempt.check();
        }
        let mut stored = Vec::new();
        for conversation in self.conversations {
            let turns = caller.settled_turns(conversation).await;
            judge_conversation(&turns);
            stored.extend(turns);
        }
        judge(&asked, &stored);
        let mut repeated = asked.iter().filter(|asked| asked.question.starts_with("repeated"));
        assert!(repeated.all(|asked| asked.outcome.is_ok()), "their keys settled them");
        asked
    }
}

async fn chat(
    caller: Caller,
    conversation: Uuid,
    repeats: bool,
    report: UnboundedSender<Attempt>,
    stop: Arc<AtomicBool>,
) -> Vec<Asked> {
    let mut asked = Vec::new();
    let manner = if repeats { "repeated" } else { "once" };
    for number in 1.. {
        let text = format!("{manner}: question {number} of {conversation}");
        let question = Question::from(text.as_str()).in_conversation(conversation).with_key(&text.replace(' ', "-"));
        let outcome = loop {
            let begun = Instant::now();
            let reply = caller.try_send(question.clone()).await;
            let outcome = Outcome::of(&reply);
            if reply.as_ref().is_ok_and(|reply| reply.status == 409) {
                // An earlier question of this conversation, whose asker was told to come back, is still being ended.
                continue;
            }
            report.send(Attempt { begun, took: begun.elapsed(), reply }).unwrap();
            if outcome.is_ok() || !repeats {
                break outcome;
            }
        };
        asked.push(Asked { question: text, outcome });
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    asked
}
