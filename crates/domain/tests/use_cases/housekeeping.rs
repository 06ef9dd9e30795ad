use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::Unexpected;
use domain::audit::MockAuditLog;
use domain::clock::MockPause;
use domain::erasure::{Erased, ErasureService, MockErasureRepository, Stage, Step};
use domain::export::MockExportRepository;
use domain::housekeeping::{Chore, HousekeepingPorts, HousekeepingService, MockRetentionRepository};
use domain::id::UserId;
use domain::session::MockTicketRepository;
use uuid::Uuid;

use crate::erasure::service;
use crate::{clock, moment};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Ports {
    tickets: MockTicketRepository,
    retention: MockRetentionRepository,
    exports: MockExportRepository,
    log: MockAuditLog,
    erasures: MockErasureRepository,
}

impl Ports {
    /// Nothing may be called.
    fn untouched() -> Self {
        Self {
            tickets: MockTicketRepository::new(),
            retention: MockRetentionRepository::new(),
            exports: MockExportRepository::new(),
            log: MockAuditLog::new(),
            erasures: MockErasureRepository::new(),
        }
    }

    fn service(self) -> HousekeepingService {
        HousekeepingService::new(HousekeepingPorts {
            tickets: Arc::new(self.tickets),
            retention: Arc::new(self.retention),
            exports: Arc::new(self.exports),
            log: Arc::new(self.log),
            erasure: service(self.erasures, MockPause::new(), TimeDelta::zero()),
            clock: clock(),
        })
    }
}

#[tokio::test]
async fn each_thing_is_kept_as_long_as_is_promised() {
    let mut ports = Ports::untouched();
    ports.retention.expect_purge_sessions().times(1).returning(|kept, _| {
        assert_eq!(kept, DAY * 30);
        Ok(1)
    });
    ports.retention.expect_purge_api_keys().times(1).returning(|kept, _| {
        assert_eq!(kept, DAY * 90);
        Ok(2)
    });
    ports.log.expect_forget_clients().times(1).returning(|then, _| {
        assert_eq!(then, moment() - DAY * 90);
        Ok(3)
    });
    ports.tickets.expect_purge().times(1).returning(|_| Ok(4));
    ports.exports.expect_purge().times(1).returning(|_| Ok(5));
    ports.erasures.expect_unfinished().times(1).returning(|_, _| Ok(Vec::new()));
    let service = ports.service();
    for (chore, rows) in Chore::ALL.into_iter().zip([4, 1, 2, 5, 3, 0]) {
        assert_eq!(service.see_to(chore).await.unwrap(), rows, "{chore:?}");
    }
}

#[tokio::test]
async fn much_goes_in_batches_and_not_all_at_once() {
    let mut ports = Ports::untouched();
    let mut batches = mockall::Sequence::new();
    ports.tickets.expect_purge().times(3).in_sequence(&mut batches).returning(Ok);
    ports.tickets.expect_purge().times(1).in_sequence(&mut batches).returning(|_| Ok(1));
    assert_eq!(ports.service().see_to(Chore::Tickets).await.unwrap(), 3 * 500 + 1);
    let mut ports = Ports::untouched();
    ports.tickets.expect_purge().times(2..100).returning(Ok);
    assert!(ports.service().see_to(Chore::Tickets).await.unwrap() > 500, "it does not go on for ever");
}

#[tokio::test]
async fn an_erasure_that_cannot_go_on_keeps_no_other_waiting() {
    let mut ports = Ports::untouched();
    let [stuck, other] = [1, 2].map(|id| UserId::from_uuid(Uuid::from_u128(id)));
    ports.erasures.expect_unfinished().times(1).returning(move |idle, _| {
        assert_eq!(idle, ErasureService::ABANDONED);
        Ok(vec![stuck, other])
    });
    ports
        .erasures
        .expect_step()
        .times(1)
        .withf(move |user, _| *user == stuck)
        .returning(|_, _| Err(Unexpected::unavailable("away")));
    ports
        .erasures
        .expect_step()
        .times(1)
        .withf(move |user, _| *user == other)
        .returning(|_, _| Ok(Some(Step { erased: Erased::default(), stage: Stage::Finished })));
    assert!(ports.service().see_to(Chore::Erasures).await.is_err(), "the failure is told");
}
