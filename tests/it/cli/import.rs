//! `colloquy user import`: the accounts of another system, line by line.

use serde_json::{Value, json};

use super::assert_all;
use crate::support::client::PASSWORD;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(every_line_is_taken_or_refused_on_its_own, an_imported_account_can_be_used);

/// Hashes of [`PASSWORD`], made with libxcrypt.
const BCRYPT: &str = "$2y$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG";
const NAMES: &str = "username,email,hash,is_active,account_created,last_login\n";

fn write(installation: &Installation, text: &str) -> String {
    let path = installation.data_dir().join("accounts.csv");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn table(installation: &Installation) -> String {
    let lines = [
        format!("ada,Ada@Example.org,{BCRYPT},true,2019-05-06 07:08:09.123456,2024-01-02T03:04:05Z"),
        format!("bob,bob@example.org,{BCRYPT},0,2020-01-01T00:00:00+01:00,"),
        format!("ADA,ada2@example.org,{BCRYPT},t,2020-01-01 00:00:00,"),
        format!("eve,ada@example.org,{BCRYPT},t,2020-01-01 00:00:00,"),
        "mal lory,mallory,plaintext,perhaps,yesterday,today".to_owned(),
        format!("dear,dear@example.org,{},t,2020-01-01 00:00:00,", BCRYPT.replace("$04$", "$31$")),
        format!("{BCRYPT},short"),
        format!("\"cleo\",cleo@example.org,{BCRYPT},1,2020-01-01 00:00:00,2021-01-01 00:00:00"),
    ];
    write(installation, &format!("{NAMES}{}\n", lines.join("\n")))
}

async fn every_line_is_taken_or_refused_on_its_own(backend: Backend) {
    let installation = Installation::new(backend);
    let file = table(&installation);
    let first = installation.run(&["user", "import", &file]).await;
    assert_eq!(first.code, Some(1), "{first:?}");
    let told: Vec<String> =
        first.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for (at, expected) in [
        "4 username is taken",
        "5 email is taken",
        "6 username may have only ASCII letters",
        "6 email must be an e-mail address",
        "6 hash must be a hash of bcrypt",
        "6 is_active must be true, t or 1",
        "6 account_created must be a time",
        "6 last_login must be a time",
        "7 hash must not be dearer than",
        "8 (line) must have as many fields",
        "imported 3, refused 5",
    ]
    .iter()
    .enumerate()
    {
        assert!(told[at].starts_with(expected), "{expected}: {told:#?}");
    }
    assert!(!format!("{first:?}").contains("abcdefghijkl") && !first.out.contains("plaintext"), "no value is repeated");

    let select = "SELECT username || ' ' || email || ' ' || role || ' ' || CAST(is_active AS text) AS value \
                  FROM users ORDER BY username";
    let rows: Vec<String> = installation.database().texts(select).into_iter().flatten().collect();
    let yes_no = |row: &String| row.replace("true", "1").replace("false", "0");
    let expected = ["ada ada@example.org user 1", "bob bob@example.org user 0", "cleo cleo@example.org user 1"];
    assert_eq!(rows.iter().map(yes_no).collect::<Vec<_>>(), expected);

    // Once more makes nothing twice.
    let before = installation.database().row_counts();
    let again = installation.run(&["user", "import", &file, "--json"]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    let told: Vec<Value> = again.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Both are taken; which of them is told is the store's choice.
    assert_eq!((&told[0]["line"], &told[0]["rule"]), (&json!(2), &json!("is taken")));
    assert_eq!(told[told.len() - 2]["line"], 9);
    assert_eq!(told.last().unwrap(), &json!({"imported": 0, "refused": 8}));
    assert!(told.iter().any(|line| line["field"].is_null() && line["line"] == 8), "{told:?}");
    assert_eq!(installation.database().row_counts(), before);
}

async fn an_imported_account_can_be_used(backend: Backend) {
    let installation = Installation::new(backend);
    let only = format!("{NAMES}ada,ada@example.org,{BCRYPT},t,2019-05-06 07:08:09,2024-01-02 03:04:05\n");
    let imported = installation.run(&["user", "import", &write(&installation, &only)]).await;
    assert_eq!(imported.printed(), "imported 1, refused 0\n");
    let listed = installation.run(&["user", "list"]).await;
    assert_all(listed.printed(), &["ada@example.org", "2019-05-06 07:08Z", "2024-01-02 03:04Z"]);
    let server = installation.start().await;
    assert_eq!(server.client().try_log_in("ada", "correct horse battery stable").await.status, 400);
    let ada = server.client().log_in("ada").await;
    assert_eq!(ada.get("/api/v1/me").await.json()["account_created"], "2019-05-06T07:08:09.000000Z");
}

#[tokio::test]
async fn a_file_that_is_no_table_of_accounts_is_refused_whole() {
    let installation = Installation::new(Backend::Sqlite);
    let misnamed = write(&installation, &format!("{}a,b,c,d,e,f\n", NAMES.replace("email", "mail")));
    let refused = installation.run(&["user", "import", &misnamed]).await;
    assert_all(refused.complained(), &["missing email", "unknown \"mail\"", "accounts.csv", "begin the file with"]);
    assert_eq!(refused.out, "");
    let missing = installation.run(&["user", "import", "nowhere.csv"]).await;
    assert_all(missing.complained(), &["cannot be read", "nowhere.csv"]);
    assert_eq!(installation.database().row_counts()["users"], "0");
}

#[tokio::test]
async fn s07_imported_hashes_of_bcrypt_verify_and_are_upgraded() {
    let installation = Installation::new(Backend::Sqlite);
    let only = format!("{NAMES}ada,ada@example.org,{BCRYPT},t,2019-05-06 07:08:09,\n");
    installation.run(&["user", "import", &write(&installation, &only)]).await.printed();
    let server = installation.start().await;
    let hash = || installation.database().texts("SELECT hashed_password AS value FROM users")[0].clone().unwrap();
    assert_eq!(server.client().try_log_in("ada", "wrong horse battery staple").await.status, 400);
    assert_eq!(hash(), BCRYPT, "who fails changes nothing");
    server.client().log_in("ada").await;
    let upgraded = hash();
    assert!(upgraded.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{upgraded}");
    assert_eq!(server.client().try_log_in("ada", PASSWORD).await.status, 200);
    assert_eq!(hash(), upgraded, "once is enough");
}
