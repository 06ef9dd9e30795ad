//! What is sent.

use async_openai::types::chat::{
    ChatCompletionRequestAssistantMessage, ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, CreateChatCompletionRequest,
};
use domain::chat::EngineRequest;
use domain::conversation::ModelName;

/// The question after everything that the model shall know: the system prompt, then the context, oldest first.
pub(super) fn body(request: EngineRequest, model: &ModelName, ask_for_usage: bool) -> CreateChatCompletionRequest {
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
    CreateChatCompletionRequest {
        model: model.as_str().to_owned(),
        messages,
        stream: Some(true),
        stream_options: ask_for_usage.then_some(usage),
        ..CreateChatCompletionRequest::default()
    }
}
