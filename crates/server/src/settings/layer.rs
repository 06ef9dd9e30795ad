//! One place where settings are said, checked against the keys there are.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use config::{ConfigError, Map, Source, Value, ValueKind};
use toml::Value as Toml;

use super::{Flaw, KeyProblem};

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file that was compiled in.
    BuiltIn(&'static str),
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(name) => write!(f, "{name} (compiled in)"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// The keys there are, in full, each with its default.
pub(super) struct KnownKeys(BTreeMap<String, Toml>);

/// Values by their keys in full (`auth.argon2.queue`), each with its origin.
///
/// It is not to be printed: secrets are in it.
#[derive(Clone, Default)]
pub(super) struct Layer(BTreeMap<String, (Toml, Origin)>);

impl KnownKeys {
    pub(super) fn of(defaults: &toml::Table) -> Self {
        let mut keys = BTreeMap::new();
        collect_leaves("", defaults, &mut keys);
        Self(keys)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A whole file's values; every key that does not exist and every value of another type is told.
    pub(super) fn check_table(&self, table: &toml::Table, origin: &Origin) -> Result<Layer, Vec<KeyProblem>> {
        let mut layer = Layer::default();
        let mut problems = Vec::new();
        self.descend("", table, origin, &mut layer, &mut problems);
        if problems.is_empty() { Ok(layer) } else { Err(problems) }
    }

    /// One value that came as text: from the environment, or from a flag.
    pub(super) fn check_text(&self, key: &str, text: &str, origin: Origin) -> Result<Layer, KeyProblem> {
        let problem = |flaw| KeyProblem { key: key.to_owned(), origin: origin.clone(), flaw };
        let default = self.0.get(key).ok_or_else(|| problem(Flaw::Unknown { suggestion: self.resembling(key) }))?;
        let parsed = match default {
            Toml::String(_) => Some(Toml::String(text.to_owned())),
            Toml::Integer(_) => text.trim().parse().ok().map(Toml::Integer),
            Toml::Boolean(_) => text.trim().parse().ok().map(Toml::Boolean),
            _ => Some(list(text)),
        };
        // Only numbers and switches can fail, so that no secret is repeated here.
        let value = parsed.ok_or_else(|| {
            problem(Flaw::WrongType { expected: expectation(default), found: format!("the text {text:?}") })
        })?;
        Ok(Layer(BTreeMap::from([(key.to_owned(), (value, origin))])))
    }

    fn descend(
        &self,
        section: &str,
        table: &toml::Table,
        origin: &Origin,
        layer: &mut Layer,
        problems: &mut Vec<KeyProblem>,
    ) {
        for (name, value) in table {
            let key = join(section, name);
            match (self.0.get(&key), value) {
                (Some(default), value) if is_of_same_type(default, value) => {
                    layer.0.insert(key, (value.clone(), origin.clone()));
                }
                (Some(default), value) => {
                    let flaw = Flaw::WrongType { expected: expectation(default), found: kind(value).to_owned() };
                    problems.push(KeyProblem { key, origin: origin.clone(), flaw });
                }
                (None, Toml::Table(inner)) if self.is_section(&key) => {
                    self.descend(&key, inner, origin, layer, problems);
                }
                (None, value) if self.is_section(&key) => {
                    let flaw = Flaw::WrongType { expected: "a section", found: kind(value).to_owned() };
                    problems.push(KeyProblem { key, origin: origin.clone(), flaw });
                }
                (None, _) => {
                    let flaw = Flaw::Unknown { suggestion: self.resembling(&key) };
                    problems.push(KeyProblem { key, origin: origin.clone(), flaw });
                }
            }
        }
    }

    fn is_section(&self, key: &str) -> bool {
        self.names().any(|known| known.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The key that was probably meant: one with a typing error at the most, or the only one of that last name.
    fn resembling(&self, key: &str) -> Option<String> {
        let last = |key: &str| key.rsplit('.').next().map(str::to_owned);
        let close = self.names().map(|known| (distance(known, key), known)).min().filter(|(d, _)| *d <= 2);
        let mut namesakes = self.names().filter(|known| last(known) == last(key));
        let namesake = namesakes.next().filter(|_| namesakes.next().is_none());
        close.map(|(_, known)| known).or(namesake).map(str::to_owned)
    }
}

impl Layer {
    /// Takes over what `later` says.
    pub(super) fn merge(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    pub(super) fn origin(&self, key: &str) -> Option<&Origin> {
        self.0.get(key).map(|(_, origin)| origin)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Toml, &Origin)> {
        self.0.iter().map(|(key, (value, origin))| (key.as_str(), value, origin))
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let values = self.entries();
        Ok(values.map(|(key, value, origin)| (key.to_owned(), config_value(value, &origin.to_string()))).collect())
    }
}

fn config_value(value: &Toml, origin: &String) -> Value {
    let kind = match value {
        Toml::String(text) => ValueKind::String(text.clone()),
        Toml::Integer(number) => ValueKind::I64(*number),
        Toml::Boolean(switch) => ValueKind::Boolean(*switch),
        Toml::Array(items) => ValueKind::Array(items.iter().map(|item| config_value(item, origin)).collect()),
        // No key has one of these, so that none passed the check.
        Toml::Float(_) | Toml::Datetime(_) | Toml::Table(_) => ValueKind::Nil,
    };
    Value::new(Some(origin), kind)
}

fn collect_leaves(section: &str, table: &toml::Table, leaves: &mut BTreeMap<String, Toml>) {
    for (name, value) in table {
        let key = join(section, name);
        match value {
            Toml::Table(inner) => collect_leaves(&key, inner, leaves),
            leaf => {
                leaves.insert(key, leaf.clone());
            }
        }
    }
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

fn list(text: &str) -> Toml {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Toml::Array(items.map(|item| Toml::String(item.to_owned())).collect())
}

fn is_of_same_type(default: &Toml, value: &Toml) -> bool {
    match value {
        Toml::Array(items) => default.is_array() && items.iter().all(Toml::is_str),
        value => default.same_type(value),
    }
}

/// What a key takes, after its default. Every list is one of texts.
fn expectation(default: &Toml) -> &'static str {
    if default.is_array() { "a list of texts" } else { kind(default) }
}

fn kind(value: &Toml) -> &'static str {
    match value {
        Toml::String(_) => "a text",
        Toml::Integer(_) => "a whole number",
        Toml::Boolean(_) => "true or false",
        Toml::Float(_) => "a number with a fraction",
        Toml::Datetime(_) => "a date",
        Toml::Array(_) => "a list",
        Toml::Table(_) => "a section",
    }
}

/// How many characters must be put in, taken out or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_close() {
        assert_eq!(distance("server.prot", "server.port"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
