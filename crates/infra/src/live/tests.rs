use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Unexpected;
use domain::access::CredentialId;
use domain::chat::{
    AcceptError, Acceptance, AcceptedTurn, Beat, Cancellation, ContextBudget, ConversationChoice, Course, EngineEvent,
    EngineStream, FinishReason, Followed, LiveTurns as _, MockChatEngine, MockReplicaLease, MockTurnJournal, NewTurn,
    News, OnBusy, OnDisconnect, Piece, PieceContent, Position, RunningTurn, Sampling, Settlement, Started, Told,
    TurnEvent, TurnEventKind, TurnPlan, TurnRunner as _,
};
use domain::clock::MockClock;
use domain::conversation::{Answer, Metadata, MockTurnRepository, Question, TimeToLive, Turn, TurnKind, TurnState};
use domain::id::{ApiKeyId, ConversationId, ReplicaId, SessionId, TurnId, UserId};
use domain::session::CredentialWatch as _;
use domain::throttle::StreamPermit;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Heartbeat, HeartbeatSettings, LivePorts, LiveRunner, WatchedCredentials};

const REPLICA: ReplicaId = ReplicaId::from_uuid(Uuid::from_u128(4));
const TURN: TurnId = TurnId::from_uuid(Uuid::from_u128(1));
const USER: UserId = UserId::from_uuid(Uuid::from_u128(2));
const TICK: Duration = Duration::from_millis(500);
const LEASE: Duration = Duration::from_secs(10);

fn plan() -> TurnPlan {
    let turn = NewTurn {
        id: TURN,
        user_id: USER,
        session_id: None,
        conversation: ConversationChoice::Existing(ConversationId::from_uuid(Uuid::from_u128(3))),
        question: Question::try_from("Is anybody there?".to_owned()).unwrap(),
        model: None,
        metadata: Metadata::default(),
        replica: REPLICA,
        entry_time: chrono::DateTime::UNIX_EPOCH,
        default_ttl: TimeToLive::try_from(60).unwrap(),
        budget: ContextBudget { max_turns: 1, max_tokens: 1 },
        idempotency: None,
    };
    TurnPlan {
        turn,
        offered: Vec::new(),
        sampling: Sampling::default(),
        on_busy: OnBusy::Reject,
        on_disconnect: OnDisconnect::Continue,
        permit: StreamPermit::uncounted(),
    }
}

fn accepted() -> AcceptedTurn {
    AcceptedTurn {
        id: TURN,
        conversation_id: ConversationId::from_uuid(Uuid::from_u128(3)),
        seq: 1,
        parent_turn_id: None,
        expiry_timestamp: chrono::DateTime::UNIX_EPOCH,
        conversation_model: None,
        system: None,
        context: Vec::new(),
    }
}

fn stored(state: TurnState) -> Turn {
    Turn {
        id: TURN,
        conversation_id: accepted().conversation_id,
        user_id: USER,
        session_id: None,
        seq: 1,
        parent_turn_id: None,
        kind: TurnKind::Answered,
        request_question: plan().turn.question,
        model: None,
        metadata: Metadata::default(),
        entry_time: chrono::DateTime::UNIX_EPOCH,
        completed_at: None,
        expiry_timestamp: chrono::DateTime::UNIX_EPOCH,
        state,
    }
}

/// The mocked ports; what is not expected must not happen.
struct Ports {
    journal: MockTurnJournal,
    turns: MockTurnRepository,
    leases: MockReplicaLease,
    engine: MockChatEngine,
}

impl Ports {
    fn untouched() -> Self {
        Self {
            journal: MockTurnJournal::new(),
            turns: MockTurnRepository::new(),
            leases: MockReplicaLease::new(),
            engine: MockChatEngine::new(),
        }
    }

    /// The question is accepted, and how its turn ends is told here.
    fn accepting() -> (Self, mpsc::UnboundedReceiver<TurnState>) {
        let mut ports = Self::untouched();
        ports.journal.expect_accept().returning(|_| Ok(Acceptance::Accepted(accepted())));
        let ends = ports.storing_ends();
        (ports, ends)
    }

    fn storing_ends(&mut self) -> mpsc::UnboundedReceiver<TurnState> {
        let (ended, ends) = mpsc::unbounded_channel();
        self.journal.expect_finish().returning(move |end| {
            ended.send(end.state).unwrap();
            Ok(Settlement::Stored)
        });
        ends
    }

    /// The engine tells what is sent here, and finishes when the sender goes.
    fn telling(&mut self) -> mpsc::UnboundedSender<&'static str> {
        let (tell, told) = mpsc::unbounded_channel::<&'static str>();
        let told = Mutex::new(Some(told));
        self.engine.expect_answer().once().returning(move |_| {
            let told = told.lock().unwrap().take().unwrap();
            let texts = futures_util::stream::unfold(told, |mut told| async move {
                let text = told.recv().await?;
                Some((Ok(EngineEvent::Text(text.to_owned())), told))
            });
            let finish = futures_util::stream::iter([Ok(EngineEvent::Finish(FinishReason::Stop))]);
            Ok::<EngineStream, _>(texts.chain(finish).boxed())
        });
        tell
    }

    fn runner(self) -> (LiveRunner, Arc<MockReplicaLease>) {
        let mut clock = MockClock::new();
        clock.expect_now().return_const(chrono::DateTime::UNIX_EPOCH);
        let leases = Arc::new(self.leases);
        let ports = LivePorts {
            journal: Arc::new(self.journal),
            turns: Arc::new(self.turns),
            leases: leases.clone(),
            engine: Arc::new(self.engine),
            clock: Arc::new(clock),
        };
        (LiveRunner::new(Handle::current(), ports), leases)
    }
}

/// A heart that beats for the runner.
async fn heart(runner: &LiveRunner, leases: Arc<MockReplicaLease>, watched: WatchedCredentials) -> Heartbeat {
    let mut clock = MockClock::new();
    clock.expect_now().return_const(chrono::DateTime::UNIX_EPOCH);
    let settings = HeartbeatSettings { lease: LEASE, tick: TICK };
    let heart = Heartbeat::start(settings, REPLICA, leases, runner, watched, Arc::new(clock)).await.unwrap();
    // The first tick is due at once; what a test does comes after it.
    tokio::task::yield_now().await;
    heart
}

/// A store whose every beat is told here and answered by `answer`.
fn beating(
    ports: &mut Ports,
    mut answer: impl FnMut(&Beat) -> Result<News, Unexpected> + Send + 'static,
) -> mpsc::UnboundedReceiver<Beat> {
    let (beat, beats) = mpsc::unbounded_channel();
    ports.leases.expect_beat().returning(move |told| {
        let news = answer(&told);
        // Not every test listens.
        drop(beat.send(told));
        news
    });
    ports.leases.expect_reap().returning(|_, _| Ok(Vec::new()));
    ports.leases.expect_release().returning(|_| Ok(()));
    beats
}

async fn start(runner: &LiveRunner, plan: TurnPlan) -> RunningTurn {
    match runner.start(plan).await.unwrap() {
        Started::Running(running) => running,
        Started::Replayed(turn) => panic!("{turn:?}"),
    }
}

fn text(piece: &Piece) -> (&str, Position) {
    match &piece.content {
        PieceContent::Text(text) => (text, piece.at),
        PieceContent::Part(part) => panic!("{part:?}"),
    }
}

fn told(event: &TurnEvent) -> &str {
    match &event.kind {
        TurnEventKind::Told(Told::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn end(event: &TurnEvent) -> &'static str {
    match &event.kind {
        TurnEventKind::Ended(finished) => finished.turn.state.as_str(),
        other @ TurnEventKind::Told(_) => panic!("{other:?}"),
    }
}

fn at(offset: usize) -> Position {
    Position { parts: 0, offset }
}

/// A store that does not say whether it took a question, and what there is of it at the nth look.
fn undecided(ports: &mut Ports, look: impl Fn(usize) -> Option<TurnState> + Send + 'static) {
    let mut answers = VecDeque::from([Err(AcceptError::Undecided(Unexpected::unavailable("cut")))]);
    let accept = move |_| answers.pop_front().unwrap_or_else(|| Ok(Acceptance::Accepted(accepted())));
    ports.journal.expect_accept().returning(accept);
    let looks = AtomicUsize::new(0);
    let find = move |_, _, _| Ok(look(looks.fetch_add(1, Ordering::Relaxed)).map(stored));
    ports.turns.expect_find().returning(find);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_committed_late_is_answered_once_it_is_found() {
    let mut ports = Ports::untouched();
    undecided(&mut ports, |look| (look >= 3).then(|| TurnState::Running { response: String::new() }));
    let mut ends = ports.storing_ends();
    let tell = ports.telling();
    let (runner, _) = ports.runner();
    assert!(matches!(runner.start(plan()).await, Err(AcceptError::Undecided(_))));
    tell.send("Yes.").unwrap();
    drop(tell);
    assert_eq!(ends.recv().await.unwrap().response(), Some("Yes."));
}

#[tokio::test(start_paused = true)]
async fn a_question_that_never_comes_is_not_looked_for_for_ever() {
    let mut ports = Ports::untouched();
    let (look, mut looks) = mpsc::unbounded_channel();
    undecided(&mut ports, move |_| {
        look.send(()).unwrap();
        None
    });
    let (runner, _) = ports.runner();
    let begun = Instant::now();
    assert!(runner.start(plan()).await.is_err());
    drop(runner);
    while looks.recv().await.is_some() {}
    assert!((Duration::from_secs(30)..Duration::from_secs(35)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_question_that_somebody_has_closed_is_left_alone() {
    let mut ports = Ports::untouched();
    let (look, mut looks) = mpsc::unbounded_channel();
    undecided(&mut ports, move |_| {
        look.send(()).unwrap();
        Some(TurnState::Cancelled(Answer::default()))
    });
    let (runner, _) = ports.runner();
    assert!(runner.start(plan()).await.is_err());
    drop(runner);
    assert_eq!(looks.recv().await, Some(()));
    assert_eq!(looks.recv().await, None, "what is closed is not looked for again");
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_what_is_looked_for() {
    let mut ports = Ports::untouched();
    undecided(&mut ports, |_| None);
    let (runner, _) = ports.runner();
    assert!(runner.start(plan()).await.is_err());
    let begun = Instant::now();
    runner.drain(Duration::from_secs(60)).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_beat_stores_what_is_new_and_what_was_not_stored_before() {
    let (mut ports, mut ends) = Ports::accepting();
    let mut answers = VecDeque::from([false, true]);
    let mut beats = beating(&mut ports, move |beat| {
        let is_stored = beat.pieces.is_empty() || answers.pop_front().unwrap_or(true);
        if is_stored { Ok(News::default()) } else { Err(Unexpected::unavailable("away")) }
    });
    let tell = ports.telling();
    let (runner, leases) = ports.runner();
    let _heart = heart(&runner, leases, WatchedCredentials::default()).await;
    assert_eq!(beats.recv().await.unwrap().lease, Some(LEASE), "the first beat takes the lease");
    let running = start(&runner, plan()).await;
    let mut events = running.reader.events(Position::START);
    let mut stored_pieces = Vec::new();
    for (said, expected) in [("One", ("One", at(0))), (", two", ("One, two", at(0))), (", three", (", three", at(8)))] {
        tell.send(said).unwrap();
        assert_eq!(told(&events.next().await.unwrap()), said);
        let beat = loop {
            let beat = beats.recv().await.unwrap();
            if !beat.pieces.is_empty() {
                break beat;
            }
        };
        assert_eq!(beat.pieces.iter().map(text).collect::<Vec<_>>(), [expected]);
        stored_pieces.push(beat);
    }
    drop(tell);
    assert_eq!(ends.recv().await.unwrap().response(), Some("One, two, three"));
    assert_eq!(end(&events.next().await.unwrap()), "completed");
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_stored_while_there_is_nothing_to_say_but_the_lease_in_time() {
    let mut ports = Ports::untouched();
    let mut beats = beating(&mut ports, |_| Ok(News::default()));
    let (runner, leases) = ports.runner();
    let begun = Instant::now();
    let _heart = heart(&runner, leases, WatchedCredentials::default()).await;
    for _ in 0..5 {
        assert_eq!(beats.recv().await.unwrap().lease, Some(LEASE));
    }
    let (quarter, slack) = (LEASE / 4, TICK * 4);
    assert!((quarter * 4..=quarter * 4 + slack).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_stop_that_comes_with_the_beat_stops_the_turn_and_keeps_its_text() {
    let (mut ports, mut ends) = Ports::accepting();
    beating(&mut ports, |beat| {
        let cancelled = if beat.pieces.is_empty() { Vec::new() } else { vec![TURN] };
        Ok(News { cancelled, ..News::default() })
    });
    let tell = ports.telling();
    let (runner, leases) = ports.runner();
    let _heart = heart(&runner, leases, WatchedCredentials::default()).await;
    let running = start(&runner, plan()).await;
    tell.send("Half").unwrap();
    let state = ends.recv().await.unwrap();
    assert_eq!((state.as_str(), state.response()), ("cancelled", Some("Half")));
    assert!(tell.is_closed(), "the engine was stopped");
    assert_eq!(running.reader.finished().await.unwrap().turn.state.as_str(), "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_runs_here_is_stopped_at_once() {
    let (mut ports, mut ends) = Ports::accepting();
    let noted = Cancellation::Requested { by: REPLICA };
    ports.leases.expect_request_cancel().once().returning(move |_, _, _| Ok(Some(noted)));
    let _tell = ports.telling();
    let (runner, _) = ports.runner();
    let _running = start(&runner, plan()).await;
    assert_eq!(runner.cancel(USER, TURN).await.unwrap(), Some(noted));
    assert_eq!(ends.recv().await.unwrap().as_str(), "cancelled");
}

#[tokio::test(start_paused = true)]
async fn the_last_reader_that_goes_stops_the_turn_that_said_so() {
    let (mut ports, mut ends) = Ports::accepting();
    let tell = ports.telling();
    let (runner, _) = ports.runner();
    let running = start(&runner, TurnPlan { on_disconnect: OnDisconnect::Cancel, ..plan() }).await;
    let mut other = runner.follow(TURN, Position::START);
    tell.send("Half").unwrap();
    assert_eq!(told(&other.next().await.unwrap()), "Half");
    drop(running);
    tokio::task::yield_now().await;
    assert!(ends.try_recv().is_err(), "somebody still reads");
    drop(other);
    assert_eq!(ends.recv().await.unwrap().as_str(), "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_turn_goes_on_without_readers_unless_it_said_otherwise() {
    let (mut ports, mut ends) = Ports::accepting();
    let tell = ports.telling();
    let (runner, _) = ports.runner();
    drop(start(&runner, plan()).await);
    tell.send("All").unwrap();
    drop(tell);
    assert_eq!(ends.recv().await.unwrap().as_str(), "completed");
}

#[tokio::test(start_paused = true)]
async fn readers_that_come_at_any_time_and_place_read_the_same() {
    let (mut ports, _ends) = Ports::accepting();
    let tell = ports.telling();
    let (runner, _) = ports.runner();
    let running = start(&runner, plan()).await;
    let mut first = running.reader.events(Position::START);
    tell.send("Grüße ").unwrap();
    assert_eq!(told(&first.next().await.unwrap()), "Grüße ");
    let mut late = runner.follow(TURN, at(4));
    assert_eq!(told(&late.next().await.unwrap()), "ße ");
    tell.send("aus 東京").unwrap();
    drop(tell);
    for reader in [&mut first, &mut late] {
        let event = reader.next().await.unwrap();
        assert_eq!((told(&event), event.position), ("aus 東京", at(18)));
        assert_eq!(end(&reader.next().await.unwrap()), "completed");
        assert!(reader.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_of_another_process_is_followed_to_its_end() {
    let mut ports = Ports::untouched();
    let piece =
        |offset, text: &str| Piece { turn_id: TURN, at: at(offset), content: PieceContent::Text(text.to_owned()) };
    let answer = Answer { response: "One, two, three".to_owned(), ..Answer::default() };
    let mut courses = VecDeque::from([
        Course::Running(vec![piece(0, "One")]),
        // What was known has grown, and something comes after a gap.
        Course::Running(vec![piece(0, "One, two"), piece(12, "ee")]),
        Course::Ended(Box::new(stored(TurnState::Completed(answer)))),
    ]);
    let mut beats = beating(&mut ports, move |beat| {
        let course = |_| Followed { turn_id: TURN, course: courses.pop_front().expect("it is over") };
        Ok(News { followed: beat.followed.iter().map(course).collect(), ..News::default() })
    });
    let (runner, leases) = ports.runner();
    let _heart = heart(&runner, leases, WatchedCredentials::default()).await;
    beats.recv().await.unwrap();
    let begun = Instant::now();
    let mut events = runner.follow(TURN, at(1));
    assert_eq!(told(&events.next().await.unwrap()), "ne");
    assert_eq!(begun.elapsed(), Duration::ZERO, "the first look does not wait for the next tick");
    assert_eq!(told(&events.next().await.unwrap()), ", two");
    assert_eq!(told(&events.next().await.unwrap()), ", three");
    assert_eq!(end(&events.next().await.unwrap()), "completed");
    assert!(events.next().await.is_none());
    drop(events);
    let known: Vec<usize> = std::iter::from_fn(|| beats.try_recv().ok())
        .flat_map(|beat| beat.followed.into_iter().map(|following| following.after.offset))
        .collect();
    assert_eq!(known, [0, 3, 8], "only what is not known is asked for");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_gone_ends_its_readers_without_an_end() {
    let mut ports = Ports::untouched();
    beating(&mut ports, |beat| {
        let gone = |_| Followed { turn_id: TURN, course: Course::Gone };
        Ok(News { followed: beat.followed.iter().map(gone).collect(), ..News::default() })
    });
    let (runner, leases) = ports.runner();
    let _heart = heart(&runner, leases, WatchedCredentials::default()).await;
    assert!(runner.follow(TURN, Position::START).next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stop_tells_each_reader_the_end_of_its_turn() {
    // Many times: what must not happen is a race between the end of the turn and that of the process.
    for _ in 0..50 {
        let (mut ports, _ends) = Ports::accepting();
        let tell = ports.telling();
        let (runner, _) = ports.runner();
        let running = start(&runner, plan()).await;
        let mut reading: Vec<_> = (0..4).map(|_| runner.follow(TURN, Position::START)).collect();
        reading.push(running.reader.events(Position::START));
        tell.send("Half").unwrap();
        for events in &mut reading {
            assert_eq!(told(&events.next().await.unwrap()), "Half");
            assert!(events.next().now_or_never().is_none(), "it waits for more");
        }
        runner.drain(Duration::from_millis(1)).await;
        for events in reading {
            let events: Vec<_> = events.collect().await;
            assert_eq!(events.iter().map(end).collect::<Vec<_>>(), ["incomplete"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_takes_the_place_of_the_turn_it_interrupts() {
    let mut ports = Ports::untouched();
    let other = TurnId::from_uuid(Uuid::from_u128(9));
    let mut answers = VecDeque::from([Err(AcceptError::ConversationBusy { running: other })]);
    let accept = move |_| answers.pop_front().unwrap_or_else(|| Ok(Acceptance::Accepted(accepted())));
    ports.journal.expect_accept().times(2).returning(accept);
    let mut ends = ports.storing_ends();
    let noted = Cancellation::Requested { by: ReplicaId::from_uuid(Uuid::from_u128(5)) };
    ports
        .leases
        .expect_request_cancel()
        .once()
        .withf(move |user, turn, _| (*user, *turn) == (USER, other))
        .returning(move |_, _, _| Ok(Some(noted)));
    let mut courses = VecDeque::from([
        Course::Running(Vec::new()),
        Course::Ended(Box::new(Turn { id: other, ..stored(TurnState::Cancelled(Answer::default())) })),
    ]);
    beating(&mut ports, move |beat| {
        let course = |_| Followed { turn_id: other, course: courses.pop_front().expect("it is over") };
        Ok(News { followed: beat.followed.iter().map(course).collect(), ..News::default() })
    });
    let tell = ports.telling();
    let (runner, leases) = ports.runner();
    let _heart = heart(&runner, leases, WatchedCredentials::default()).await;
    let running = start(&runner, TurnPlan { on_busy: OnBusy::Interrupt, ..plan() }).await;
    assert_eq!(running.turn_id, TURN);
    tell.send("Yes.").unwrap();
    drop(tell);
    assert_eq!(ends.recv().await.unwrap().as_str(), "completed");
}

#[tokio::test(start_paused = true)]
async fn what_ended_elsewhere_is_told_with_the_beat() {
    let session = CredentialId::Session(SessionId::from_uuid(Uuid::from_u128(7)));
    let key = CredentialId::ApiKey(ApiKeyId::from_uuid(Uuid::from_u128(8)));
    for credential in [session, key] {
        let mut ports = Ports::untouched();
        beating(&mut ports, |beat| Ok(News { ended: beat.credentials.clone(), ..News::default() }));
        let (runner, leases) = ports.runner();
        let watched = WatchedCredentials::default();
        let _heart = heart(&runner, leases, watched.clone()).await;
        let begun = Instant::now();
        let mut watch = watched.ended(credential);
        assert!((&mut watch).now_or_never().is_none());
        watch.await;
        assert!(begun.elapsed() <= 2 * TICK, "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_found_late_is_answered_although_nobody_reads_and_a_stop_waits_for_it() {
    let mut ports = Ports::untouched();
    undecided(&mut ports, |_| Some(TurnState::Running { response: String::new() }));
    let mut ends = ports.storing_ends();
    let tell = ports.telling();
    let (runner, _) = ports.runner();
    assert!(runner.start(TurnPlan { on_disconnect: OnDisconnect::Cancel, ..plan() }).await.is_err());
    tell.send("Half").unwrap();
    let mut reader = runner.follow(TURN, Position::START);
    assert_eq!(told(&reader.next().await.unwrap()), "Half");
    runner.drain(Duration::from_secs(1)).await;
    assert_eq!(ends.recv().await.unwrap().as_str(), "incomplete");
    assert_eq!(end(&reader.next().await.unwrap()), "incomplete");
}

#[tokio::test(start_paused = true)]
async fn a_turn_does_not_end_before_its_pieces_have_landed() {
    let (mut ports, mut ends) = Ports::accepting();
    let tell = ports.telling();
    let (runner, _) = ports.runner();
    let running = start(&runner, plan()).await;
    tell.send("Half").unwrap();
    let mut events = running.reader.events(Position::START);
    assert_eq!(told(&events.next().await.unwrap()), "Half");
    // A beat that takes its time: the pieces are taken here, and land when the test says so.
    let feed = runner.feeds().own_turn(TURN).unwrap();
    let (pieces, until) = feed.take_pieces().unwrap();
    assert_eq!(text(&pieces[0]).0, "Half");
    drop(tell);
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert!(ends.try_recv().is_err(), "it waits");
    assert!(feed.take_pieces().is_none(), "and no more is taken");
    feed.landed(Some(until));
    assert_eq!(ends.recv().await.unwrap().as_str(), "completed");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_suspended_gives_the_others_a_lease_before_it_reaps() {
    let mut ports = Ports::untouched();
    let (reap, mut reaps) = mpsc::unbounded_channel();
    ports.leases.expect_beat().returning(|_| Ok(News::default()));
    ports.leases.expect_reap().returning(move |_, _| {
        reap.send(Instant::now()).unwrap();
        Ok(Vec::new())
    });
    let (runner, leases) = ports.runner();
    let _heart = heart(&runner, leases, WatchedCredentials::default()).await;
    reaps.recv().await.unwrap();
    // As if the machine had slept: time passes, and nothing runs meanwhile.
    tokio::time::advance(LEASE * 3).await;
    let woken = Instant::now();
    let next = reaps.recv().await.unwrap();
    assert!(next - woken >= LEASE, "it reaped {:?} after it had woken", next - woken);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_question_that_interrupts() {
    let mut ports = Ports::untouched();
    let other = TurnId::from_uuid(Uuid::from_u128(9));
    ports.journal.expect_accept().once().returning(move |_| Err(AcceptError::ConversationBusy { running: other }));
    let noted = Cancellation::Requested { by: REPLICA };
    ports.leases.expect_request_cancel().returning(move |_, _, _| Ok(Some(noted)));
    let (runner, _) = ports.runner();
    let asking = runner.clone();
    let asked = tokio::spawn(async move { asking.start(TurnPlan { on_busy: OnBusy::Interrupt, ..plan() }).await });
    tokio::task::yield_now().await;
    let begun = Instant::now();
    runner.drain(Duration::from_secs(1)).await;
    assert!(matches!(asked.await.unwrap(), Err(AcceptError::ConversationBusy { running }) if running == other));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

/// What somebody holds for as long as a permit does.
#[derive(Clone, Default)]
struct Place(Arc<()>);

impl Place {
    fn permit(&self) -> StreamPermit {
        StreamPermit::holding(self.0.clone())
    }

    fn is_free(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

#[tokio::test(start_paused = true)]
async fn s43_a_place_is_held_until_the_engine_is_done_though_nobody_reads_and_free_before_the_end_is_told() {
    let (mut ports, mut ends) = Ports::accepting();
    let tell = ports.telling();
    let (runner, _) = ports.runner();
    let place = Place::default();
    let running = start(&runner, TurnPlan { permit: place.permit(), ..plan() }).await;
    drop(running);
    tell.send("a").unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!place.is_free(), "nobody reads, but it is still made");
    drop(tell);
    ends.recv().await.unwrap();
    assert!(place.is_free(), "what is stored has been let go of");
}

#[tokio::test(flavor = "multi_thread")]
async fn s43_a_question_that_is_not_answered_has_let_go_of_its_place_when_that_is_told() {
    for _ in 0..1000 {
        let mut ports = Ports::untouched();
        ports.journal.expect_accept().once().returning(|_| Err(AcceptError::ConversationNotFound));
        ports.journal.expect_accept().once().returning(|_| {
            Ok(Acceptance::Replayed(Box::new(stored(TurnState::Failed(domain::conversation::Failure::EngineError)))))
        });
        let (runner, _) = ports.runner();
        let place = Place::default();
        for _ in 0..2 {
            drop(runner.start(TurnPlan { permit: place.permit(), ..plan() }).await);
            assert!(place.is_free());
        }
    }
}
