//! A disk without room (R25): what writes is refused, what reads goes on, and nobody has to restart anything.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::client::{Caller, Question};
use crate::support::database::{Backend, Database};
use crate::support::installation::{Installation, Server};
use crate::support::outcomes::{Asked, Outcome, Tally, judge, judge_conversation};
use crate::support::reply::Reply;
use crate::support::waiting::eventually;

/// Room for the database of a few users, and for its log until it is folded in.
const ROOM: &str = "size=8m";

const CONVERSATIONS: usize = 10;
/// Far more than there is ever room for.
const MOST_QUESTIONS: usize = 1000;

/// A disk of its own, which can be filled.
struct SmallDisk {
    directory: TempDir,
}

impl SmallDisk {
    /// `None` where nothing may be mounted, as in most containers.
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", ROOM, "colloquy-test"]).arg(directory.path());
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self { directory })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.ballast()).unwrap();
        for size in [64 * 1024, 4096, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A server that is being killed may hold it for a moment; lazily, it goes with the last who does.
        let _unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test]
async fn r25_a_full_disk_refuses_writes_and_heals() {
    let Some(disk) = SmallDisk::mount() else {
        println!("R25: nothing may be mounted here: the server's files are limited in size instead");
        return limited_files().await;
    };
    println!("R25: on a small disk of its own");
    let server = Installation::over(Database::in_directory(disk.path())).start().await;
    let ada = server.client().newcomer("ada").await;
    full_and_healed(&ada, || disk.fill(), || disk.make_room()).await;
    server.kill().await;
}

/// What the tests above it do where they may; here always, so that it is known to work where it is needed.
#[tokio::test]
async fn r25_files_that_may_not_grow_refuse_writes_and_heal() {
    limited_files().await;
}

/// The kernel refuses what would make a file longer than the limit, and the store gives the same error as for a disk
/// that fails.
async fn limited_files() {
    let directory = tempfile::tempdir().unwrap();
    let installation = Installation::over(Database::in_directory(directory.path()));
    // Without this the kernel ends the process instead of failing its write.
    let server = installation.started_by(&["env", "--ignore-signal=XFSZ"]).start().await;
    let ada = server.client().newcomer("ada").await;
    full_and_healed(&ada, || limit_files(&server, "1000"), || limit_files(&server, "unlimited")).await;
    server.kill().await;
}

fn limit_files(server: &Server, bytes: &str) {
    let mut prlimit = Command::new("prlimit");
    prlimit.args(["--pid", &server.id().to_string(), &format!("--fsize={bytes}:")]);
    assert!(prlimit.status().unwrap().success());
}

async fn full_and_healed(ada: &Caller, fill: impl Fn(), make_room: impl Fn()) {
    let conversations = ada.new_conversations(CONVERSATIONS).await;
    let mut asked = Vec::new();
    for round in 0..3 {
        assert_eq!(ask(ada, conversations[0], &format!("before {round}"), &mut asked).await.status, 200);
        fill();
        let (mut refused, mut others) = (0, conversations.iter().cycle());
        for number in 1.. {
            assert!(number < MOST_QUESTIONS, "it takes what there is no room for");
            let text = format!("while it is full {round}.{number}");
            let reply = ask(ada, *others.next().unwrap(), &text, &mut asked).await;
            match reply.status {
                // What still fits into the pages that are there is taken; if its end does not, it stays busy.
                200 | 409 => {}
                _ => {
                    reply.problem(503, "store_unavailable");
                    assert!(reply.header("retry-after").is_some(), "{reply:?}");
                    refused += 1;
                }
            }
            assert_eq!(ada.get("/api/v1/conversations?limit=100").await.status, 200, "reads go on");
            assert!(!ada.turns(conversations[0]).await.is_empty(), "reads go on");
            if refused == 5 {
                break;
            }
        }
        assert_eq!(ada.client().get("/healthz").await.status, 200);
        make_room();
        for conversation in &conversations {
            let text = format!("after {round} in {conversation}");
            let question =
                Question::from(text.as_str()).in_conversation(*conversation).with_key(&text.replace(' ', "-"));
            let healed = eventually("it heals without a restart", async || {
                let reply = ada.send(question.clone()).await;
                (reply.status == 200).then_some(reply)
            });
            let outcome = Outcome::of(&Ok(healed.await));
            asked.push(Asked { question: text, outcome });
        }
    }
    let mut stored = Vec::new();
    for conversation in conversations {
        let turns = ada.settled_turns(conversation).await;
        judge_conversation(&turns);
        stored.extend(turns);
    }
    judge(&asked, &stored);
    println!("R25: {:?}", Tally::of(&asked));
}

async fn ask(ada: &Caller, conversation: Uuid, text: &str, asked: &mut Vec<Asked>) -> Reply {
    // Long, so that there is soon no page left for one more.
    let text = format!("{text}: {}", "x".repeat(16 * 1024));
    let reply = ada.send(Question::from(text.as_str()).in_conversation(conversation)).await;
    asked.push(Asked { question: text, outcome: Outcome::of(&Ok(reply.clone())) });
    reply
}

/// PostgreSQL has no small disk of its own here; it says what it says when there is no room.
#[tokio::test]
async fn r25_a_postgres_without_room_refuses_writes_and_heals() {
    let installation = Installation::new(Backend::Postgres);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let mut connection = PgConnection::establish(installation.database().url()).unwrap();
    let fill = "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'could not extend file \"base/1/2\": No space left on device' USING ERRCODE = '53100';
         END $$;
         CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON turns FOR EACH ROW EXECUTE FUNCTION no_room()";
    let told = ada.ask("My name is Ada.").await;
    connection.batch_execute(fill).unwrap();
    for _ in 0..5 {
        let refused = ada.send("What is my name?").await;
        refused.problem(503, "store_unavailable");
        assert!(refused.header("retry-after").is_some(), "{refused:?}");
        assert_eq!(ada.conversations().await, [told.conversation_id], "reads go on");
    }
    connection.batch_execute("DROP FUNCTION no_room CASCADE").unwrap();
    assert_eq!(ada.ask("What is my name?").await.response, "Your name is Ada.");
    assert_eq!(ada.turns(told.conversation_id).await.len(), 2, "what was refused is not there");
}
