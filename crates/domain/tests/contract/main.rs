//! The contract suite, proven on a store that is nothing but memory.
#![expect(clippy::expect_used, reason = "a store for tests panics where its own bookkeeping is wrong")]

mod memory_store;

use std::sync::Arc;

use domain::contract::StoreUnderTest;
use memory_store::MemoryStore;

async fn new_store() -> StoreUnderTest {
    store_of(&Arc::new(MemoryStore::default()))
}

fn store_of(store: &Arc<MemoryStore>) -> StoreUnderTest {
    StoreUnderTest {
        users: store.clone(),
        sessions: store.clone(),
        tickets: store.clone(),
        keys: store.clone(),
        audit: store.clone(),
        erasures: store.clone(),
        exports: store.clone(),
        records: store.clone(),
        retention: store.clone(),
        conversations: store.clone(),
        turns: store.clone(),
        journal: store.clone(),
        leases: store.clone(),
        usage: store.clone(),
        signing_keys: store.clone(),
        health: store.clone(),
    }
}

/// Every case on a store of its own.
mod alone {
    use super::new_store;

    domain::contract_suite!(test = tokio::test, store = new_store);
}

/// All cases on one store, at the same time: none may get in another's way.
mod together {
    use std::sync::{Arc, LazyLock};

    use domain::contract::StoreUnderTest;

    use super::memory_store::MemoryStore;

    async fn shared_store() -> StoreUnderTest {
        static STORE: LazyLock<Arc<MemoryStore>> = LazyLock::new(Arc::default);
        super::store_of(&STORE)
    }

    domain::contract_suite!(test = tokio::test(flavor = "multi_thread", worker_threads = 2), store = shared_store);
}

/// A case that is written but not in the macro's list would never run.
#[test]
fn every_case_is_in_the_list() {
    let list = include_str!("../../src/contract/mod.rs");
    let areas = [
        ("accept", include_str!("../../src/contract/accept.rs")),
        ("api_keys", include_str!("../../src/contract/api_keys.rs")),
        ("audit", include_str!("../../src/contract/audit.rs")),
        ("beats", include_str!("../../src/contract/beats.rs")),
        ("context", include_str!("../../src/contract/context.rs")),
        ("conversations", include_str!("../../src/contract/conversations.rs")),
        ("current", include_str!("../../src/contract/current.rs")),
        ("erasures", include_str!("../../src/contract/erasures.rs")),
        ("exports", include_str!("../../src/contract/exports.rs")),
        ("records", include_str!("../../src/contract/records.rs")),
        ("retention", include_str!("../../src/contract/retention.rs")),
        ("finish", include_str!("../../src/contract/finish.rs")),
        ("health", include_str!("../../src/contract/health.rs")),
        ("idempotency", include_str!("../../src/contract/idempotency.rs")),
        ("leases", include_str!("../../src/contract/leases.rs")),
        ("pieces", include_str!("../../src/contract/pieces.rs")),
        ("profiles", include_str!("../../src/contract/profiles.rs")),
        ("rights", include_str!("../../src/contract/rights.rs")),
        ("rotation", include_str!("../../src/contract/rotation.rs")),
        ("sessions", include_str!("../../src/contract/sessions.rs")),
        ("signing_keys", include_str!("../../src/contract/signing_keys.rs")),
        ("tickets", include_str!("../../src/contract/tickets.rs")),
        ("turns", include_str!("../../src/contract/turns.rs")),
        ("usage", include_str!("../../src/contract/usage.rs")),
        ("users", include_str!("../../src/contract/users.rs")),
    ];
    assert_eq!(areas.len(), list.matches("\npub mod ").count(), "every area is looked at");
    for (area, source) in areas {
        let (_, listed) = list.split_once(&format!("\n            {area} {{")).expect("the area is in the list");
        let (listed, _) = listed.split_once('}').expect("the area's list ends");
        let listed: Vec<&str> = listed.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let written = source.split("\npub async fn ").skip(1).filter_map(|rest| rest.split('(').next());
        assert_eq!(listed, written.collect::<Vec<_>>(), "{area}");
    }
}
