use std::io::{self, Write};

use toml::Value as Toml;

use super::Configuration;

/// Keys whose values are never printed.
const SECRETS: [&str; 2] = ["auth.secret", "engine.openai.api_key"];
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
        Toml::String(address) if key == ADDRESS => Toml::String(without_password(address)),
        other => other.clone(),
    }
}

/// The address without its parameters, and with its password masked.
fn without_password(address: &str) -> String {
    let (address, parameters) = match address.split_once(['?', '#']) {
        Some((address, _)) => (address, "?********"),
        None => (address, ""),
    };
    let masked = match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, host))) => {
            let user = rest.split([':', '@']).next().unwrap_or_default();
            format!("{scheme}://{user}:********@{host}")
        }
        _ => address.to_owned(),
    };
    masked + parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_masked() {
        for (address, shown) in [
            ("postgres://ada:ge:h@eim@db:5432/chat", "postgres://ada:********@db:5432/chat"),
            ("postgres://db/chat?user=ada&password=geheim", "postgres://db/chat?********"),
            ("postgres://ada:a?geheim@db/chat", "postgres://ada:a?********"),
            ("sqlite:///srv/chat.db", "sqlite:///srv/chat.db"),
        ] {
            assert_eq!(without_password(address), shown);
        }
    }
}
