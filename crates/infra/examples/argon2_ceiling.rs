//! The yardstick of logins: passwords verified by argon2 alone, on as many threads as there are cores.
//!
//! `cargo xtask bench` runs it: `argon2_ceiling SECONDS` prints verifications per second.

use std::env;
use std::error::Error;
use std::io::{self, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};

const PASSWORD: &[u8] = b"quiet-harbour-00-lantern";
const SALT: &[u8] = b"sixteen bytes of";

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = env::args().nth(1).ok_or("usage: argon2_ceiling SECONDS")?;
    let span = Duration::try_from_secs_f64(seconds.parse()?)?;
    let threads = thread::available_parallelism()?.get();
    let rate = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(move || verify_for(span))).collect();
        let rates = running.into_iter().map(|one| match one.join() {
            Ok(rate) => rate.map_err(|error| format!("argon2: {error}")),
            Err(_) => Err("a thread panicked".to_owned()),
        });
        rates.sum::<Result<f64, _>>()
    })?;
    writeln!(io::stdout(), "{rate:.2}")?;
    Ok(())
}

/// The rate of one thread. Verifying is hashing and comparing; the comparison costs nothing beside it.
fn verify_for(span: Duration) -> argon2::Result<f64> {
    // What the server hashes with by default (auth.argon2 in config/default.toml).
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19456, 2, 1, None)?);
    let mut hash = [0; 32];
    let mut done = 0_u32;
    let started = Instant::now();
    while started.elapsed() < span {
        argon2.hash_password_into(PASSWORD, SALT, &mut hash)?;
        done += 1;
    }
    Ok(f64::from(done) / started.elapsed().as_secs_f64())
}
