//! What is measured, in Prometheus' text format. Nothing is, unless somebody is let read it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::settings::MetricsSettings;
use crate::start_error::StartError;

/// How often what was measured is put together; otherwise it would wait for somebody to read it.
const UPKEEP: Duration = Duration::from_secs(5);
/// In seconds: from a request that is answered from memory to an answer that takes minutes.
const SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];
/// Prometheus' text format, as `GET /metrics` gives it as well.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Writes that shared a commit.
const BATCH: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// Gives the measurements as text.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Begins to measure, if the settings let anybody read it. It must run inside the main runtime.
pub fn start(settings: &MetricsSettings) -> Result<Option<Render>, StartError> {
    if settings.port.get() == 0 && settings.token.get().is_none() {
        return Ok(None);
    }
    let failed = |error: metrics_exporter_prometheus::BuildError| StartError::Metrics(error.into());
    let handle: PrometheusHandle = PrometheusBuilder::new()
        .set_buckets(&SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_batch_size".to_owned()), &BATCH))
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(failed)?;
    describe();
    begin_at_zero();
    let kept = handle.clone();
    tokio::spawn(async move {
        let mut due = tokio::time::interval(UPKEEP);
        loop {
            due.tick().await;
            kept.run_upkeep();
        }
    });
    Ok(Some(Arc::new(move || handle.render())))
}

/// A port of its own for whoever collects measurements.
pub struct MetricsPort {
    server: Server,
    /// Where it listens.
    pub address: SocketAddr,
}

impl MetricsPort {
    /// Binds the port, if there is to be one.
    pub fn bind(settings: &MetricsSettings, render: Option<&Render>) -> Result<Option<Self>, StartError> {
        let (Some(render), port @ 1..) = (render, settings.port.saturating_u16()) else { return Ok(None) };
        let render = render.clone();
        let host = settings.host.as_str();
        let failed = |source| StartError::BindMetrics { host: host.to_owned(), port, source };
        let app = move || {
            let app = App::new().app_data(Data::new(render.clone())).route("/metrics", web::get().to(show));
            app.wrap(from_fn(api::middleware::envelope))
        };
        let bound = HttpServer::new(app).workers(1).disable_signals().bind((host, port)).map_err(failed)?;
        let address = bound.addrs().first().copied().ok_or_else(|| failed(io::ErrorKind::AddrNotAvailable.into()))?;
        Ok(Some(Self { server: bound.run(), address }))
    }

    /// Serves until it is stopped by its handle.
    pub fn serve(self) -> ServerHandle {
        let handle = self.server.handle();
        tokio::spawn(self.server);
        handle
    }
}

async fn show(render: Data<Render>) -> HttpResponse {
    HttpResponse::Ok().content_type(CONTENT_TYPE).body(render())
}

fn describe() {
    use Unit::{Count, Seconds};
    describe_counter!("colloquy_http_requests_total", Count, "Requests, by method, route and status");
    describe_histogram!("colloquy_http_request_seconds", Seconds, "Until a response began, by route");
    describe_gauge!("colloquy_turns_running", Count, "Turns that run in this process");
    describe_counter!("colloquy_turns_total", Count, "Turns that ended here, by status and reason");
    describe_histogram!("colloquy_turn_seconds", Seconds, "From a question to the end of its answer");
    describe_histogram!("colloquy_first_token_seconds", Seconds, "From a question to the first piece of its answer");
    describe_counter!("colloquy_tokens_total", Count, "Tokens, by direction");
    describe_gauge!("colloquy_readers", Count, "Whoever waits for or reads a turn");
    describe_counter!("colloquy_turns_reaped_total", Count, "Turns of dead processes that were closed here");
    describe_gauge!("colloquy_tick_lag_seconds", Seconds, "How late the last beat began");
    describe_histogram!("colloquy_tick_seconds", Seconds, "How long the store took for a beat");
    describe_counter!("colloquy_tick_failures_total", Count, "Beats that the store did not take");
    describe_counter!("colloquy_throttled_total", Count, "What was refused because it was too much, by limit");
    describe_gauge!("colloquy_pool_size", Count, "The most connections of a pool");
    describe_gauge!("colloquy_pool_in_use", Count, "Connections of a pool that are in use");
    describe_counter!("colloquy_pool_refused_total", Count, "Work that waited for a connection in vain");
    describe_histogram!("colloquy_journal_batch_size", Count, "Writes that shared a commit, by writer");
    describe_gauge!("colloquy_engine_breaker_state", Count, "0 closed, 1 half open, 2 open; by model");
    describe_counter!("colloquy_engine_retries_total", Count, "Answers that were begun again");
    describe_counter!("colloquy_engine_fallbacks_total", Count, "Answers that another model gave");
}

/// What has not happened yet is 0 and not missing, so that a rate over its first time is not lost.
fn begin_at_zero() {
    for counter in ["colloquy_turns_reaped_total", "colloquy_tick_failures_total"] {
        metrics::counter!(counter).increment(0);
    }
    for limit in ["login", "account", "registration", "turns", "streams"] {
        metrics::counter!("colloquy_throttled_total", "limit" => limit).increment(0);
    }
}
