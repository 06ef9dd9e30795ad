//! P1, P1s, P2, P3, P9 and P10: how many requests a second, against the same work without Colloquy around it.

use std::path::Path;

use super::ceiling::{Example, Statements};
use super::load::{Measured, Requests};
use super::ours::Server;
use super::peer::{self, Peer};
use super::{Bench, CLIENTS, http, rest, targets};
use crate::failure::{Failure, Result};
use crate::postgres::Cluster;
use crate::say;

impl Bench {
    /// P1, P2, P3, P9 and P10: everything that has the production store below it.
    pub(super) fn on_postgres(&mut self, cluster: &Cluster, peer: Option<&Path>) -> Result<()> {
        let url = self.database(cluster, "colloquy")?;
        let data = self.scratch()?;
        let server = self.build.serve("colloquy-postgres", data.path(), Some(&url))?;
        say::step(format_args!("signing up {CLIENTS} clients"));
        let tokens = server.sign_up(CLIENTS)?;
        if self.wants(&["P1", "P2", "P3"]) {
            self.turns(cluster, &server, &tokens, peer)?;
        }
        if self.wants(&["P9"]) {
            self.logins(&server)?;
        }
        if self.wants(&["P10"]) {
            self.profiles(&server, &tokens)?;
        }
        Ok(())
    }

    /// P1, and P2 and P3, which need its rate.
    fn turns(&mut self, cluster: &Cluster, server: &Server, tokens: &[String], peer: Option<&Path>) -> Result<()> {
        let statements = Statements::prepare(cluster)?;
        let turns = server.turns(&self.directory, "turns", tokens)?;
        let peer = if self.wants(&["P2"]) { self.peer(peer, cluster) } else { None };

        for round in 1..=self.rounds {
            rest(cluster)?;
            say::step(format_args!("round {round} of {}: pgbench", self.rounds));
            let rate = statements.measure(CLIENTS, self.seconds)?;
            self.report.yardsticks.entry("P1 pgbench").or_default().push(rate);
            rest(cluster)?;
            self.load("P1 colloquy", &turns, None)?;
            if let Some(peer) = &peer {
                rest(cluster)?;
                self.load("P2 peer", &peer.turns, None)?;
            }
        }
        let ours = self.rate_of("P1 colloquy");
        let pgbench = self.yardstick("P1 pgbench");
        let latency = self.latency_of("P1 colloquy");
        self.figure(
            targets::P1.measured(ours / pgbench, format!("{ours:.0} turns/s ({latency}), pgbench {pgbench:.0}")),
        );
        if let Some(peer) = peer {
            let theirs = self.rate_of("P2 peer");
            let latency = self.latency_of("P2 peer");
            let how = format!("{ours:.0} turns/s against {theirs:.0} ({latency}), {}", peer.description);
            self.figure(targets::P2.measured(ours / theirs, how));
        }

        if self.wants(&["P3"]) {
            rest(cluster)?;
            self.half_rate(&turns, ours / 2.0)?;
        }
        Ok(())
    }

    /// P2 is the only figure that needs more than this repository; without it the others count all the same.
    fn peer(&mut self, given: Option<&Path>, cluster: &Cluster) -> Option<Peer> {
        let started = peer::find_script(given)
            .ok_or_else(|| Failure::new("no script of the peer: name it with --peer or COLLOQUY_BENCH_PEER"))
            .and_then(|script| Peer::start(&script, cluster, CLIENTS, &self.directory));
        started.map_err(|why| self.skip("P2", &why)).ok()
    }

    /// P3: an open loop at half of the highest rate. Of the rounds the one in the middle counts: one stall decides a
    /// p99.
    fn half_rate(&mut self, turns: &Requests, rate: f64) -> Result<()> {
        let mut rounds = Vec::new();
        for _ in 0..self.rounds {
            rounds.push(self.load("P3 half rate", turns, Some(rate))?);
        }
        rounds.sort_by(|one, other| (one.p99_ms / one.p50_ms).total_cmp(&(other.p99_ms / other.p50_ms)));
        let Some(Measured { rate, p50_ms, p99_ms, .. }) = rounds.get(rounds.len() / 2) else { return Ok(()) };
        let how = format!("{rate:.0} turns/s: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms");
        self.figure(targets::P3.measured(p99_ms / p50_ms, how));
        Ok(())
    }

    /// P9, against as many threads hashing as there are cores, which is how many the server lets hash.
    fn logins(&mut self, server: &Server) -> Result<()> {
        let argon2 = match Example::build("infra", "argon2_ceiling", &self.target) {
            Ok(example) => example,
            Err(why) => {
                self.skip("P9", &why);
                return Ok(());
            }
        };
        let logins = server.logins(&self.directory)?;
        for _ in 0..self.rounds {
            let rate = argon2.measure(&[&self.seconds.to_string()])?;
            self.report.yardsticks.entry("P9 argon2").or_default().push(rate);
            self.load("P9 colloquy", &logins, None)?;
        }
        let (ours, argon2) = (self.rate_of("P9 colloquy"), self.yardstick("P9 argon2"));
        self.figure(targets::P9.measured(ours / argon2, format!("{ours:.1} logins/s, argon2 alone {argon2:.1}")));
        Ok(())
    }

    fn profiles(&mut self, server: &Server, tokens: &[String]) -> Result<()> {
        let example = match Example::build("api", "empty_route", &self.target) {
            Ok(example) => example,
            Err(why) => {
                self.skip("P10", &why);
                return Ok(());
            }
        };
        let (_empty, address) = example.serve("empty-route", &self.directory)?;
        let get = http::request("GET", "/", None, None);
        let empty = Requests::new(address, &self.directory, "empty", &vec![get; tokens.len()])?;
        let profiles = server.profiles(&self.directory, tokens)?;
        for _ in 0..self.rounds {
            self.load("P10 empty route", &empty, None)?;
            self.load("P10 colloquy", &profiles, None)?;
        }
        let (ours, empty) = (self.rate_of("P10 colloquy"), self.rate_of("P10 empty route"));
        self.figure(targets::P10.measured(ours / empty, format!("{ours:.0} requests/s, an empty route {empty:.0}")));
        Ok(())
    }

    /// P1s: the embedded store.
    pub(super) fn on_sqlite(&mut self) -> Result<()> {
        let statements = Example::build("infra", "sqlite_ceiling", &self.target)?;
        let data = self.scratch()?;
        let server = self.build.serve("colloquy-sqlite", data.path(), None)?;
        let tokens = server.sign_up(CLIENTS)?;
        let turns = server.turns(&self.directory, "turns-sqlite", &tokens)?;
        let file = data.path().join("yardstick.db");
        for round in 1..=self.rounds {
            say::step(format_args!("round {round} of {}: the statements on SQLite", self.rounds));
            let rate = statements.measure(&[&file.to_string_lossy(), &self.seconds.to_string()])?;
            self.report.yardsticks.entry("P1s sqlite").or_default().push(rate);
            self.load("P1s colloquy", &turns, None)?;
        }
        let (ours, sqlite) = (self.rate_of("P1s colloquy"), self.yardstick("P1s sqlite"));
        let latency = self.latency_of("P1s colloquy");
        let how = format!("{ours:.0} turns/s ({latency}), one commit each {sqlite:.0}");
        self.figure(targets::P1S.measured(ours / sqlite, how));
        Ok(())
    }
}
