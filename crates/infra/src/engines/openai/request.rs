//! What is sent.

use async_openai::types::chat::{
    ChatCompletionRequestAssistantMessage, ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, CreateChatCompletionRequest,
};
use domain::chat::{EngineRequest, OutputTokens, Temperature};
use domain::conversation::ModelName;

use super::OpenAiSettings;

/// What a server calls the most tokens of an answer. None takes both: the newer models of OpenAI refuse the old name,
/// and strict servers, such as Mistral's, the new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenLimit {
    /// `max_tokens`, as OpenAI did once and most compatible servers do.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// The question after everything that the model shall know: the system prompt, then the context, oldest first.
///
/// What a request does not say about sampling is not sent: several models refuse any temperature.
pub(super) fn body(
    request: EngineRequest,
    model: &ModelName,
    settings: &OpenAiSettings,
) -> CreateChatCompletionRequest {
    let mut messages: Vec<ChatCompletionRequestMessage> = Vec::with_capacity(request.context.len() * 2 + 2);
    if let Some(system) = request.system {
        messages.push(ChatCompletionRequestSystemMessage::from(system.into_string()).into());
    }
    for turn in request.context {
        // Several servers refuse an empty message, and some two questions in a row.
        if turn.response.trim().is_empty() {
            continue;
        }
        messages.push(ChatCompletionRequestUserMessage::from(turn.question).into());
        messages.push(ChatCompletionRequestAssistantMessage::from(turn.response).into());
    }
    messages.push(ChatCompletionRequestUserMessage::from(request.question).into());

    let usage = ChatCompletionStreamOptions { include_usage: Some(true), include_obfuscation: None };
    let sampling = request.sampling;
    let mut body = CreateChatCompletionRequest {
        model: model.as_str().to_owned(),
        messages,
        stream: Some(true),
        stream_options: settings.ask_for_usage.then_some(usage),
        temperature: sampling.temperature.map(Temperature::get),
        ..CreateChatCompletionRequest::default()
    };
    let limit = sampling.max_output_tokens.map(OutputTokens::get);
    match settings.token_limit {
        #[expect(deprecated, reason = "by OpenAI, not by the servers that speak as it did")]
        TokenLimit::MaxTokens => body.max_tokens = limit,
        TokenLimit::MaxCompletionTokens => body.max_completion_tokens = limit,
    }
    body
}
