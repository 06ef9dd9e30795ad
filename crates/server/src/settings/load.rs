use std::path::{Path, PathBuf};

use config::{Config, ConfigError};
use secrecy::ExposeSecret as _;

use super::layer::{KnownKeys, Layer};
use super::{Environment, Flaw, KeyProblem, Origin, Profile, Settings, SettingsError, StoreLocation};

const DEFAULTS: &str = include_str!("../../../../config/default.toml");
const DEFAULTS_NAME: &str = "config/default.toml";
const VARIABLE_PREFIX: &str = "COLLOQUY__";
/// What else may begin with our name: where to read, where to keep, and the tests' own.
const OUR_NAME: &str = "COLLOQUY_";
const PLACES: [&str; 3] = ["PROFILE", "CONFIG", "DATA_DIR"];
const OF_TESTS: &str = "TEST_";
/// The shortest secret that may sign tokens: as long as the hash it is used with (RFC 7518 §3.2).
const MIN_SECRET_BYTES: usize = 32;
/// The shortest token that may open the measurements: nobody guesses 16 random bytes.
const MIN_TOKEN_BYTES: usize = 16;

/// Variables that other software sets too, and the keys they stand for.
const KNOWN_VARIABLES: [(&str, &str); 3] =
    [("PORT", "server.port"), ("DATABASE_URL", "database.url"), ("RUST_LOG", "log.filter")];

/// What the command line says about settings.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--port`
    pub port: Option<u16>,
    /// `--auto-migrate`
    pub auto_migrate: bool,
}

/// The settings that are in force, and where each was said.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The profile.
    pub profile: Profile,
    /// Where embedded data and generated secrets are kept.
    pub data_dir: PathBuf,
    /// The settings.
    pub settings: Settings,
    pub(super) said: Layer,
}

impl Configuration {
    /// Where the store is.
    pub fn store(&self) -> StoreLocation {
        self.settings.database.url.locate(&self.data_dir)
    }
}

/// Reads every place where settings are said, later over earlier, and checks them.
pub fn load(environment: &Environment, flags: &Flags) -> Result<Configuration, SettingsError> {
    let profile = match environment.get("COLLOQUY_PROFILE") {
        Some(name) => name.parse().map_err(|_| SettingsError::UnknownProfile { name: name.to_owned() })?,
        None => Profile::default(),
    };
    let defaults = parse(DEFAULTS, Path::new(DEFAULTS_NAME))?;
    let known = KnownKeys::of(&defaults);
    let mut reading = Reading { known: &known, said: Layer::default(), problems: Vec::new() };

    reading.table(&defaults, &Origin::BuiltIn(DEFAULTS_NAME));
    if let Some((name, text)) = profile.file() {
        reading.table(&parse(text, Path::new(name))?, &Origin::BuiltIn(name));
    }
    let file = flags.config.clone().or_else(|| environment.get("COLLOQUY_CONFIG").map(PathBuf::from));
    if let Some(path) = file {
        let text = std::fs::read_to_string(&path)
            .map_err(|source| SettingsError::Unreadable { path: path.clone(), source })?;
        reading.table(&parse(&text, &path)?, &Origin::File(path));
    }
    for (name, rest, value) in environment.with_prefix(VARIABLE_PREFIX) {
        let key = rest.to_lowercase().replace("__", ".");
        reading.text(&key, value, Origin::Variable(name.to_owned()));
    }
    for (name, rest, _) in environment.with_prefix(OUR_NAME) {
        if !rest.starts_with('_') && !rest.starts_with(OF_TESTS) && !PLACES.contains(&rest) {
            reading.unknown_variable(name);
        }
    }
    for (name, key) in KNOWN_VARIABLES {
        if let Some(value) = environment.get(name) {
            reading.text(key, value, Origin::Variable(name.to_owned()));
        }
    }
    if let Some(port) = flags.port {
        reading.text("server.port", &port.to_string(), Origin::Flag("--port"));
    }
    if flags.auto_migrate {
        reading.text("database.auto_migrate", "true", Origin::Flag("--auto-migrate"));
    }

    let (settings, said) = reading.finish()?;
    let data_dir = PathBuf::from(environment.get("COLLOQUY_DATA_DIR").unwrap_or("./data"));
    Ok(Configuration { profile, data_dir, settings, said })
}

/// What was read so far: what was said, and what was wrong with it.
struct Reading<'a> {
    known: &'a KnownKeys,
    said: Layer,
    problems: Vec<KeyProblem>,
}

impl Reading<'_> {
    fn table(&mut self, table: &toml::Table, origin: &Origin) {
        match self.known.check_table(table, origin) {
            Ok(layer) => self.said.merge(layer),
            Err(problems) => self.problems.extend(problems),
        }
    }

    fn text(&mut self, key: &str, text: &str, origin: Origin) {
        match self.known.check_text(key, text, origin) {
            Ok(layer) => self.said.merge(layer),
            Err(problem) => self.problems.push(problem),
        }
    }

    fn unknown_variable(&mut self, name: &str) {
        let origin = Origin::Variable(name.to_owned());
        self.problems.push(KeyProblem { key: name.to_owned(), origin, flaw: Flaw::Unknown { suggestion: None } });
    }

    fn finish(self) -> Result<(Settings, Layer), SettingsError> {
        if !self.problems.is_empty() {
            return Err(SettingsError::Keys(self.problems));
        }
        let settings: Settings = Config::builder()
            .add_source(self.said.clone())
            .build()
            .and_then(Config::try_deserialize)
            .map_err(|error| SettingsError::Keys(vec![self.blame(error)]))?;
        let secret = settings.auth.secret.len();
        if (1..MIN_SECRET_BYTES).contains(&secret) {
            let rule = format!("must have at least {MIN_SECRET_BYTES} bytes, but has {secret}");
            return Err(SettingsError::Keys(vec![self.problem("auth.secret".to_owned(), rule)]));
        }
        let token = settings.metrics.token.len();
        if (1..MIN_TOKEN_BYTES).contains(&token) {
            let rule = format!("must have at least {MIN_TOKEN_BYTES} bytes, but has {token}");
            return Err(SettingsError::Keys(vec![self.problem("metrics.token".to_owned(), rule)]));
        }
        if settings
            .metrics
            .token
            .get()
            .is_some_and(|token| !token.expose_secret().bytes().all(|b| b.is_ascii_graphic()))
        {
            let rule = "must be visible ASCII characters, for it is sent in a header".to_owned();
            return Err(SettingsError::Keys(vec![self.problem("metrics.token".to_owned(), rule)]));
        }
        Ok((settings, self.said))
    }

    /// The key behind an error of the `config` crate, which knows the key but not always the place.
    fn blame(&self, error: ConfigError) -> KeyProblem {
        match error {
            ConfigError::At { error, key: Some(key), .. } => self.problem(key, error.to_string()),
            ConfigError::Type { key: Some(key), unexpected, expected, .. } => {
                self.problem(key, format!("must be {expected}, but is {unexpected}"))
            }
            other => self.problem("settings".to_owned(), other.to_string()),
        }
    }

    fn problem(&self, key: String, rule: String) -> KeyProblem {
        // An item of a list was said where the list was.
        let said = key.split('[').next().unwrap_or(&key);
        let origin = self.said.origin(said).cloned().unwrap_or(Origin::BuiltIn(DEFAULTS_NAME));
        KeyProblem { key, origin, flaw: Flaw::Rejected(rule) }
    }
}

fn parse(text: &str, path: &Path) -> Result<toml::Table, SettingsError> {
    text.parse().map_err(|error: toml::de::Error| SettingsError::Malformed {
        path: path.to_owned(),
        line: error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1),
        message: error.message().to_owned(),
    })
}
