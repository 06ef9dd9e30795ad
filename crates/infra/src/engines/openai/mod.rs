//! Every server that speaks OpenAI's chat completions: OpenAI's own, local model servers, and the compatible
//! endpoints of other providers.
//!
//! The way of an answer: `request` writes what is sent, this module sends it and looks at the status, `failure`
//! turns what went wrong into an [`EngineError`], `completion` reads the stream of `chunk`s.
//! [`presets`] knows where the well-known servers are.
//!
//! There are no timers here but for connecting and for what comes after the end: a silent server is noticed by
//! [`super::guard`], as that of every engine.

mod chunk;
mod completion;
mod failure;
pub mod presets;
mod request;

use std::fmt;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use domain::chat::{ChatEngine, EngineError, EngineErrorKind, EngineEvent, EngineRequest, EngineStream, OfferedModel};
use domain::conversation::ModelName;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncRead;
use tokio::time::timeout;
use tokio_util::io::StreamReader;

use self::completion::{Completion, MAX_LINE};
use self::failure::Failures;
pub use self::request::TokenLimit;

const PATIENCE_OF_A_CHECK: Duration = Duration::from_secs(5);

/// Where a server is, and how to talk to it.
#[derive(Clone, Debug)]
pub struct OpenAiSettings {
    /// What `/chat/completions` is appended to, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// What the server wants to see, if it wants any.
    pub api_key: Option<SecretString>,
    /// The models that may be asked for; the first is the default.
    pub models: Vec<ModelName>,
    /// What users are told about who serves the models.
    pub provider: String,
    /// Whether to ask for token counts. Most servers need to be asked, but some refuse a request that does.
    pub ask_for_usage: bool,
    /// What the server calls the most tokens of an answer.
    pub token_limit: TokenLimit,
    /// The most time for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for token counts once the model has finished. It must be shorter than the time after which
    /// whoever asks takes a model for dead, or the finish is lost.
    pub epilogue: Duration,
}

/// Why there can be no engine with these settings.
#[derive(Debug, thiserror::Error)]
pub enum OpenAiConfigError {
    /// It is no URL, or none that is spoken over HTTP.
    #[error("the base URL must be an http or https URL, such as https://api.openai.com/v1")]
    NotHttp,
    /// It would be shown wherever the URL is shown.
    #[error("the base URL must not contain a user or a password")]
    CredentialsInUrl,
    /// It cannot be sent in a header.
    #[error("the API key must consist of visible ASCII characters")]
    UnusableKey,
    /// There is nothing to be asked.
    #[error("there must be at least one model")]
    NoModel,
    /// The HTTP client could not be set up; mostly because the machine has no CA certificates.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// An engine behind a server that speaks OpenAI's chat completions.
#[derive(Clone)]
pub struct OpenAiEngine {
    client: Client,
    url: Url,
    authorization: Option<HeaderValue>,
    settings: OpenAiSettings,
}

impl fmt::Debug for OpenAiEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { settings, .. } = self;
        f.debug_struct("OpenAiEngine")
            .field("provider", &settings.provider)
            .field("models", &settings.models)
            .finish_non_exhaustive()
    }
}

impl OpenAiEngine {
    /// An engine with these settings. Nothing is sent until it is asked.
    pub fn new(settings: OpenAiSettings) -> Result<Self, OpenAiConfigError> {
        if settings.models.is_empty() {
            return Err(OpenAiConfigError::NoModel);
        }
        let url = completions_url(&settings.base_url)?;
        let authorization = settings.api_key.as_ref().map(bearer).transpose()?;
        let mut client = Client::builder()
            .connect_timeout(settings.connect_timeout)
            // A redirect would carry the question, and perhaps the key, to a server nobody configured.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // Nor shall a variable of the environment send chats through a proxy unnoticed.
            .no_proxy()
            // A connection that died while it was idle must not cost the next question its whole timeout.
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10));
        if url.scheme() == "http" {
            // Loading the machine's CA certificates takes time, and fails where there are none.
            client = client.tls_certs_only([]);
        }
        let client = client.build().map_err(OpenAiConfigError::Client)?;
        Ok(Self { client, url, authorization, settings })
    }

    /// Whether the server can be reached and takes the key. It is asked which models it has, which costs nothing; a
    /// server that keeps no list of them has answered all the same.
    pub async fn check(&self) -> Result<(), EngineError> {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop().pop().push("models");
        }
        let patience = self.settings.connect_timeout.max(PATIENCE_OF_A_CHECK);
        let Ok(response) = timeout(patience, self.send(self.client.get(url))).await else {
            return Err(EngineError::new(EngineErrorKind::Timeout, "no response within the configured time"));
        };
        let response = response?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(()),
            status if status.is_success() => Ok(()),
            _ => Err(Failures { key: self.settings.api_key.clone() }.of_status(response).await),
        }
    }

    fn model<'a>(&'a self, request: &'a EngineRequest) -> Result<&'a ModelName, EngineError> {
        let offered = &self.settings.models;
        let model = match &request.model {
            Some(name) => offered.iter().find(|model| *model == name),
            None => offered.first(),
        };
        model.ok_or_else(|| EngineError::new(EngineErrorKind::BadResponse, "the model is not on the engine's list"))
    }

    async fn send(&self, mut request: RequestBuilder) -> Result<Response, EngineError> {
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.send().await.map_err(failure::transport)
    }
}

#[async_trait]
impl ChatEngine for OpenAiEngine {
    fn models(&self) -> Vec<OfferedModel> {
        let provider = &self.settings.provider;
        self.settings
            .models
            .iter()
            .map(|name| OfferedModel { name: name.clone(), provider: provider.clone() })
            .collect()
    }

    async fn answer(&self, request: EngineRequest) -> Result<EngineStream, EngineError> {
        let model = self.model(&request)?.clone();
        let chosen_here = request.model.is_none();
        let body = request::body(request, &model, &self.settings);
        let question = self.client.post(self.url.clone()).header(ACCEPT, "text/event-stream").json(&body);
        let response = self.send(question).await?;

        let failures = Failures { key: self.settings.api_key.clone() };
        if response.status() != StatusCode::OK {
            return Err(failures.of_status(response).await);
        }
        let named = stream::iter(chosen_here.then_some(Ok(EngineEvent::Model(model))));
        let answer = match media_type(&response).as_str() {
            "text/event-stream" => {
                let bytes = response.bytes_stream().map_err(io::Error::other).boxed();
                Completion::new(StreamReader::new(bytes), self.settings.epilogue, failures).into_events()
            }
            "application/json" => {
                let body = failure::read_capped(response, MAX_LINE).await?;
                stream::iter(completion::whole(&body, &failures)?.into_iter().map(Ok)).boxed()
            }
            other => {
                let text = format!("the answer is {other:?} and not an event stream");
                return Err(EngineError::new(EngineErrorKind::BadResponse, text));
            }
        };
        Ok(named.chain(answer).boxed())
    }
}

/// What a stream of chat completions tells, wherever its bytes come from. Once the model has finished, it is read for
/// `epilogue` at the most.
pub fn read_events(source: impl AsyncRead + Send + Unpin + 'static, epilogue: Duration) -> EngineStream {
    Completion::new(source, epilogue, Failures { key: None }).into_events()
}

fn completions_url(base: &str) -> Result<Url, OpenAiConfigError> {
    let mut url = Url::parse(base.trim()).map_err(|_| OpenAiConfigError::NotHttp)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(OpenAiConfigError::NotHttp);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(OpenAiConfigError::CredentialsInUrl);
    }
    url.set_fragment(None);
    url.path_segments_mut().map_err(|()| OpenAiConfigError::NotHttp)?.pop_if_empty().extend(["chat", "completions"]);
    Ok(url)
}

fn bearer(key: &SecretString) -> Result<HeaderValue, OpenAiConfigError> {
    let key = key.expose_secret();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(OpenAiConfigError::UnusableKey);
    }
    let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| OpenAiConfigError::UnusableKey)?;
    value.set_sensitive(true);
    Ok(value)
}

fn media_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
