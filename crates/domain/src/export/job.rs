use std::sync::Arc;

use chrono::{Days, NaiveDate};

use super::{Chunk, ExportDocument, ExportPorts, ExportState, NewExport, Progress, Record, Section};
use crate::Unexpected;
use crate::audit::{AuditEvent, AuditFilter};
use crate::id::{ConversationId, UserId};
use crate::page::{Limit, ListError, Order, PageRequest};
use crate::session::Client;
use crate::usage::Period;

/// The most bytes of a piece.
const CHUNK: usize = 256 * 1024;
/// How many rows are read at once. Turns are long, others are short.
const ROWS: u32 = 100;
const TURNS: u32 = 50;
/// In days; what was used is read by the year.
const A_YEAR: u64 = 365;

/// One export that is being written.
pub(super) struct ExportJob {
    ports: Arc<ExportPorts>,
    export: NewExport,
    document: Box<dyn ExportDocument>,
    /// The day of the account's making, and that of the export.
    days: (NaiveDate, NaiveDate),
    unstored: Vec<u8>,
    chunks: u32,
    size: u64,
    progress: Progress,
}

/// Why a job does not go on.
enum Stopped {
    /// The export is not this process's any more, or has been deleted.
    Disowned,
    Failed(Unexpected),
}

impl From<Unexpected> for Stopped {
    fn from(source: Unexpected) -> Self {
        Self::Failed(source)
    }
}

/// Writes an export from its first byte to its last.
pub(super) async fn write(ports: Arc<ExportPorts>, export: NewExport) -> Result<(), Unexpected> {
    let (id, replica) = (export.id, export.replica);
    let failed = Progress { done: 0, total: export.total };
    let written = match ExportJob::begin(ports.clone(), export).await {
        Ok(job) => job.write().await,
        Err(stopped) => Err(stopped),
    };
    match written {
        Ok((state, progress)) => ports.exports.end(id, replica, state, progress).await,
        Err(Stopped::Disowned) => Ok(()),
        Err(Stopped::Failed(error)) => {
            ports.exports.end(id, replica, ExportState::Failed, failed).await?;
            Err(error)
        }
    }
}

impl ExportJob {
    async fn begin(ports: Arc<ExportPorts>, export: NewExport) -> Result<Self, Stopped> {
        let account = ports.users.find(export.owner).await?.ok_or(Stopped::Disowned)?;
        let now = ports.clock.now();
        let days = (account.account_created.date_naive(), now.date_naive());
        let document = ports.format.begin(account, now)?;
        let progress = Progress { done: 0, total: export.total };
        Ok(Self { ports, export, document, days, unstored: Vec::new(), chunks: 0, size: 0, progress })
    }

    async fn write(mut self) -> Result<(ExportState, Progress), Stopped> {
        self.sessions().await?;
        self.api_keys().await?;
        self.conversations().await?;
        self.turns().await?;
        self.usage().await?;
        self.audit_events().await?;
        self.document.end();
        self.store(0).await?;
        let progress = Progress { done: self.progress.done, total: self.progress.done };
        Ok((ExportState::Completed { size_bytes: self.size }, progress))
    }

    async fn sessions(&mut self) -> Result<(), Stopped> {
        self.document.section(Section::Sessions);
        let mut after = None;
        loop {
            let rows = self.ports.records.sessions(self.owner(), after, ROWS).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id);
            self.add(rows, Record::Session).await?;
        }
    }

    async fn api_keys(&mut self) -> Result<(), Stopped> {
        self.document.section(Section::ApiKeys);
        let mut after = None;
        loop {
            let rows = self.ports.records.api_keys(self.owner(), after, ROWS).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.key.id);
            self.add(rows, Record::ApiKey).await?;
        }
    }

    async fn conversations(&mut self) -> Result<(), Stopped> {
        self.document.section(Section::Conversations);
        let mut after = None;
        loop {
            let rows = self.ports.records.conversations(self.owner(), after, ROWS).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id);
            self.add(rows.into_iter().map(Box::new), Record::Conversation).await?;
        }
    }

    async fn turns(&mut self) -> Result<(), Stopped> {
        self.document.section(Section::Turns);
        let mut after = None;
        loop {
            let conversations = self.ports.records.conversations(self.owner(), after, ROWS).await?;
            let Some(last) = conversations.last() else { return Ok(()) };
            after = Some(last.id);
            for conversation in conversations {
                self.turns_of(conversation.id).await?;
            }
        }
    }

    async fn turns_of(&mut self, conversation: ConversationId) -> Result<(), Stopped> {
        let mut after = 0;
        loop {
            let rows = self.ports.records.turns(self.owner(), conversation, after, TURNS).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.seq;
            self.progress.done += u64::try_from(rows.len()).unwrap_or_default();
            self.progress.total = self.progress.total.max(self.progress.done);
            self.add(rows.into_iter().map(Box::new), Record::Turn).await?;
        }
    }

    async fn usage(&mut self) -> Result<(), Stopped> {
        self.document.section(Section::Usage);
        let (mut first, today) = self.days;
        while first <= today {
            let last = first.checked_add_days(Days::new(A_YEAR - 1)).map_or(today, |last| last.min(today));
            let period = Period::new(Some(first), last).map_err(Unexpected::new)?;
            let records = self.ports.usage.records(self.owner(), period).await?;
            self.add(records, Record::Usage).await?;
            let Some(next) = last.succ_opt() else { break };
            first = next;
        }
        Ok(())
    }

    /// What they did, and then what others did to them.
    async fn audit_events(&mut self) -> Result<(), Stopped> {
        self.document.section(Section::AuditEvents);
        let owner = self.owner();
        let by_them = AuditFilter { actor: Some(owner), ..AuditFilter::default() };
        self.events(by_them, Some).await?;
        let to_them = AuditFilter { subject: Some(owner), ..AuditFilter::default() };
        self.events(to_them, |event| of_somebody_else(event, owner)).await
    }

    async fn events(
        &mut self,
        filter: AuditFilter,
        shown: impl Fn(AuditEvent) -> Option<AuditEvent>,
    ) -> Result<(), Stopped> {
        let limit = Limit::try_from(u64::from(ROWS)).unwrap_or_default();
        let mut request = PageRequest { limit, after: None, order: Order::Ascending };
        loop {
            let page = self.ports.log.list(filter.clone(), request).await.map_err(|error| match error {
                ListError::Unexpected(source) => source,
                ListError::NotFound | ListError::UnknownCursor => Unexpected::new(error),
            })?;
            request.after = page.items.last().map(|event| event.id);
            self.add(page.items.into_iter().filter_map(&shown).map(Box::new), Record::AuditEvent).await?;
            if !page.has_more {
                return Ok(());
            }
        }
    }

    async fn add<T>(&mut self, rows: impl IntoIterator<Item = T>, record: impl Fn(T) -> Record) -> Result<(), Stopped> {
        for row in rows {
            self.document.add(record(row))?;
        }
        self.store(CHUNK).await
    }

    /// Stores whole pieces until less than `rest` bytes, or nothing, is left.
    async fn store(&mut self, rest: usize) -> Result<(), Stopped> {
        self.unstored.append(&mut self.document.take());
        while self.unstored.len() >= rest.max(1) {
            let after = self.unstored.split_off(CHUNK.min(self.unstored.len()));
            let content = std::mem::replace(&mut self.unstored, after);
            self.size += u64::try_from(content.len()).unwrap_or_default();
            let chunk = Chunk { number: self.chunks, content, progress: self.progress };
            if !self.ports.exports.append(self.export.id, self.export.replica, chunk).await? {
                return Err(Stopped::Disowned);
            }
            self.chunks += 1;
        }
        Ok(())
    }

    const fn owner(&self) -> UserId {
        self.export.owner
    }
}

/// Where an administrator sat is the administrator's, and no business of whoever it was done to.
fn of_somebody_else(mut event: AuditEvent, owner: UserId) -> Option<AuditEvent> {
    if event.origin.actor == Some(owner) {
        return None;
    }
    if event.origin.actor.is_some() {
        event.origin.client = Client::default();
        event.origin.session_id = None;
    }
    Some(event)
}
