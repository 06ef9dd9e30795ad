//! The targets of the performance design that are measured here.

use super::report::{Bound, Target};

pub(crate) const P1: Target = Target {
    id: "P1",
    what: "turns, PostgreSQL, against pgbench",
    unit: "×",
    bound: Bound::AtLeast,
    now: 1.5,
    aim: 3.0,
};

pub(crate) const P1S: Target = Target {
    id: "P1s",
    what: "turns, SQLite, against a commit each",
    unit: "×",
    bound: Bound::AtLeast,
    now: 5.0,
    aim: 10.0,
};

pub(crate) const P2: Target =
    Target { id: "P2", what: "turns, against FastAPI", unit: "×", bound: Bound::AtLeast, now: 12.0, aim: 25.0 };

pub(crate) const P3: Target =
    Target { id: "P3", what: "p99 ÷ p50 at half the rate", unit: "×", bound: Bound::AtMost, now: 6.0, aim: 3.0 };

pub(crate) const P4: Target = Target {
    id: "P4",
    what: "first token, on top of upstream's",
    unit: "ms",
    bound: Bound::AtMost,
    now: 2.0,
    aim: 0.5,
};

pub(crate) const P5: Target =
    Target { id: "P5", what: "memory of an open stream", unit: "KiB", bound: Bound::AtMost, now: 48.0, aim: 16.0 };

pub(crate) const P6: Target = Target {
    id: "P6",
    what: "a turn after 100,000, against 10",
    unit: "×",
    bound: Bound::AtMost,
    now: 1.15,
    aim: 1.05,
};

pub(crate) const P8_START: Target =
    Target { id: "P8", what: "start to ready, embedded store", unit: "s", bound: Bound::AtMost, now: 0.3, aim: 0.1 };

pub(crate) const P8_MEMORY: Target =
    Target { id: "P8", what: "idle memory, embedded store", unit: "MiB", bound: Bound::AtMost, now: 40.0, aim: 20.0 };

pub(crate) const P9: Target =
    Target { id: "P9", what: "logins, against raw argon2", unit: "×", bound: Bound::AtLeast, now: 0.9, aim: 0.95 };

pub(crate) const P10: Target =
    Target {
        id: "P10", what: "GET /me, against an empty route", unit: "×", bound: Bound::AtLeast, now: 0.5, aim: 0.8
    };

/// 2 hashes of 19 MiB, and 64 MiB.
pub(crate) const S5_MEMORY: Target = Target {
    id: "S5",
    what: "memory that a flood of logins takes",
    unit: "MiB",
    bound: Bound::AtMost,
    now: 102.0,
    aim: 64.0,
};

pub(crate) const S5_HEALTH: Target =
    Target { id: "S5", what: "p99 of /healthz in that flood", unit: "ms", bound: Bound::AtMost, now: 100.0, aim: 25.0 };
