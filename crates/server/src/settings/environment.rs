use std::collections::BTreeMap;
use std::ffi::OsString;

/// The process's environment variables, as they were at the start; a test brings its own.
///
/// It is not `Debug`: keys of providers are in it.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The variables that this process was started with. One that is not UTF-8 can be none of ours and is left out.
    pub fn of_process() -> Self {
        Self::from_os(std::env::vars_os())
    }

    /// The variable's value. An empty one counts as unset, as it does in most shells' idioms.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variables whose name begins with `prefix`, and the rest of their names.
    pub(super) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        self.variables
            .iter()
            .filter_map(move |(name, value)| Some((name.as_str(), name.strip_prefix(prefix)?, value.as_str())))
    }

    fn from_os(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let variables =
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
        Self { variables }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}
