//! An export as it is written down: one JSON object, whose records are those of the other routes.

use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::export::{ExportDocument, ExportFormat, KeyRecord, Record, Section, SessionRecord};
use domain::usage::UsageRecord;
use domain::user::User;
use serde::Serialize;
use uuid::Uuid;

use crate::dto::{self, Timestamp};

/// Writes exports as JSON: `format`, `exported_at` and `account`, and then a list for each part.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonExport;

/// The name and the version of what is written.
const FORMAT: &str = "colloquy.export.v1";

impl ExportFormat for JsonExport {
    fn begin(&self, account: User, at: DateTime<Utc>) -> Result<Box<dyn ExportDocument>, Unexpected> {
        let head = Head { format: FORMAT, exported_at: Timestamp(at), account: account.into() };
        let mut written = serde_json::to_vec(&head).map_err(Unexpected::new)?;
        // The object goes on.
        written.pop();
        Ok(Box::new(JsonDocument { written, list: List::None }))
    }
}

#[derive(Serialize)]
struct Head {
    format: &'static str,
    exported_at: Timestamp,
    account: dto::User,
}

struct JsonDocument {
    written: Vec<u8>,
    list: List,
}

/// The list that is being written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    None,
    Empty,
    HasRecords,
}

impl ExportDocument for JsonDocument {
    fn section(&mut self, section: Section) {
        self.end_list();
        self.written.extend_from_slice(b",\"");
        self.written.extend_from_slice(name(section).as_bytes());
        self.written.extend_from_slice(b"\":[");
        self.list = List::Empty;
    }

    fn add(&mut self, record: Record) -> Result<(), Unexpected> {
        if self.list == List::HasRecords {
            self.written.push(b',');
        }
        self.list = List::HasRecords;
        let written = &mut self.written;
        match record {
            Record::Session(session) => serde_json::to_writer(written, &FullSession::from(session)),
            Record::ApiKey(key) => serde_json::to_writer(written, &FullKey::from(key)),
            Record::Conversation(conversation) => {
                serde_json::to_writer(written, &dto::Conversation::from(*conversation))
            }
            Record::Turn(turn) => serde_json::to_writer(written, &dto::Turn::from(*turn)),
            Record::Usage(usage) => serde_json::to_writer(written, &DayOfUsage::from(usage)),
            Record::AuditEvent(event) => serde_json::to_writer(written, &dto::AuditEvent::from(*event)),
        }
        .map_err(Unexpected::new)
    }

    fn end(&mut self) {
        self.end_list();
        self.written.extend_from_slice(b"}\n");
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.written)
    }
}

impl JsonDocument {
    fn end_list(&mut self) {
        if self.list != List::None {
            self.written.push(b']');
        }
        self.list = List::None;
    }
}

const fn name(section: Section) -> &'static str {
    match section {
        Section::Sessions => "sessions",
        Section::ApiKeys => "api_keys",
        Section::Conversations => "conversations",
        Section::Turns => "turns",
        Section::Usage => "usage",
        Section::AuditEvents => "audit_events",
    }
}

/// A session, live or over.
#[derive(Serialize)]
struct FullSession {
    id: Uuid,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    ended_at: Option<Timestamp>,
    end_reason: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
}

impl From<SessionRecord> for FullSession {
    fn from(session: SessionRecord) -> Self {
        Self {
            id: session.id.as_uuid(),
            created_at: Timestamp(session.created_at),
            last_seen_at: Timestamp(session.last_seen_at),
            expires_at: Timestamp(session.expires_at),
            ended_at: session.ended_at.map(Timestamp),
            end_reason: session.end_reason,
            ip: session.client.ip.map(|ip| ip.to_string()),
            user_agent: session.client.user_agent,
        }
    }
}

/// An API key, good or not.
#[derive(Serialize)]
struct FullKey {
    #[serde(flatten)]
    key: dto::ApiKey,
    revoked_at: Option<Timestamp>,
}

impl From<KeyRecord> for FullKey {
    fn from(record: KeyRecord) -> Self {
        Self { key: record.key.into(), revoked_at: record.revoked_at.map(Timestamp) }
    }
}

/// What was used on a day of a model.
#[derive(Serialize)]
struct DayOfUsage {
    day: String,
    model: Option<String>,
    turns: u64,
    input_tokens: u64,
    output_tokens: u64,
}

impl From<UsageRecord> for DayOfUsage {
    fn from(record: UsageRecord) -> Self {
        Self {
            day: record.day.to_string(),
            model: record.model.map(domain::conversation::ModelName::into_string),
            turns: record.tally.turns,
            input_tokens: record.tally.input_tokens,
            output_tokens: record.tally.output_tokens,
        }
    }
}
