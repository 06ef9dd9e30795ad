use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Piece, Position};
use crate::Unexpected;
use crate::access::CredentialId;
use crate::conversation::Turn;
use crate::id::{ReplicaId, TurnId, UserId};

/// What a process tells and asks the store at regular intervals, all at once.
#[derive(Clone, Debug)]
pub struct Beat {
    /// The process.
    pub replica: ReplicaId,
    /// It is alive and will say so again within this time; `None` if it said so a moment ago.
    pub lease: Option<Duration>,
    /// What has come of its turns.
    pub pieces: Vec<Piece>,
    /// Sessions and keys whose users read along here.
    pub credentials: Vec<CredentialId>,
    /// Turns of other processes that are read here.
    pub followed: Vec<Following>,
}

/// A turn of another process that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Following {
    /// The turn.
    pub turn_id: TurnId,
    /// How much of it is known here.
    pub after: Position,
}

/// What a process hears in return.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Turns of this process that somebody wants to stop; and those of which it told something although they run here no
    /// longer, because somebody took it for dead.
    pub cancelled: Vec<TurnId>,
    /// Of the credentials that were asked for, those that are over, or whose users may do nothing any more.
    pub ended: Vec<CredentialId>,
    /// How the turns that are followed stand; one for each that was asked for.
    pub followed: Vec<Followed>,
}

/// How a turn of another process stands.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The turn.
    pub turn_id: TurnId,
    /// Where it stands.
    pub course: Course,
}

/// Where a turn stands that is followed.
#[derive(Clone, Debug)]
pub enum Course {
    /// It runs. These pieces end after what was known, in order; the first may begin before that.
    Running(Vec<Piece>),
    /// It has ended so.
    Ended(Box<Turn>),
    /// It is no longer there.
    Gone,
}

/// What came of the wish that a turn stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// It is noted.
    Requested {
        /// The process that runs the turn.
        by: ReplicaId,
    },
    /// The turn had ended already.
    Ended,
}

/// Port: which processes are alive, what has come of their turns, and what they should know.
///
/// Leases and sessions are compared by the store's own clock.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ReplicaLease: Send + Sync {
    /// Renews the lease, stores the pieces, and returns what concerns the process.
    ///
    /// - A piece of a turn that does not run, or not in this process, MUST be left alone. One that is stored already is
    ///   too, unless the new one begins at the same place and is longer: then the first one's acknowledgement was
    ///   lost, and the longer one counts.
    /// - Lease and pieces are stored all or nothing, in one commit however many pieces there are.
    async fn beat(&self, beat: Beat) -> Result<News, Unexpected>;

    /// Notes that the owner wants a turn to stop, and says who runs it; its process hears of it with its next
    /// [`ReplicaLease::beat`]. A turn that has ended is left alone. `None` if there is no such turn, if it has
    /// expired, or is somebody else's.
    async fn request_cancel(
        &self,
        owner: UserId,
        id: TurnId,
        now: DateTime<Utc>,
    ) -> Result<Option<Cancellation>, Unexpected>;

    /// Closes every running turn whose process holds no lease: `incomplete` / `server_restart`, with what was stored
    /// of it up to the first gap, `completed_at` being `now`; what they took is counted as by
    /// [`super::TurnJournal::finish`]. Returns the turns that were closed.
    ///
    /// What `by`, who reaps, runs itself MUST be left alone, however long its own lease has been over: it lives.
    async fn reap(&self, by: ReplicaId, now: DateTime<Utc>) -> Result<Vec<TurnId>, Unexpected>;

    /// Gives the lease up: what still runs here may be reaped at once.
    async fn release(&self, replica: ReplicaId) -> Result<(), Unexpected>;
}
