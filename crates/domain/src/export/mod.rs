//! A copy of everything that is stored about somebody.
//!
//! It is written by a job in the background, piece by piece into the store, so that any replica can hand it out, and
//! nobody ever holds all of it in memory.

mod document;
mod job;
mod model;
mod records;
mod repository;
mod service;

pub use document::{ExportDocument, ExportFormat, Record, Section};
pub use model::{Export, ExportState, NewExport, Progress};
pub use records::{KeyRecord, RecordRepository, SessionRecord};
pub use repository::{Chunk, ExportBegun, ExportRepository};
pub use service::{Download, DownloadError, ExportPorts, ExportService};

#[cfg(feature = "mock")]
pub use {document::MockExportFormat, records::MockRecordRepository, repository::MockExportRepository};
