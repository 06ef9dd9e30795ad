use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn load_with(variables: &[(&str, &str)]) -> Result<Configuration, SettingsError> {
    load(&variables.iter().copied().collect::<Environment>(), &Flags::default())
}

fn load_file(text: &str) -> (PathBuf, Result<Configuration, SettingsError>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.toml");
    fs::write(&path, text).unwrap();
    let flags = Flags { config: Some(path.clone()), ..Flags::default() };
    (path, load(&Environment::default(), &flags))
}

fn key_problems(result: Result<Configuration, SettingsError>) -> Vec<KeyProblem> {
    match result.unwrap_err() {
        SettingsError::Keys(problems) => problems,
        other => panic!("{other}"),
    }
}

fn only_problem(result: Result<Configuration, SettingsError>) -> KeyProblem {
    let mut problems = key_problems(result);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

fn project_file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// No field is optional and none has a default of its own, so that loading proves that `config/default.toml` gives
/// every key of the types, and `deny_unknown_fields` that it gives no other.
#[test]
fn the_defaults_are_complete() {
    let configuration = load_with(&[]).unwrap();
    assert_eq!(configuration.profile, Profile::Development);
    assert_eq!(configuration.data_dir, Path::new("./data"));
    assert_eq!(configuration.settings.server.port.get(), 8112);
}

/// `check_table` would catch a key that the types have not; this holds the types themselves against the defaults.
#[test]
fn a_key_that_is_missing_from_the_defaults_is_noticed() {
    let whole: toml::Table = project_file("config/default.toml").parse().unwrap();
    assert!(whole.clone().try_into::<Settings>().is_ok());
    let known = layer::KnownKeys::of(&whole);
    for key in known.names() {
        let mut without = whole.clone();
        let (sections, name) = key.rsplit_once('.').unwrap();
        let section = sections.split('.').fold(&mut without, |table, name| table[name].as_table_mut().unwrap());
        section.remove(name);
        assert!(without.try_into::<Settings>().is_err(), "{key} is optional in the types");
    }
    let mut with_more = whole;
    with_more["server"].as_table_mut().unwrap().insert("colour".to_owned(), "blue".into());
    assert!(with_more.try_into::<Settings>().is_err());
}

#[test]
fn the_documentation_has_every_key_with_its_default() {
    let documented: BTreeMap<String, String> = project_file("docs/CONFIG.md")
        .lines()
        .skip_while(|line| *line != "## Keys")
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let key = cells.next()?.strip_suffix('`')?;
            Some((key.to_owned(), cells.next()?.trim_matches('`').to_owned()))
        })
        .collect();
    let configuration = load_with(&[]).unwrap();
    let defaults: BTreeMap<String, String> =
        configuration.said.entries().map(|(key, value, _)| (key.to_owned(), value.to_string())).collect();
    assert_eq!(documented, defaults);
}

#[test]
fn every_key_is_annotated() {
    let text = project_file("config/default.toml");
    let lines: Vec<&str> = text.lines().collect();
    for (above, line) in lines.iter().zip(&lines[1..]) {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(above.starts_with("# "), "{line}");
        }
    }
}

#[test]
fn later_beats_earlier() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.toml");
    fs::write(&file, "[server]\nport = 1\nhost = \"::1\"\nworkers = 1\n[chat]\nmax_context_turns = 3").unwrap();
    let variables = [
        ("COLLOQUY_PROFILE", "test"),
        ("COLLOQUY_CONFIG", file.to_str().unwrap()),
        ("COLLOQUY_DATA_DIR", "/srv/data"),
        ("COLLOQUY__SERVER__PORT", "2"),
        ("COLLOQUY__SERVER__WORKERS", "5"),
        ("PORT", "3"),
        ("DATABASE_URL", ""),
    ];
    let environment: Environment = variables.into_iter().collect();
    let configuration = load(&environment, &Flags::default()).unwrap();
    let Settings { server, chat, engine, database, .. } = &configuration.settings;
    assert_eq!((server.port.get(), server.workers.get(), server.host.as_str()), (3, 5, "::1"));
    assert_eq!((chat.max_context_turns.get(), chat.max_context_tokens.get()), (3, 8000));
    assert_eq!(engine.kind, EngineKind::Builtin, "the profile's");
    assert!(matches!(database.url, DatabaseUrl::Embedded), "an empty variable is no variable");
    assert_eq!(configuration.data_dir, Path::new("/srv/data"));

    let flags = Flags { port: Some(4), auto_migrate: true, config: None };
    let configuration = load(&environment, &flags).unwrap();
    assert_eq!(configuration.settings.server.port.get(), 4);
    assert!(configuration.settings.database.auto_migrate);
}

#[test]
fn a_list_is_separated_by_commas_in_the_environment() {
    let models = |text| load_with(&[("COLLOQUY__ENGINE__OPENAI__MODELS", text)]).unwrap().settings.engine.openai.models;
    assert_eq!(models("small, large,"), ["small", "large"]);
    assert_eq!(models(""), [""; 0]);
}

#[test]
fn a_number_stays_a_text_where_a_text_is_due() {
    let settings = load_with(&[("COLLOQUY__ENGINE__OPENAI__MODEL", "4711")]).unwrap().settings;
    assert_eq!(settings.engine.openai.model, "4711");
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_what_was_meant() {
    let (path, result) = load_file("[server]\nprot = 1\n[serverr]\n[engine.openai]\nargon2 = 1\nqueue = 1");
    let problems = key_problems(result);
    let unknown = |key: &str, suggestion: Option<&str>| KeyProblem {
        key: key.to_owned(),
        origin: Origin::File(path.clone()),
        flaw: Flaw::Unknown { suggestion: suggestion.map(str::to_owned) },
    };
    assert_eq!(problems.len(), 4);
    for expected in [
        unknown("server.prot", Some("server.port")),
        unknown("serverr", None),
        unknown("engine.openai.argon2", None),
        unknown("engine.openai.queue", Some("auth.argon2.queue")),
    ] {
        assert!(problems.contains(&expected), "{expected:?} in {problems:?}");
    }
    let problem = only_problem(load_with(&[("COLLOQUY__SERVER__PROT", "1")]));
    assert_eq!(problem.origin, Origin::Variable("COLLOQUY__SERVER__PROT".to_owned()));
    let text = SettingsError::Keys(vec![problem]).to_string();
    assert!(text.contains("no key `server.prot`"), "{text}");
    assert!(text.contains("where: environment variable COLLOQUY__SERVER__PROT"), "{text}");
    assert!(text.contains("next: write `server.port`"), "{text}");
}

#[test]
fn a_variable_that_only_looks_like_ours_is_refused() {
    for name in ["COLLOQUY_PROFIL", "COLLOQUY_DATADIR", "COLLOQUY_AUTH__SECRET", "COLLOQUY_"] {
        let problem = only_problem(load_with(&[(name, "x")]));
        assert_eq!(problem.origin, Origin::Variable(name.to_owned()));
        assert_eq!(problem.flaw, Flaw::Unknown { suggestion: None });
    }
    let ours = [("COLLOQUY_DATA_DIR", "/d"), ("COLLOQUY_PROFILE", "test"), ("COLLOQUY_TEST_POSTGRES", "x")];
    assert!(load_with(&ours).is_ok());
}

#[test]
fn an_ill_typed_value_is_named_with_its_place() {
    for (text, key, found) in [
        ("[server]\nport = \"8112\"", "server.port", "a text"),
        ("[server]\nhost = 1", "server.host", "a whole number"),
        ("[database]\nstatement_cache = \"yes\"", "database.statement_cache", "a text"),
        ("[engine.openai]\nmodels = [1]", "engine.openai.models", "a list"),
        ("server = 1", "server", "a whole number"),
        ("[server.port]\nreal = 1", "server.port", "a section"),
        ("[chat]\nmax_context_turns = 1.5", "chat.max_context_turns", "a number with a fraction"),
    ] {
        let (path, result) = load_file(text);
        let problem = only_problem(result);
        assert_eq!((problem.key.as_str(), &problem.origin), (key, &Origin::File(path)), "{text}");
        assert!(matches!(&problem.flaw, Flaw::WrongType { found: f, .. } if f == found), "{problem:?}");
    }
    for (variable, value, key) in [
        ("COLLOQUY__SERVER__PORT", "http", "server.port"),
        ("PORT", "80a", "server.port"),
        ("COLLOQUY__RATE_LIMIT__ENABLED", "maybe", "rate_limit.enabled"),
        ("COLLOQUY__SERVER__WORKERS", "", "server.workers"),
    ] {
        let problem = only_problem(load_with(&[(variable, value)]));
        assert_eq!((problem.key.as_str(), problem.origin), (key, Origin::Variable(variable.to_owned())));
    }
}

#[test]
fn a_value_that_breaks_its_rule_is_named_with_its_place() {
    for (variable, value, key, rule) in [
        ("COLLOQUY__SERVER__PORT", "70000", "server.port", "must be from 0 to 65535"),
        ("PORT", "-1", "server.port", "must be from 0 to 65535"),
        ("COLLOQUY__SERVER__SHUTDOWN_SECONDS", "0", "server.shutdown_seconds", "must be from 1 to 600"),
        ("COLLOQUY__AUTH__ARGON2__MEMORY_KIB", "4096", "auth.argon2.memory_kib", "must be from 19456 to 4194304"),
        ("COLLOQUY__AUTH__SESSION_CACHE_MS", "1001", "auth.session_cache_ms", "must be from 0 to 1000"),
        ("COLLOQUY__AUTH__ISSUER", "", "auth.issuer", "must have 1 to 255 visible ASCII characters"),
        ("COLLOQUY__SERVER__PUBLIC_URL", "chat", "server.public_url", "must be empty or like"),
        ("COLLOQUY__ENGINE__KIND", "magic", "engine.kind", "must be one of: auto, builtin, openai, scripted"),
        ("COLLOQUY__ENGINE__SCRIPTED__FAIL_AFTER", "-2", "engine.scripted.fail_after", "must be from -1"),
        ("COLLOQUY__RATE_LIMIT__TOKENS_PER_DAY", "-1", "rate_limit.tokens_per_day", "must be from 0 to 4294967295"),
        ("COLLOQUY__ENGINE__PRICES", "a=1/2,gpt-4o", "engine.prices", "has \"gpt-4o\", but must have texts like"),
        ("COLLOQUY__ENGINE__PRICES", "a=1/2,a=1/3", "engine.prices", "has two prices for \"a\""),
        ("COLLOQUY__LOG__FORMAT", "xml", "log.format", "must be one of: auto, human, json"),
        ("RUST_LOG", "infra=loud", "log.filter", "must be directives"),
        ("COLLOQUY__ENGINE__OPENAI__BASE_URL", "https://u:geheim@llm/v1", "engine.openai.base_url", "without user"),
        ("DATABASE_URL", "sqlite::memory:", "database.url", "across a restart"),
        ("DATABASE_URL", "mysql://u:geheim@h/d", "database.url", "must be sqlite:"),
        ("COLLOQUY__AUTH__SECRET", "geheim", "auth.secret", "at least 32 bytes, but has 6"),
        ("COLLOQUY__METRICS__TOKEN", "geheim", "metrics.token", "at least 16 bytes, but has 6"),
        ("COLLOQUY__METRICS__TOKEN", "geheim geheim geheim", "metrics.token", "visible ASCII characters"),
    ] {
        let result = load_with(&[(variable, value)]);
        let text = result.as_ref().unwrap_err().to_string();
        let problem = only_problem(result);
        assert_eq!((problem.key.as_str(), problem.origin), (key, Origin::Variable(variable.to_owned())), "{value}");
        assert!(text.contains(rule), "{text}");
        assert!(!text.contains("geheim"), "{text}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let flags = Flags { config: Some(PathBuf::from("/nowhere/mine.toml")), ..Flags::default() };
    let text = load(&Environment::default(), &flags).unwrap_err().to_string();
    assert!(text.contains("where: /nowhere/mine.toml"), "{text}");

    let (path, result) = load_file("[auth]\nsecret = \"geheim\nport = 1");
    let text = result.unwrap_err().to_string();
    assert!(text.contains(&format!("where: {}, line 2", path.display())), "{text}");
    assert!(!text.contains("geheim"), "{text}");
}

#[test]
fn an_unknown_profile_names_the_choices() {
    let text = load_with(&[("COLLOQUY_PROFILE", "prod")]).unwrap_err().to_string();
    assert!(text.contains("`prod`") && text.contains("development, production, test"), "{text}");
}

#[test]
fn every_profile_is_sound() {
    for profile in ["development", "production", "test"] {
        assert_eq!(load_with(&[("COLLOQUY_PROFILE", profile)]).unwrap().profile.to_string(), profile);
    }
}

#[test]
fn no_secret_is_printed() {
    let secret = "geheim-geheim-geheim-geheim-geheim";
    let url = format!("postgres://ada:{secret}@db/chat");
    let configuration = load_with(&[
        ("COLLOQUY__AUTH__SECRET", secret),
        ("COLLOQUY__ENGINE__OPENAI__API_KEY", secret),
        ("DATABASE_URL", &url),
    ])
    .unwrap();
    let mut shown = Vec::new();
    show(&configuration, &mut shown).unwrap();
    let shown = String::from_utf8(shown).unwrap();
    assert!(!shown.contains("geheim"), "{shown}");
    assert!(!format!("{configuration:?}").contains("geheim"));
    assert!(shown.contains(r#"auth.secret = "********"  # environment variable COLLOQUY__AUTH__SECRET"#), "{shown}");
    assert!(shown.contains(r#"database.url = "postgres://ada:********@db/chat"  # environment variable DATABASE_URL"#));
    assert!(shown.contains("server.port = 8112  # config/default.toml (compiled in)"), "{shown}");
}
