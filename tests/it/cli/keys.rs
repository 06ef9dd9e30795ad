//! `colloquy keys`: the keys that sign access tokens (S24 shows what servers make of them).

use super::assert_all;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(keys_are_made_listed_and_retired, what_cannot_be_done_is_told);

async fn keys_are_made_listed_and_retired(backend: Backend) {
    let installation = Installation::new(backend);
    assert_eq!(rows(&installation).await, [["kid", "algorithm", "standing"]]);
    let one = add(&installation, &["keys", "add"], "HS256").await;
    let other = add(&installation, &["keys", "add", "--algorithm", "EdDSA"], "EdDSA").await;
    let listed = rows(&installation).await;
    assert_eq!(listed[1..], [[&one, "HS256", "signs"], [&other, "EdDSA", "verifies"]]);
    let retired = installation.run(&["keys", "retire", &other]).await;
    assert_eq!(retired.printed(), format!("retired key {other}\n"));
    assert_eq!(rows(&installation).await[2], [&other, "EdDSA", "retired"]);

    let with_eddsa = installation.clone().set("auth.algorithm", "EdDSA");
    let third = add(&with_eddsa, &["keys", "add"], "EdDSA").await;
    let listed = rows(&with_eddsa).await;
    assert_eq!((&listed[1], &listed[3]), (&row([&one, "HS256", "verifies"]), &row([&third, "EdDSA", "signs"])));
}

async fn what_cannot_be_done_is_told(backend: Backend) {
    let installation = Installation::new(backend);
    let one = add(&installation, &["keys", "add"], "HS256").await;
    add(&installation, &["keys", "add", "--algorithm", "EdDSA"], "EdDSA").await;
    let before = rows(&installation).await;

    let last = installation.run(&["keys", "retire", &one]).await;
    let expected = ["no other key of the algorithm HS256 can be used", &one, "make another with `colloquy keys add`"];
    assert_all(last.complained(), &expected);
    let unknown = installation.run(&["keys", "retire", "unknown"]).await;
    assert_all(unknown.complained(), &["there is no key of that name", "unknown", "`colloquy keys list`"]);
    let no_name = installation.run(&["keys", "retire", "../key"]).await;
    assert_all(no_name.complained(), &["must have 1 to 64", "KID", "`colloquy keys list`"]);
    let algorithm = installation.run(&["keys", "add", "--algorithm", "RS256"]).await;
    assert_eq!(algorithm.code, Some(2), "{algorithm:?}");
    assert_all(&algorithm.err, &["RS256", "must be one of: HS256, EdDSA"]);
    let setting = installation.clone().set("auth.algorithm", "none").run(&["keys", "list"]).await;
    assert_all(setting.complained(), &["auth.algorithm", "must be one of: HS256, EdDSA"]);
    assert_eq!(rows(&installation).await, before);
}

/// Makes a key, and gives its name.
async fn add(installation: &Installation, command: &[&str], algorithm: &str) -> String {
    let made = installation.run(command).await;
    made.printed().strip_prefix(&format!("made {algorithm} key ")).unwrap().trim_end().to_owned()
}

/// Name, algorithm and standing of each key.
async fn rows(installation: &Installation) -> Vec<[String; 3]> {
    let listed = installation.run(&["keys", "list"]).await;
    let words = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        row([words[0], words[1], words[words.len() - 1]])
    };
    listed.printed().lines().map(words).collect()
}

fn row(words: [&str; 3]) -> [String; 3] {
    words.map(str::to_owned)
}
