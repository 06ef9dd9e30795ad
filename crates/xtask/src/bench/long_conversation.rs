//! P6: a turn in a conversation of 100,000 turns against a turn in one of 10.
//!
//! Every user has one long conversation and many short ones, all seeded in SQL, so that the short ones stay short
//! while they are asked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::http::Connection;
use super::ours::{self, Server};
use super::report::median;
use super::{Bench, pairs, rest, targets};
use crate::failure::{Context as _, Failure, Result};
use crate::postgres::Cluster;
use crate::say;

const USERS: usize = 4;
const DATABASE: &str = "long_conversation";

#[derive(Debug, Clone, Copy)]
struct Seed {
    /// How many conversations every user has, and how many turns each of them.
    conversations: usize,
    turns: usize,
}

const LONG: Seed = Seed { conversations: 1, turns: 100_000 };
const SHORT: Seed = Seed { conversations: 64, turns: 10 };

impl Bench {
    pub(super) fn long_conversation(&mut self, cluster: &Cluster) -> Result<()> {
        let url = self.database(cluster, DATABASE)?;
        let data = self.scratch()?;
        let server = self.build.serve("colloquy-long-conversation", data.path(), Some(&url))?;
        let tokens = server.sign_up(USERS)?;
        say::step(format_args!("seeding {USERS} conversations of {} turns", LONG.turns));
        let long = Questions::new(seed(cluster, LONG)?, &tokens)?;
        let short = Questions::new(seed(cluster, SHORT)?, &tokens)?;
        cluster.sql(DATABASE, "VACUUM (ANALYZE) turns")?;
        cluster.sql(DATABASE, "VACUUM (ANALYZE) conversations")?;
        let connect = || Connection::open(server.address).context(|| format!("cannot connect to {}", server.address));
        let (mut one, mut other) = (connect()?, connect()?);

        let mut ratios = Vec::new();
        for round in 1..=self.rounds {
            rest(cluster)?;
            let (long, short) = pairs::alternate(
                self.seconds,
                |number| long.ask(&mut one, number),
                |number| short.ask(&mut other, number),
            )?;
            say::step(format_args!(
                "round {round} of {}: a turn takes {:.3} ms in a long conversation, {:.3} ms in a short one",
                self.rounds, long.p50_ms, short.p50_ms
            ));
            ratios.push(long.p50_ms / short.p50_ms);
            self.report.loads.entry("P6 long").or_default().push(long);
            self.report.loads.entry("P6 short").or_default().push(short);
        }
        let longest_short = longest_of(cluster, SHORT)?;
        let middle = |name: &str| median(self.loads(name).iter().map(|load| load.p50_ms).collect());
        let how = format!(
            "p50 {:.2} ms in {USERS} conversations of {} turns, {:.2} ms in {} of {} to {longest_short}",
            middle("P6 long"),
            LONG.turns,
            middle("P6 short"),
            USERS * SHORT.conversations,
            SHORT.turns,
        );
        self.figure(targets::P6.measured(median(ratios), how));
        Ok(())
    }
}

/// Gives every user conversations of that kind, and returns each with the name of its user.
///
/// Their turns are complete and look as the server's own do: answers of a few words, ids in the order of time, each
/// with the one before it as its parent.
fn seed(cluster: &Cluster, Seed { conversations, turns }: Seed) -> Result<Vec<(String, String)>> {
    let title = title(turns);
    let question = ours::QUESTION_TEXT;
    let sql = format!(
        "INSERT INTO conversations (id, user_id, title, last_seq, created_at, updated_at, expiry_timestamp)
         SELECT gen_random_uuid(), u.id, '{title}', {turns}, now() - interval '1 day', now() - interval '1 day',
                now() + interval '60 days'
         FROM users u, generate_series(1, {conversations});

         INSERT INTO turns (id, conversation_id, user_id, seq, parent_turn_id, status, request_question, response,
                            model, question_tokens, output_tokens, entry_time, completed_at, expiry_timestamp)
         SELECT id, conversation_id, user_id, seq, lag(id) OVER (PARTITION BY conversation_id ORDER BY seq),
                'completed', '{question}', '[7 turns of context] You said: {question} 2 3 4 5 6 7 8 9 10 11 12',
                'scripted', 13, 23, said, said, now() + interval '60 days'
         FROM (
             SELECT (lpad(to_hex((extract(epoch FROM said) * 1000)::bigint), 12, '0') || '7' || left(noise, 3)
                     || '8' || right(noise, 15))::uuid AS id,
                    conversation_id, user_id, seq, said
             FROM (
                 SELECT c.id AS conversation_id, c.user_id, seq, md5(c.id::text || seq) AS noise,
                        c.created_at + seq * interval '0.5 s' AS said
                 FROM conversations c, generate_series(1, c.last_seq) seq
                 WHERE c.title = '{title}'
             ) planned
         ) written;

         UPDATE conversations c SET leaf_turn_id = t.id
         FROM turns t
         WHERE c.title = '{title}' AND t.conversation_id = c.id AND t.seq = c.last_seq;

         SELECT u.username, c.id FROM conversations c JOIN users u ON u.id = c.user_id WHERE c.title = '{title}'"
    );
    let printed = cluster.sql(DATABASE, &sql)?;
    let pairs = printed.lines().filter_map(|line| line.split_once('|'));
    Ok(pairs.map(|(username, id)| (username.to_owned(), id.to_owned())).collect())
}

fn title(turns: usize) -> String {
    format!("{turns} turns")
}

/// How long the longest of them is by now.
fn longest_of(cluster: &Cluster, Seed { turns, .. }: Seed) -> Result<String> {
    cluster.sql(DATABASE, &format!("SELECT max(last_seq) FROM conversations WHERE title = '{}'", title(turns)))
}

/// The questions that are asked in turn, from one user to the next.
struct Questions {
    requests: Vec<String>,
}

impl Questions {
    fn new(conversations: Vec<(String, String)>, tokens: &[String]) -> Result<Self> {
        let mut of_user: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (username, id) in conversations {
            of_user.entry(username).or_default().push(id);
        }
        let most = of_user.values().map(Vec::len).max().unwrap_or(0);
        let mut requests = Vec::new();
        for number in 0..most {
            for (client, token) in tokens.iter().enumerate() {
                let id = of_user.get(&ours::username(client)).and_then(|ids| ids.get(number));
                let id = id.ok_or_else(|| Failure::new("a user has fewer conversations than were seeded"))?;
                requests.push(Server::question(token, Some(id), false));
            }
        }
        if requests.is_empty() { Err(Failure::new("nothing was seeded")) } else { Ok(Self { requests }) }
    }

    fn ask(&self, connection: &mut Connection, number: usize) -> Result<Duration> {
        let request = &self.requests[number % self.requests.len()];
        let asked = Instant::now();
        let asking = || "cannot ask in a conversation that was seeded".to_owned();
        let response = connection.exchange(request.as_bytes()).context(asking)?;
        let spent = asked.elapsed();
        if response.is_success() {
            return Ok(spent);
        }
        let body = String::from_utf8_lossy(&response.body);
        Err(Failure::new(format!("{}: {} {body}", asking(), response.status)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::postgres::{Durability, Installation};
    use crate::workspace;

    /// A database with the schema of this checkout and two users.
    fn migrated() -> Cluster {
        let installation = Installation::find().expect("no PostgreSQL here; install it with `cargo xtask setup`");
        let cluster = Cluster::start(&installation, &std::env::temp_dir(), Durability::Process).unwrap();
        cluster.sql("postgres", &format!("CREATE DATABASE {DATABASE}")).unwrap();
        let migrations = fs::read_dir(workspace::root().join("migrations/postgres")).unwrap();
        let mut migrations: Vec<_> = migrations.map(|entry| entry.unwrap().path().join("up.sql")).collect();
        migrations.sort();
        for migration in migrations {
            cluster.sql(DATABASE, &fs::read_to_string(migration).unwrap()).unwrap();
        }
        let users = "INSERT INTO users (id, username, hashed_password, email, account_created)
                     SELECT gen_random_uuid(), 'client0' || n, '', n::text, now() FROM generate_series(0, 1) n";
        cluster.sql(DATABASE, users).unwrap();
        cluster
    }

    #[test]
    fn conversations_that_are_seeded_are_whole() {
        let cluster = migrated();
        let long = seed(&cluster, Seed { conversations: 1, turns: 300 }).unwrap();
        let short = seed(&cluster, Seed { conversations: 3, turns: 10 }).unwrap();
        assert_eq!((long.len(), short.len()), (2, 6));
        let facts = "SELECT count(*), count(*) FILTER (WHERE t.parent_turn_id IS NULL),
                            count(*) FILTER (WHERE p.seq = t.seq - 1 AND p.conversation_id = t.conversation_id
                                             AND p.id < t.id)
                     FROM turns t LEFT JOIN turns p ON p.id = t.parent_turn_id";
        assert_eq!(cluster.sql(DATABASE, facts).unwrap(), "660|8|652");
        let leaves = "SELECT count(*), sum(t.seq) FROM conversations c
                      JOIN turns t ON t.id = c.leaf_turn_id AND t.seq = c.last_seq AND t.user_id = c.user_id";
        assert_eq!(cluster.sql(DATABASE, leaves).unwrap(), "8|660");
        assert_eq!(longest_of(&cluster, Seed { conversations: 1, turns: 300 }).unwrap(), "300");

        let tokens = ["t0".to_owned(), "t1".to_owned()];
        let questions = Questions::new(short, &tokens).unwrap().requests;
        assert_eq!(questions.len(), 6);
        // One user after the other, each in conversations of their own.
        assert!(questions.iter().enumerate().all(|(number, one)| one.contains(&format!("Bearer t{}", number % 2))));
        let third = ["t0".to_owned(), "t1".to_owned(), "t2".to_owned()];
        assert!(Questions::new(long, &third).is_err());
    }
}
