use domain::chat::OutputTokens;

use super::super::fake::{Fake, Step, request, text, told};
use super::*;

const CAPS: Caps = Caps { time: Duration::from_secs(600), tokens: 1_000_000, bytes: 1_000_000 };

fn capped(caps: Caps, steps: Vec<Step>) -> (Capped, Arc<Fake>) {
    let fake = Arc::new(Fake::answering(steps));
    (Capped::new(fake.clone(), caps), fake)
}

fn finish(reason: FinishReason) -> Step {
    Step::Event(EngineEvent::Finish(reason))
}

/// The texts and how the answer ended; the engine is stopped by then.
async fn texts(caps: Caps, request: EngineRequest, steps: Vec<Step>) -> (Vec<String>, Option<FinishReason>) {
    let (capped, fake) = capped(caps, steps);
    let mut events = capped.answer(request).await.unwrap();
    let mut texts = Vec::new();
    while let Some(event) = events.next().await {
        match event.unwrap() {
            EngineEvent::Text(text) => texts.push(text),
            EngineEvent::Finish(FinishReason::Length) => {
                assert_eq!(fake.open(), 0, "the engine goes on");
                assert!(events.next().await.is_none(), "something came after the end");
                return (texts, Some(FinishReason::Length));
            }
            EngineEvent::Finish(reason) => return (texts, Some(reason)),
            other => panic!("{other:?}"),
        }
    }
    (texts, None)
}

#[tokio::test(start_paused = true)]
async fn r18_an_endless_answer_is_cut_at_its_bytes() {
    let caps = Caps { bytes: 1000, ..CAPS };
    let (texts, end) = texts(caps, request(), vec![Step::Forever(EngineEvent::Text("seven x".to_owned()))]).await;
    assert_eq!((texts.concat().len(), end), (1000, Some(FinishReason::Length)));
    assert_eq!(texts.last().map(String::as_str), Some("seven "));
}

#[tokio::test(start_paused = true)]
async fn r18_an_endless_answer_is_cut_at_its_tokens() {
    let endless = || vec![Step::Forever(EngineEvent::Text("ten bytes!".to_owned()))];
    let caps = Caps { tokens: 99, ..CAPS };
    let (told, end) = texts(caps, request(), endless()).await;
    let text = told.concat();
    assert_eq!((domain::text::estimated_tokens(&text), end), (99, Some(FinishReason::Length)));
    assert_eq!(domain::text::estimated_tokens(&format!("{text}!")), 100);

    // A request lowers the cap where the engine does not keep to it, each token being long, and does not raise it.
    for (asked, expected) in [(7, 28), (24, 96), (25, 99), (100, 99)] {
        let mut request = request();
        request.sampling.max_output_tokens = Some(OutputTokens::try_from(asked).unwrap());
        let (told, end) = texts(caps, request, endless()).await;
        let tokens = domain::text::estimated_tokens(&told.concat());
        assert_eq!((tokens, end), (expected, Some(FinishReason::Length)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_keeps_to_few_tokens_is_not_cut_for_its_long_words() {
    let mut request = request();
    request.sampling.max_output_tokens = Some(OutputTokens::try_from(2).unwrap());
    let steps = vec![text("internationalization"), Step::Event(EngineEvent::Finish(FinishReason::Stop))];
    let (told, end) = texts(CAPS, request, steps).await;
    assert_eq!((told.concat().as_str(), end), ("internationalization", Some(FinishReason::Stop)));
}

#[tokio::test(start_paused = true)]
async fn r18_characters_stay_whole() {
    for (bytes, expected) in [(1, ""), (2, "é"), (3, "é"), (5, "é"), (6, "é🦀"), (7, "é🦀x")] {
        let (told, end) = texts(Caps { bytes, ..CAPS }, request(), vec![text("é🦀xyz")]).await;
        assert_eq!((told.concat().as_str(), end), (expected, Some(FinishReason::Length)));
        assert!(told.iter().all(|text| !text.is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn r18_an_answer_that_just_fits_is_whole() {
    let caps = Caps { bytes: 4, ..CAPS };
    let (told, end) = texts(caps, request(), vec![text("ab"), text("cd"), finish(FinishReason::Stop)]).await;
    assert_eq!((told.concat().as_str(), end), ("abcd", Some(FinishReason::Stop)));
    let (told, end) = texts(caps, request(), vec![text("ab"), text("cd"), text("e"), Step::Hang]).await;
    assert_eq!((told.concat().as_str(), end), ("abcd", Some(FinishReason::Length)));
}

#[tokio::test(start_paused = true)]
async fn r18_parts_count_and_are_not_cut() {
    let row = vec![String::new()];
    for part in [
        Part::Image { url: "/x".to_owned(), alt: None },
        Part::Table { columns: Vec::new(), rows: vec![row] },
        Part::Reasoning { text: "so".to_owned() },
        Part::ToolCall { id: String::new(), name: String::new(), arguments: String::new() },
    ] {
        let (capped, fake) =
            capped(Caps { bytes: 1000, ..CAPS }, vec![text("x"), Step::Forever(EngineEvent::Part(part.clone()))]);
        let told = told(capped.answer(request()).await.unwrap()).await;
        assert_eq!((told.text.as_str(), told.finish), ("x", Some(FinishReason::Length)));
        assert!((10..=62).contains(&told.parts.len()), "{}", told.parts.len());
        assert!(told.parts.iter().all(|told| *told == part));
        assert_eq!(fake.open(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn r18_time_runs_out_and_the_text_is_kept() {
    let second = Duration::from_secs(1);
    let caps = Caps { time: second * 10, ..CAPS };
    let steps: Vec<Step> = std::iter::repeat_n([Step::Wait(second), text("x")], 1000).flatten().collect();
    let (capped, fake) = capped(caps, steps);
    let started = Instant::now();
    let told = told(capped.answer(request()).await.unwrap()).await;
    assert_eq!((told.error, fake.open()), (Some(EngineErrorKind::Timeout), 0));
    assert!((9..=10).contains(&told.text.len()) && started.elapsed() <= caps.time + second, "{}", told.text);
}

#[tokio::test(start_paused = true)]
async fn r18_time_runs_before_the_answer_begins() {
    let caps = Caps { time: Duration::from_secs(10), ..CAPS };
    let (capped, _) = capped(caps, vec![Step::RefuseAfter(caps.time * 2)]);
    let started = Instant::now();
    let error = capped.answer(request()).await.map(drop).unwrap_err();
    assert_eq!((error.kind, started.elapsed().as_secs()), (EngineErrorKind::Timeout, 10));
}

#[tokio::test]
async fn r18_time_runs_out_although_there_is_always_something_to_take() {
    let caps = Caps { time: Duration::from_millis(20), ..CAPS };
    let (capped, fake) = capped(caps, vec![text("x"), Step::Forever(EngineEvent::Progress)]);
    let told = told(capped.answer(request()).await.unwrap()).await;
    assert_eq!((told.text.as_str(), told.error, fake.open()), ("x", Some(EngineErrorKind::Timeout), 0));
}
