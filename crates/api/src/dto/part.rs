use domain::conversation as model;
use serde::Serialize;
use utoipa::ToSchema;

/// A piece of an answer; `type` says which kind.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Part {
    /// Text between other parts.
    Text { text: String },
    /// A picture: a path of this server, and what it shows in words.
    Image { url: String, alt: Option<String> },
    /// Rows under headings, each as long as the headings.
    Table { columns: Vec<String>, rows: Vec<Vec<String>> },
    /// A chart to be drawn by the reader; its description is a JSON document, as Vega-Lite's.
    Chart { specification: String },
    /// The model asks for a tool; the arguments are a JSON document.
    ToolCall { id: String, name: String, arguments: String },
    /// What a tool answered to the call of that id.
    ToolResult { id: String, content: String },
    /// What the model thought before it spoke.
    Reasoning { text: String },
}

impl Part {
    /// `None` for a kind of part that this version cannot show yet.
    pub(crate) fn from_model(part: model::Part) -> Option<Self> {
        Some(match part {
            model::Part::Text { text } => Self::Text { text },
            model::Part::Image { url, alt } => Self::Image { url, alt },
            model::Part::Table { columns, rows } => Self::Table { columns, rows },
            model::Part::Chart { specification } => Self::Chart { specification },
            model::Part::ToolCall { id, name, arguments } => Self::ToolCall { id, name, arguments },
            model::Part::ToolResult { id, content } => Self::ToolResult { id, content },
            model::Part::Reasoning { text } => Self::Reasoning { text },
            _ => return None,
        })
    }
}
