use std::process::ExitCode;

use super::{CommandError, Console};
use crate::settings::{Configuration, Profile, show};
use crate::signing_secret::SecretError;

/// `colloquy config check`: the settings in force. It makes nothing: no directory, no secret.
pub(super) fn run(configuration: &Configuration, console: &mut Console<'_>) -> Result<ExitCode, CommandError> {
    show(configuration, console.out)?;
    if configuration.profile == Profile::Production && configuration.settings.auth.secret.get().is_none() {
        return Err(SecretError::Missing.into());
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::Cli;
    use crate::commands::{self, Console};
    use crate::settings::Environment;

    /// Whether it succeeded, and what it said on stdout and on stderr.
    fn check(variables: &[(&str, &str)]) -> (bool, String, String) {
        let cli = Cli::try_parse_from(["colloquy", "config", "check"]).unwrap();
        let environment: Environment = variables.iter().copied().collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console { somebody_types: false, input: &mut std::io::empty(), out: &mut out, err: &mut err };
        let code = commands::run(&cli, &environment, &mut console);
        let succeeded = format!("{code:?}") == format!("{:?}", std::process::ExitCode::SUCCESS);
        (succeeded, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn sound_settings_are_printed() {
        let (succeeded, out, err) = check(&[("COLLOQUY_PROFILE", "test")]);
        assert!(succeeded);
        assert!(out.contains(r#"engine.kind = "builtin"  # config/test.toml (compiled in)"#), "{out}");
        assert_eq!(err, "");
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let (succeeded, out, err) = check(&[("PORT", "x"), ("COLLOQUY__CHAT__TURNS", "1")]);
        assert!(!succeeded);
        assert_eq!(out, "");
        assert_eq!(err.matches("error: ").count(), 2, "{err}");
        assert!(err.contains("environment variable PORT") && err.contains("chat.turns"), "{err}");
    }

    #[test]
    fn production_without_a_secret_is_not_sound() {
        let (succeeded, _, err) = check(&[("COLLOQUY_PROFILE", "production")]);
        assert!(!succeeded);
        assert!(err.contains("COLLOQUY__AUTH__SECRET"), "{err}");
    }
}
