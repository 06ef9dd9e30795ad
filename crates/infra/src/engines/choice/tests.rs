use domain::chat::{EngineErrorKind, EngineEvent, FinishReason};
use futures_util::StreamExt as _;

use super::super::asked::request;
use super::*;

const NOTHING: Environment<'_> = &|_| None;

fn settings(kind: EngineKind) -> EngineSettings {
    EngineSettings { kind, ..EngineSettings::default() }
}

fn openai_with(change: impl FnOnce(&mut OpenAiSection)) -> EngineSettings {
    let mut settings = settings(EngineKind::OpenAi);
    change(&mut settings.openai);
    settings
}

fn models_of(chosen: &ChosenEngine) -> Vec<String> {
    chosen.engine.models().into_iter().map(|model| format!("{}/{}", model.provider, model.name.as_str())).collect()
}

fn error(settings: EngineSettings, env: Environment<'_>) -> String {
    build(settings, env).map(|chosen| chosen.description).unwrap_err().to_string()
}

#[test]
fn auto_is_builtin_without_a_key() {
    let empty: Environment<'_> = &|_| Some(" \n".to_owned());
    for env in [NOTHING, empty] {
        let chosen = build(EngineSettings::default(), env).unwrap();
        assert_eq!(chosen.description, "builtin (no model connected)");
        assert_eq!(models_of(&chosen), ["builtin/builtin"]);
    }
}

#[test]
fn auto_is_the_first_preset_whose_key_is_there() {
    let chosen = build(EngineSettings::default(), &|name| {
        ["GEMINI_API_KEY", "GROQ_API_KEY"].contains(&name).then(|| "sk-1\n".to_owned())
    });
    // The machine that runs this test may have no CA certificates.
    match chosen {
        Ok(chosen) => {
            assert_eq!(
                chosen.description,
                "gemini: gemini-flash-latest at https://generativelanguage.googleapis.com/v1beta/openai \
                 (because GEMINI_API_KEY is set)"
            );
            assert_eq!(models_of(&chosen), ["gemini/gemini-flash-latest"]);
        }
        Err(error) => assert!(matches!(error, EngineConfigError::Client(_)), "{error}"),
    }
}

#[test]
fn auto_says_that_a_configured_server_is_not_used() {
    let mut settings = settings(EngineKind::Auto);
    settings.openai.base_url = Some("http://localhost:11434/v1".to_owned());
    let chosen = build(settings, NOTHING).unwrap();
    assert!(chosen.description.contains("only if engine.kind is \"openai\""), "{}", chosen.description);
}

#[test]
fn a_server_is_named_by_its_address_or_by_a_preset() {
    let address = |section: &mut OpenAiSection| section.base_url = Some("http://localhost:11434/v1/".to_owned());
    let chosen = build(openai_with(address), NOTHING).unwrap();
    assert_eq!(chosen.description, "ollama: llama3.2 at http://localhost:11434/v1/");

    let preset = |section: &mut OpenAiSection| {
        section.preset = Some("ollama".to_owned());
        section.base_url = Some("http://gpu:11434/v1?key=sk-1".to_owned());
        section.model = Some("b".to_owned());
        section.models = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    };
    let chosen = build(openai_with(preset), NOTHING).unwrap();
    assert_eq!(chosen.description, "ollama: b at http://gpu:11434/v1");
    assert_eq!(models_of(&chosen), ["ollama/b", "ollama/a", "ollama/c"]);
}

#[test]
fn the_second_model_must_be_offered() {
    let mut settings = openai_with(|section| {
        section.preset = Some("ollama".to_owned());
        section.models = vec!["a".to_owned(), "b".to_owned()];
    });
    for (second, is_accepted) in [("a", true), ("b", true), ("", true), ("c", false)] {
        settings.fallback_model = Some(second.to_owned());
        assert_eq!(build(settings.clone(), NOTHING).is_ok(), is_accepted, "{second}");
    }
}

/// The scripted engine, as an operator gets it.
async fn scripted(change: fn(&mut EngineSettings)) -> (String, Option<Result<FinishReason, EngineErrorKind>>) {
    let mut settings = settings(EngineKind::Scripted);
    change(&mut settings);
    let (mut text, mut end) = (String::new(), None);
    let mut events = match build(settings, NOTHING).unwrap().engine.answer(request()).await {
        Ok(events) => events,
        Err(error) => return (text, Some(Err(error.kind))),
    };
    while let Some(event) = events.next().await {
        match event {
            Ok(EngineEvent::Text(piece)) => text.push_str(&piece),
            Ok(EngineEvent::Finish(reason)) => end = Some(Ok(reason)),
            Ok(_) => {}
            Err(error) => end = Some(Err(error.kind)),
        }
    }
    (text, end)
}

#[tokio::test(start_paused = true)]
async fn every_engine_is_guarded() {
    let (text, end) = scripted(|_| {}).await;
    assert!(text.ends_with("Why? 2 3 4 5 6 7 8 9 10 11 12") && end == Some(Ok(FinishReason::Stop)), "{text}");

    let hung = |engine: &mut EngineSettings| engine.scripted.hang = true;
    assert_eq!(scripted(hung).await.1, Some(Err(EngineErrorKind::Timeout)));
    let hung_at_once = |engine: &mut EngineSettings| (engine.scripted.hang, engine.scripted.tokens) = (true, 0);
    assert_eq!(scripted(hung_at_once).await, (String::new(), Some(Err(EngineErrorKind::Timeout))));

    let endless = |engine: &mut EngineSettings| (engine.scripted.endless, engine.max_output_tokens) = (true, 1000);
    let (text, end) = scripted(endless).await;
    assert_eq!((text.len(), end), (4000, Some(Ok(FinishReason::Length))));
    let long = |engine: &mut EngineSettings| (engine.scripted.endless, engine.max_output_bytes) = (true, 3333);
    assert_eq!(scripted(long).await.0.len(), 3333);
    let slow = |engine: &mut EngineSettings| {
        (engine.scripted.endless, engine.scripted.token_ms, engine.max_seconds) = (true, 1000, 100);
    };
    assert_eq!(scripted(slow).await.1, Some(Err(EngineErrorKind::Timeout)));
}

#[test]
fn a_providers_key_goes_to_no_other_address() {
    let section = OpenAiSection { base_url: Some("http://localhost:9/v1".to_owned()), ..OpenAiSection::default() };
    let server = configured(section, &|_| Some("sk-1".to_owned())).unwrap();
    assert!(server.key.is_none());
    let section = OpenAiSection {
        preset: Some("openai".to_owned()),
        base_url: Some("https://elsewhere.example/v1".to_owned()),
        ..OpenAiSection::default()
    };
    assert!(configured(section, &|_| Some("sk-1".to_owned())).unwrap().key.is_none());
    let section = OpenAiSection { preset: Some("groq".to_owned()), ..OpenAiSection::default() };
    assert_eq!(configured(section, &|_| Some("sk-1".to_owned())).unwrap().key.unwrap().origin, "GROQ_API_KEY");
}

#[test]
fn errors_name_the_key_and_the_way_out() {
    let base_url = |url: &'static str| openai_with(|section| section.base_url = Some(url.to_owned()));
    let local = |change: fn(&mut OpenAiSection)| {
        openai_with(|section| {
            section.preset = Some("ollama".to_owned());
            change(section);
        })
    };
    let general = |change: fn(&mut EngineSettings)| {
        let mut settings = settings(EngineKind::Scripted);
        change(&mut settings);
        settings
    };
    for (settings, parts) in [
        (
            openai_with(|section| section.preset = Some("nope".to_owned())),
            ["engine.openai.preset", "\"nope\"", "ollama"],
        ),
        (settings(EngineKind::OpenAi), ["engine.openai.api_key", "OPENAI_API_KEY", "engine.kind"]),
        (base_url("http://x/v1"), ["engine.openai.model", "http://x/v1", "must be a model"]),
        (
            local(|section| section.base_url = Some("ftp://x".to_owned())),
            ["engine.openai.base_url", "http or https", "https://"],
        ),
        (
            local(|section| section.base_url = Some("localhost".to_owned())),
            ["engine.openai.base_url", "http or https", "https://"],
        ),
        (
            local(|section| section.base_url = Some("http://u:hunter2@x".to_owned())),
            ["engine.openai.base_url", "must not contain", "password"],
        ),
        (local(|section| section.api_key = Some("a b".into())), ["engine.openai.api_key", "visible ASCII", "check"]),
        (local(|section| section.model = Some("\0".to_owned())), ["engine.openai.model", "U+0000", "knows"]),
        (local(|section| section.models = vec![" ".to_owned()]), ["engine.openai.models", "empty", "knows"]),
        (general(|engine| engine.progress_timeout_ms = 0), ["engine.progress_timeout_ms", "at least 1", "default"]),
        (
            general(|engine| engine.first_token_timeout_ms = 0),
            ["engine.first_token_timeout_ms", "at least 1", "default"],
        ),
        (general(|engine| engine.max_seconds = 0), ["engine.max_seconds", "at least 1", "default"]),
        (general(|engine| engine.max_output_tokens = 0), ["engine.max_output_tokens", "at least 1", "default"]),
        (general(|engine| engine.max_output_bytes = 0), ["engine.max_output_bytes", "at least 1", "default"]),
        (
            general(|engine| engine.fallback_model = Some("gpt".to_owned())),
            ["engine.fallback_model", "does not offer \"gpt\"", "use one of \"scripted\""],
        ),
    ] {
        let error = error(settings, NOTHING);
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn no_key_is_shown() {
    let settings = openai_with(|section| {
        section.preset = Some("ollama".to_owned());
        section.api_key = Some("sk-secret".into());
    });
    assert!(!format!("{settings:?}").contains("sk-secret"));
    assert!(!build(settings, NOTHING).unwrap().description.contains("sk-secret"));
}

#[test]
fn settings_are_read_strictly() {
    let read = |json: &str| serde_json::from_str::<EngineSettings>(json);
    let settings = read(
        r#"{"kind": "openai", "openai": {"preset": "vllm", "api_key": "k", "models": ["m"]}, "scripted": {"fail_after": 3}}"#,
    )
    .unwrap();
    assert_eq!(settings.kind, EngineKind::OpenAi);
    assert_eq!(settings.scripted.fail_after, Some(3));
    assert_eq!(build(settings, NOTHING).unwrap().description, "vllm: m at http://localhost:8000/v1");
    assert_eq!(read("{}").unwrap().kind, EngineKind::Auto);
    assert!(read(r#"{"kind": "magic"}"#).is_err());
    assert!(read(r#"{"openai": {"url": "http://x"}}"#).is_err());
}

#[test]
fn presets_are_usable() {
    for preset in PRESETS {
        assert_eq!(Preset::named(preset.name), Some(preset));
        assert_eq!(Preset::at(&format!("{}/", preset.base_url)), Some(preset));
        assert!(preset.base_url.starts_with("https://") || is_this_machine(preset.base_url));
        assert!(preset.key_variable.is_some() || is_this_machine(preset.base_url));
    }
}
