/// A piece of an answer that is more than plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// Text between other parts.
    Text {
        /// The text.
        text: String,
    },
    /// A picture.
    Image {
        /// Where it is: a path of this server, never another's.
        url: String,
        /// What it shows, in words.
        alt: Option<String>,
    },
    /// Rows under headings.
    Table {
        /// The headings.
        columns: Vec<String>,
        /// The rows, each as long as the headings.
        rows: Vec<Vec<String>>,
    },
    /// A chart to be drawn by the reader.
    Chart {
        /// Its description: a JSON document, as Vega-Lite's.
        specification: String,
    },
    /// The model asks for a tool.
    ToolCall {
        /// Which call.
        id: String,
        /// Which tool.
        name: String,
        /// What it is called with: a JSON document.
        arguments: String,
    },
    /// What a tool answered.
    ToolResult {
        /// Which call it answers.
        id: String,
        /// The answer.
        content: String,
    },
    /// What the model thought before it spoke.
    Reasoning {
        /// The thought.
        text: String,
    },
}

impl Part {
    /// The same part, each of its texts changed in the same way.
    #[must_use]
    pub fn map_texts(self, change: impl Fn(String) -> String) -> Self {
        let all = |texts: Vec<String>| texts.into_iter().map(&change).collect();
        match self {
            Self::Text { text } => Self::Text { text: change(text) },
            Self::Image { url, alt } => Self::Image { url: change(url), alt: alt.map(change) },
            Self::Table { columns, rows } => {
                Self::Table { columns: all(columns), rows: rows.into_iter().map(all).collect() }
            }
            Self::Chart { specification } => Self::Chart { specification: change(specification) },
            Self::ToolCall { id, name, arguments } => {
                Self::ToolCall { id: change(id), name: change(name), arguments: change(arguments) }
            }
            Self::ToolResult { id, content } => Self::ToolResult { id: change(id), content: change(content) },
            Self::Reasoning { text } => Self::Reasoning { text: change(text) },
        }
    }
}
