//! The contract suite of `domain`, over both stores.

use std::sync::OnceLock;

use domain::contract::StoreUnderTest;
use infra::store::{Opener, Store, open};

use crate::support::database::{Backend, Database};

mod postgres {
    use super::{Backend, StoreUnderTest, shared};
    use std::sync::OnceLock;

    async fn store() -> StoreUnderTest {
        static STORE: OnceLock<StoreUnderTest> = OnceLock::new();
        shared(&STORE, Backend::Postgres).await
    }

    domain::contract_suite!(test = tokio::test, store = store);
}

mod sqlite {
    use super::{Backend, StoreUnderTest, shared};
    use std::sync::OnceLock;

    async fn store() -> StoreUnderTest {
        static STORE: OnceLock<StoreUnderTest> = OnceLock::new();
        shared(&STORE, Backend::Sqlite).await
    }

    domain::contract_suite!(test = tokio::test, store = store);
}

/// One store for all cases of a backend: they may share one, and that makes them harder to pass.
async fn shared(store: &'static OnceLock<StoreUnderTest>, backend: Backend) -> StoreUnderTest {
    let open = move || store.get_or_init(|| under_test(backend)).clone();
    tokio::task::spawn_blocking(open).await.unwrap()
}

fn under_test(backend: Backend) -> StoreUnderTest {
    // It lives as long as the process: the throwaway server goes with all its databases.
    let database = Box::leak(Box::new(Database::migrated(backend)));
    let store: Store = open(database.settings(), Opener::Server).unwrap();
    StoreUnderTest {
        users: store.users,
        sessions: store.sessions,
        tickets: store.tickets,
        keys: store.keys,
        audit: store.audit,
        erasures: store.erasures,
        exports: store.exports,
        records: store.records,
        retention: store.retention,
        conversations: store.conversations,
        turns: store.turns,
        journal: store.journal,
        leases: store.leases,
        usage: store.usage,
        signing_keys: store.signing_keys,
        health: store.health,
    }
}
