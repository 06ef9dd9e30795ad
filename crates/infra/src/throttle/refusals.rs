use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use domain::Unexpected;
use domain::audit::{AuditKind, AuditTrail, NewAuditEvent, Origin};
use domain::clock::Clock;
use domain::id::AuditEventId;
use domain::session::Client;
use domain::throttle::{AccountKey, Limit, RefusalLog};
use domain::user::{UserRepository, Username};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// How often what was counted is written down.
const PERIOD: Duration = Duration::from_secs(1);
/// The most rows of one period. Whoever has more addresses than that is counted, but not by address.
const MOST_ROWS: usize = 10_000;
const MINUTE_SECONDS: i64 = 60;

/// Counts attempts that were refused unseen, and writes them to the audit log once a second: one row for each address or
/// account and minute, the same on every replica. A process that is killed loses what it counted since.
pub struct CountedRefusals {
    counts: Mutex<HashMap<Row, u32>>,
    users: Arc<dyn UserRepository>,
    trail: AuditTrail,
    clock: Arc<dyn Clock>,
}

/// What one row counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row {
    minute: i64,
    limit: &'static str,
    /// Of the account's limit: every address counts.
    account: Option<AccountKey>,
    /// Of the address's limit: every account counts.
    ip: Option<IpAddr>,
}

impl CountedRefusals {
    /// Begins to write down, until nobody counts any more. It must run inside the main runtime.
    pub fn start(users: Arc<dyn UserRepository>, trail: AuditTrail, clock: Arc<dyn Clock>) -> Arc<Self> {
        let refusals = Arc::new(Self { counts: Mutex::default(), users, trail, clock });
        tokio::spawn(write_down(Arc::downgrade(&refusals)));
        refusals
    }

    async fn write_down(&self) {
        let counted = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        for (row, times) in counted {
            if let Err(error) = self.write(&row, times).await {
                tracing::warn!(%error, times, "throttled attempts could not be written to the audit log");
            }
        }
    }

    async fn write(&self, row: &Row, times: u32) -> Result<(), Unexpected> {
        let origin = Origin::unknown(Client::new(row.ip, None));
        let event = self.trail.event(AuditKind::LoginThrottled, &origin).saying(row.limit);
        let event = NewAuditEvent { id: row.id(), ..event };
        let event = match self.subject(row).await? {
            Some(user) => event.about(user),
            None => event,
        };
        self.trail.count(event, times).await
    }

    async fn subject(&self, row: &Row) -> Result<Option<domain::id::UserId>, Unexpected> {
        let name = row.account.as_ref().and_then(|account| Username::try_from(account.as_str().to_owned()).ok());
        let Some(name) = name else { return Ok(None) };
        Ok(self.users.find_for_login(&name).await?.map(|(user, _)| user.id))
    }
}

async fn write_down(refusals: Weak<CountedRefusals>) {
    let mut ticks = interval_at(Instant::now() + PERIOD, PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(refusals) = refusals.upgrade() else { return };
        refusals.write_down().await;
    }
}

impl RefusalLog for CountedRefusals {
    fn note(&self, by: Limit, account: &AccountKey, ip: Option<IpAddr>) {
        let minute = self.clock.now().timestamp().div_euclid(MINUTE_SECONDS);
        let limit = by.as_str();
        let row = match by {
            Limit::Account => Row { minute, limit, account: Some(account.clone()), ip: None },
            Limit::Login | Limit::Registration | Limit::Turns => Row { minute, limit, account: None, ip },
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let row = if counts.len() < MOST_ROWS || counts.contains_key(&row) {
            row
        } else {
            Row { minute, limit, account: None, ip: None }
        };
        let count = counts.entry(row).or_default();
        *count = count.saturating_add(1);
    }
}

impl Row {
    /// The same for the same row, whoever counts, and sorted by time as every other id.
    fn id(&self) -> AuditEventId {
        let account = self.account.as_ref().map(AccountKey::as_str).unwrap_or_default();
        let ip = self.ip.map(|ip| ip.to_string()).unwrap_or_default();
        let hash = Sha256::digest(format!("{}\0{}\0{account}\0{ip}", self.minute, self.limit));
        let mut random = [0; 10];
        random.copy_from_slice(&hash[..10]);
        let millis = u64::try_from(self.minute.saturating_mul(MINUTE_SECONDS * 1000)).unwrap_or_default();
        AuditEventId::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::audit::MockAuditLog;
    use domain::clock::MockClock;
    use domain::user::MockUserRepository;

    use super::*;
    use crate::ids::UuidV7;

    const IP: &str = "203.0.113.7";

    /// Refusals in the given minute, and what is to be written.
    fn refusals(minute: i64, log: MockAuditLog) -> CountedRefusals {
        let mut users = MockUserRepository::new();
        users.expect_find_for_login().returning(|_| Ok(None));
        let mut clock = MockClock::new();
        clock.expect_now().returning(move || DateTime::from_timestamp(minute * 60 + 59, 0).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let trail = AuditTrail::new(Arc::new(log), clock.clone(), Arc::new(UuidV7));
        CountedRefusals { counts: Mutex::default(), users: Arc::new(users), trail, clock }
    }

    fn note(refusals: &CountedRefusals, by: Limit, name: &str) {
        refusals.note(by, &AccountKey::of(name), Some(IP.parse().unwrap()));
    }

    #[tokio::test]
    async fn s45_a_thousand_refusals_of_a_minute_are_one_counted_row() {
        let mut log = MockAuditLog::new();
        log.expect_count()
            .times(1)
            .withf(|event, times| {
                let told = (event.kind, event.detail.as_deref(), event.origin.client.ip.map(|ip| ip.to_string()));
                told == (AuditKind::LoginThrottled, Some("login"), Some(IP.to_owned())) && *times == 1000
            })
            .returning(|_, _| Ok(()));
        let refusals = refusals(7, log);
        for n in 0..1000 {
            note(&refusals, Limit::Login, &format!("name-{n}"));
        }
        refusals.write_down().await;
        refusals.write_down().await;
    }

    #[test]
    fn s45_a_row_has_the_same_id_on_every_replica_and_another_in_the_next_minute() {
        let rows = |minute| {
            let refusals = refusals(minute, MockAuditLog::new());
            note(&refusals, Limit::Login, "ada");
            note(&refusals, Limit::Account, "ada");
            note(&refusals, Limit::Account, "Ada");
            let counts = refusals.counts.into_inner().unwrap();
            let mut ids: Vec<_> = counts.keys().map(Row::id).collect();
            ids.sort();
            ids
        };
        assert_eq!(rows(7).len(), 2, "an address and an account, in whatever case");
        assert_eq!(rows(7), rows(7));
        assert!(rows(8).iter().all(|id| !rows(7).contains(id)));
    }

    #[test]
    fn more_addresses_than_there_is_memory_for_are_counted_together() {
        let refusals = refusals(7, MockAuditLog::new());
        for n in 0..u32::try_from(MOST_ROWS).unwrap() + 5 {
            refusals.note(Limit::Login, &AccountKey::of("ada"), Some(IpAddr::V4(n.into())));
        }
        let counts = refusals.counts.into_inner().unwrap();
        assert_eq!(counts.len(), MOST_ROWS + 1);
        assert_eq!(counts.values().sum::<u32>(), u32::try_from(MOST_ROWS).unwrap() + 5);
    }
}
