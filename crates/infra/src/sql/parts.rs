//! The JSON form in which the parts of an answer are stored.

use domain::conversation::Part;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum StoredPart {
    Text { text: String },
    Image { url: String, alt: Option<String> },
    Table { columns: Vec<String>, rows: Vec<Vec<String>> },
    Chart { specification: String },
    ToolCall { id: String, name: String, arguments: String },
    ToolResult { id: String, content: String },
    Reasoning { text: String },
}

#[derive(Debug, thiserror::Error)]
#[error("a part of a kind that this version cannot store")]
struct UnknownPart;

impl TryFrom<Part> for StoredPart {
    type Error = UnknownPart;

    fn try_from(part: Part) -> Result<Self, UnknownPart> {
        Ok(match part {
            Part::Text { text } => Self::Text { text },
            Part::Image { url, alt } => Self::Image { url, alt },
            Part::Table { columns, rows } => Self::Table { columns, rows },
            Part::Chart { specification } => Self::Chart { specification },
            Part::ToolCall { id, name, arguments } => Self::ToolCall { id, name, arguments },
            Part::ToolResult { id, content } => Self::ToolResult { id, content },
            Part::Reasoning { text } => Self::Reasoning { text },
            _ => return Err(UnknownPart),
        })
    }
}

impl From<StoredPart> for Part {
    fn from(part: StoredPart) -> Self {
        match part {
            StoredPart::Text { text } => Self::Text { text },
            StoredPart::Image { url, alt } => Self::Image { url, alt },
            StoredPart::Table { columns, rows } => Self::Table { columns, rows },
            StoredPart::Chart { specification } => Self::Chart { specification },
            StoredPart::ToolCall { id, name, arguments } => Self::ToolCall { id, name, arguments },
            StoredPart::ToolResult { id, content } => Self::ToolResult { id, content },
            StoredPart::Reasoning { text } => Self::Reasoning { text },
        }
    }
}

/// The document that is stored; fails for a kind of part that this version does not know.
pub(crate) fn to_json(parts: Vec<Part>) -> Result<serde_json::Value, domain::Unexpected> {
    let stored: Result<Vec<StoredPart>, _> = parts.into_iter().map(StoredPart::try_from).collect();
    serde_json::to_value(stored.map_err(domain::Unexpected::new)?).map_err(domain::Unexpected::new)
}

/// The parts of a stored document.
pub(crate) fn from_json(document: serde_json::Value) -> Result<Vec<Part>, serde_json::Error> {
    let stored: Vec<StoredPart> = serde_json::from_value(document)?;
    Ok(stored.into_iter().map(Part::from).collect())
}
