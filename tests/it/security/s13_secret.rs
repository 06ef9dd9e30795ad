//! The secret that seals the signing keys: demanded in production, made and kept for its owner's eyes elsewhere (S13).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::cli::assert_all;
use crate::support::database::Backend;
use crate::support::installation::Installation;

#[tokio::test]
async fn s13_production_does_not_start_without_a_secret() {
    let production = Installation::new(Backend::Sqlite).variable("COLLOQUY_PROFILE", "production");
    let refused = production.run(&["serve"]).await;
    assert_all(refused.complained(), &["`auth.secret` is empty", "COLLOQUY__AUTH__SECRET", "32 random bytes"]);
    assert!(!production.data_dir().join("secret.key").exists(), "and it made none up");

    let short = production.clone().set("auth.secret", "x".repeat(31)).run(&["serve"]).await;
    assert_all(short.complained(), &["`auth.secret` must have at least 32 bytes, but has 31"]);

    let server = production.set("auth.secret", "x".repeat(32)).start().await;
    assert_eq!(server.client().newcomer("ada").await.ask("My name is Ada.").await.status, "completed");
}

#[tokio::test]
async fn s13_what_is_kept_is_for_its_owner_only() {
    let installation = Installation::new(Backend::Sqlite);
    // Where nobody named a store, it is in the data directory too.
    let server = installation.clone().variable("DATABASE_URL", "").start().await;
    server.client().newcomer("ada").await.ask("My name is Ada.").await;
    let kept = installation.data_dir();
    let secret = kept.join("secret.key");
    assert_eq!(mode(&secret), 0o600);
    assert_eq!(mode(&kept.join("colloquy.db")), 0o600);
    let made = fs::read_to_string(&secret).unwrap();
    assert!(made.trim_end().len() >= 32);

    server.kill().await;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let findings = installation.run(&["doctor"]).await;
    assert_eq!(findings.code, Some(1), "{findings:?}");
    assert_all(&findings.out, &["FAIL  secrets\nerror: others on this machine can read"]);
    installation.start().await;
    assert_eq!(mode(&secret), 0o600, "it is closed again");
    assert_eq!(fs::read_to_string(&secret).unwrap(), made, "and still the same");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
