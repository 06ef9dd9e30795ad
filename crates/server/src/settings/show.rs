use std::io::{self, Write};

use toml::Value as Toml;

use super::Configuration;
use super::database_url::without_password;

/// Keys whose values are never printed.
const SECRETS: [&str; 3] = ["auth.secret", "engine.openai.api_key", "metrics.token"];
/// The key whose value is an address that may hold a password.
const ADDRESS: &str = "database.url";

/// Prints every setting in force with the place where it was said; secrets are masked.
pub fn show(configuration: &Configuration, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# profile: {}", configuration.profile)?;
    writeln!(out, "# data directory: {}", configuration.data_dir.display())?;
    for (key, value, origin) in configuration.said.entries() {
        let value = masked(key, value);
        writeln!(out, "{key} = {value}  # {origin}")?;
    }
    Ok(())
}

fn masked(key: &str, value: &Toml) -> Toml {
    match value {
        Toml::String(text) if text.is_empty() => value.clone(),
        Toml::String(_) if SECRETS.contains(&key) => Toml::String("********".to_owned()),
        Toml::String(address) if key == ADDRESS && address.starts_with("postgres") => {
            Toml::String(without_password(address))
        }
        other => other.clone(),
    }
}
