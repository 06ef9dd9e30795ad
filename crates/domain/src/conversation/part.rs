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
