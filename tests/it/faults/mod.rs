//! What docs/RELIABILITY.md promises, one file for each of its rows, against real processes.
//!
//! | row | file |
//! |---|---|
//! | R1 | `r01_postgres_killed` |
//! | R2 | `r02_connections_closed` |
//! | R3 | `r03_database_out_of_reach` |
//! | R4 | `r04_commit_acknowledgement` |
//! | R7 | `r07_pool_exhausted` |
//! | R8 | `r08_one_key` |
//! | R9 | `r09_one_at_a_time` |
//! | R10 | `r10_server_killed` |
//! | R11 | `r11_disconnect`, `r11_resume`, `r11_web_socket` |
//! | R12 | `r12_sigterm` |
//! | R13 | `r13_stalled_readers` |
//! | R15, R16 | `r15_upstream_refuses` |
//! | R17, R18 | `r17_upstream_limits` |
//! | R19, R20 | `r19_upstream_breaks` |
//! | R25 | `r25_disk_full` |
//! | R26 | `r26_sqlite_killed` |
//! | R28 | `r28_contention` |
//!
//! A test records what every client was told, reads everything back once the fault is over, and judges by
//! [`crate::support::outcomes`]. `COLLOQUY_TEST_SCALE=10` makes them as large as the promises are.

mod load;
mod r01_postgres_killed;
mod r02_connections_closed;
mod r03_database_out_of_reach;
mod r04_commit_acknowledgement;
mod r07_pool_exhausted;
mod r08_one_key;
mod r09_one_at_a_time;
mod r10_server_killed;
mod r11_disconnect;
mod r11_resume;
mod r11_web_socket;
mod r12_sigterm;
mod r13_stalled_readers;
mod r15_upstream_refuses;
mod r17_upstream_limits;
mod r19_upstream_breaks;
mod r25_disk_full;
mod r26_sqlite_killed;
mod r28_contention;
