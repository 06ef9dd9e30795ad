//! Where the password of a new account comes from. Never from an argument: those are for everybody to see.

use std::io::{BufRead, Read};
use std::process::{Command, Stdio};

use secrecy::{ExposeSecret, SecretString};

use super::{CommandError, Console};
use crate::cli::PasswordSource;
use crate::problem::Problem;

/// More than any password may have, so that the domain can say that it is too long.
const MAX_LINE_BYTES: u64 = 4096;

/// The password that is asked for, and whether it was made up and has to be shown.
pub(super) fn obtain(source: &PasswordSource, console: &mut Console<'_>) -> Result<(SecretString, bool), CommandError> {
    if source.generate_password {
        return Ok((generate()?, true));
    }
    if source.password_stdin || !console.somebody_types {
        return Ok((read_line(console.input)?, false));
    }
    let _silence = Silence::begin();
    let first = prompt("Password: ", console)?;
    let second = prompt("Once more: ", console)?;
    if first.expose_secret() != second.expose_secret() {
        return Err(Problem::new("the two passwords differ", "the terminal", "run the command again").into());
    }
    Ok((first, false))
}

fn prompt(text: &str, console: &mut Console<'_>) -> Result<SecretString, CommandError> {
    write!(console.err, "{text}")?;
    console.err.flush()?;
    let line = read_line(console.input);
    // The return key was not echoed either.
    writeln!(console.err)?;
    line
}

fn read_line(input: &mut dyn BufRead) -> Result<SecretString, CommandError> {
    let mut line = String::new();
    input.take(MAX_LINE_BYTES).read_line(&mut line)?;
    let password = line.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        let next = "give one line with the password, or use --generate-password";
        return Err(Problem::new("there is no password", "standard input", next).into());
    }
    Ok(SecretString::from(password))
}

/// 100 bits, in letters and digits that are not mistaken for each other.
fn generate() -> Result<SecretString, CommandError> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes)
        .map_err(|error| Problem::new(error, "the system's randomness", "give the password with --password-stdin"))?;
    let letters = bytes.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
    Ok(SecretString::from(groups.join("-")))
}

/// Keeps a terminal from showing what is typed, until it is dropped.
struct Silence;

impl Silence {
    /// `None` if the terminal cannot be told; the password is asked for all the same.
    fn begin() -> Option<Self> {
        stty("-echo").then_some(Self)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        stty("echo");
    }
}

fn stty(setting: &str) -> bool {
    // It works on its own standard input, which is ours.
    let status = Command::new("stty").arg(setting).stdin(Stdio::inherit()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn source(password_stdin: bool, generate_password: bool) -> PasswordSource {
        PasswordSource { password_stdin, generate_password }
    }

    fn obtain_from(input: &str, somebody_types: bool, source: &PasswordSource) -> (Result<String, String>, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console { somebody_types, input: &mut input.as_bytes(), out: &mut out, err: &mut err };
        let password = obtain(source, &mut console)
            .map(|(secret, _)| secret.expose_secret().to_owned())
            .map_err(|error| error.to_string());
        assert!(out.is_empty());
        (password, String::from_utf8(err).unwrap())
    }

    #[test]
    fn a_pipe_gives_its_first_line_whole() {
        let from = |input: &str| obtain_from(input, false, &source(true, false)).0;
        assert_eq!(from(" geheim und lang \r\nmore\n").as_deref(), Ok(" geheim und lang "));
        assert_eq!(from("geheim").as_deref(), Ok("geheim"));
        assert!(from("\n").unwrap_err().contains("there is no password"));
        assert_eq!(obtain_from("geheim\n", false, &source(false, false)).0.as_deref(), Ok("geheim"));
    }

    #[test]
    fn a_person_is_asked_twice() {
        let (password, asked) = obtain_from("geheim\ngeheim\n", true, &source(false, false));
        assert_eq!((password.as_deref(), asked.as_str()), (Ok("geheim"), "Password: \nOnce more: \n"));
        let (password, _) = obtain_from("geheim\ngehiem\n", true, &source(false, false));
        assert!(password.unwrap_err().contains("differ"));
    }

    #[test]
    fn a_password_that_is_made_up_is_strong_and_new() {
        let made = || obtain_from("", true, &source(false, true)).0.unwrap();
        let (one, other) = (made(), made());
        assert_ne!(one, other);
        assert_eq!(one.len(), 23);
        assert!(domain::user::Password::try_from(SecretString::from(one)).is_ok());
    }
}
