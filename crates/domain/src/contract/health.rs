//! [`crate::health::StoreHealth`].

use super::StoreUnderTest;

/// A store that can be used reports no trouble.
pub async fn a_store_that_works_says_so(store: StoreUnderTest) {
    store.health.check().await.expect("a working store should be healthy");
}
