use std::time::Duration;

use domain::access::CredentialId;
use domain::id::UserId;
use moka::sync::Cache;
use uuid::Uuid;

use super::CAPACITY;
use crate::live::WatchedCredentials;

/// Longer than any look-up takes that may have seen something live before it ended.
const LONGEST_LOOK_UP: Duration = Duration::from_secs(60);

/// What ended or changed in this process a moment ago, so that no cache is believed about it, and who has to be told.
///
/// A look-up that was under way meanwhile may put what it saw into a cache afterwards; that entry is gone before this one
/// is.
#[derive(Clone)]
pub struct Revocations {
    distrusted: Cache<Uuid, ()>,
    watched: WatchedCredentials,
}

impl Revocations {
    /// Revocations for caches that believe what they know for so long.
    pub fn new(moment: Duration, watched: WatchedCredentials) -> Self {
        let distrusted = Cache::builder().max_capacity(CAPACITY).time_to_live(moment + LONGEST_LOOK_UP).build();
        Self { distrusted, watched }
    }

    /// The credential is over.
    pub(super) fn over(&self, credential: CredentialId) {
        self.doubt(credential);
        self.watched.end(credential);
    }

    /// The credential may be over: whether the store did what it was told is not known.
    pub(super) fn doubt(&self, credential: CredentialId) {
        self.distrusted.insert(credential.as_uuid(), ());
    }

    /// What the user may do has changed.
    pub(super) fn changed(&self, user: UserId) {
        self.distrusted.insert(user.as_uuid(), ());
    }

    /// Whether a cache may be believed about a credential of that user.
    pub(super) fn is_trusted(&self, credential: CredentialId, user: UserId) -> bool {
        !self.distrusted.contains_key(&credential.as_uuid()) && self.is_unchanged(user)
    }

    /// Whether a cache may be believed about that user.
    pub(super) fn is_unchanged(&self, user: UserId) -> bool {
        !self.distrusted.contains_key(&user.as_uuid())
    }
}
