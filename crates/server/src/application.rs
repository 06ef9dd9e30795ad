//! The running server: built, bound, and stopped without losing what it was asked.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::Server;
use api::{ApiSettings, Build, Metrics};
use infra::background::BackgroundTasks;
use infra::crypto::KeyringRefresh;
use infra::housekeeping::Housekeeping;
use infra::live::{Heartbeat, LiveRunner};
use tokio::sync::watch;

use crate::banner::Banner;
use crate::compose::{Composition, compose};
use crate::metrics::{self, MetricsPort};
use crate::patience::Patience;
use crate::settings::{Configuration, Environment, ServerSettings};
use crate::signals::{StopSignal, StopSignals};
use crate::signing_secret::{self, SecretSource};
use crate::socket;
use crate::start_error::StartError;
use crate::translate;

/// How long a client may take to send a request's head (reliability R14).
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long its body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Longer than what common balancers keep idle connections for, so that they close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long `/readyz` says that the server is going, before the door is closed to new connections.
const NOTICE: Duration = Duration::from_secs(1);
/// What is written ahead of a client that reads slowly, in bytes.
const WRITE_BUFFER: usize = 16 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// A server that listens.
pub struct Application {
    server: Server,
    address: SocketAddr,
    runner: LiveRunner,
    heartbeat: Heartbeat,
    keyring: KeyringRefresh,
    background: BackgroundTasks,
    housekeeping: Housekeeping,
    metrics: Option<MetricsPort>,
    draining: watch::Sender<bool>,
    patience: Patience,
    banner: String,
}

/// How the server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Everything that ran has ended and is stored, or its time was over.
    Gracefully,
    /// A second signal did not want to wait.
    AtOnce,
}

impl Application {
    /// Connects everything and begins to listen. It must run inside the main runtime.
    pub async fn build(configuration: &Configuration, environment: &Environment) -> Result<Self, StartError> {
        let secret = signing_secret::resolve(configuration)?;
        report_secret(&secret.source);
        let measured = metrics::start(&configuration.settings.metrics)?;
        let metrics = MetricsPort::bind(&configuration.settings.metrics, measured.as_ref())?;
        let Composition {
            services,
            runner,
            heartbeat,
            keyring,
            background,
            housekeeping,
            store,
            engine,
            unasked_provider,
        } = compose(configuration, environment, &secret.secret).await?;

        let settings = &configuration.settings.server;
        let draining = watch::Sender::new(false);
        let stall = settings.stall_seconds.duration();
        let token = configuration.settings.metrics.token.get().cloned();
        let patience = Patience::with_answers(settings.shutdown_seconds.duration());
        let api_settings = ApiSettings {
            max_body_bytes: settings.max_body_bytes.count(),
            body_timeout: BODY_TIMEOUT,
            cors_origins: settings.cors_origins.iter().map(|origin| origin.as_str().to_owned()).collect(),
            version: Build {
                name: "colloquy",
                version: env!("CARGO_PKG_VERSION"),
                commit: option_env!("COLLOQUY_COMMIT"),
            },
            trusted_proxies: settings.trusted_proxies.iter().map(|network| network.get()).collect(),
            stall,
            browser: translate::browser(settings.public_url.as_str()),
            metrics: token.zip(measured).map(|(token, render)| Metrics { token, render }),
            draining: draining.subscribe(),
        };
        let routes = move || api::app(services.clone(), api_settings.clone());
        let (host, port) = (settings.host.as_str(), settings.port.saturating_u16());
        let bound = HttpServer::new(routes)
            .workers(translate::or_cores(settings.workers.count()))
            .backlog(BACKLOG)
            .client_request_timeout(HEAD_TIMEOUT)
            .keep_alive(KEEP_ALIVE)
            .h1_write_buffer_size(WRITE_BUFFER)
            // Otherwise a client that hangs up is noticed only when something is written to it.
            .h1_allow_half_closed(false)
            .on_connect(move |connection, _| socket::bound(connection, stall))
            // SIGTERM would close the listener before `/readyz` could say that the server is going.
            .disable_signals()
            .shutdown_timeout(patience.responses.as_secs().max(1))
            .bind((host, port))
            .map_err(|source| StartError::Bind { host: host.to_owned(), port, source })?;
        let address = bound.addrs().first().copied().ok_or_else(|| no_address(settings))?;

        let banner = Banner {
            address,
            public_url: settings.public_url.as_str(),
            profile: configuration.profile,
            store: &store,
            engine: &engine,
            unasked_provider: unasked_provider.as_deref(),
            registration_open: configuration.settings.auth.registration_open,
        };
        let banner = banner.to_string();
        if let Some(metrics) = &metrics {
            tracing::info!(address = %metrics.address, "measurements can be read");
        }
        tracing::info!(%address, profile = %configuration.profile, store, engine, "listening");
        if let Some(provider) = unasked_provider {
            tracing::warn!(provider, "a provider's key is in the environment: every chat is sent to it");
        }
        Ok(Self {
            server: bound.run(),
            address,
            runner,
            heartbeat,
            keyring,
            background,
            housekeeping,
            metrics,
            draining,
            patience,
            banner,
        })
    }

    /// The port it listens on.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// What to tell the person who started it.
    pub fn banner(&self) -> &str {
        &self.banner
    }

    /// Serves until a signal comes; then ends what runs, in the time there is for it.
    ///
    /// New requests are still answered while turns end, so that a balancer has time to read `/readyz`.
    pub async fn run_until_stopped(self, mut signals: StopSignals) -> io::Result<Stopped> {
        let Self { server, runner, heartbeat, keyring, background, housekeeping, metrics, draining, patience, .. } =
            self;
        let handle = server.handle();
        let metrics = metrics.map(MetricsPort::serve);
        let serving = tokio::spawn(server);
        tokio::pin!(serving);

        let signal = tokio::select! {
            ended = &mut serving => return ended?.map(|()| Stopped::Gracefully),
            signal = signals.next() => signal,
        };
        draining.send_replace(true);
        tracing::info!(?signal, "stopping; a second signal stops at once");

        let stop = async {
            let drained = within(patience.turns + patience.cut_off, runner.drain(patience.turns));
            let written = within(patience.turns + patience.cut_off, background.drain(patience.turns));
            tokio::join!(drained, written, notice(signal, patience), housekeeping.stop());
            runner.dismiss_readers();
            within(patience.responses, handle.stop(true)).await;
            // Now nobody can ask any more; a question that came between the last look and the closed door is cut off.
            let (turns, work) = (runner.drain(Duration::ZERO), background.drain(Duration::ZERO));
            tokio::join!(within(patience.latecomers, turns), within(patience.latecomers, work));
            // Whatever is still running was cut off; other replicas need not wait for the lease to end.
            within(patience.lease, heartbeat.stop()).await;
            keyring.stop().await;
            if let Some(metrics) = metrics {
                within(patience.lease, metrics.stop(false)).await;
            }
        };
        tokio::select! {
            () = stop => {
                tracing::info!("stopped");
                Ok(Stopped::Gracefully)
            }
            _ = signals.next() => {
                tracing::warn!("stopped at once; turns that ran are closed at the next start");
                Ok(Stopped::AtOnce)
            }
        }
    }
}

/// What is not done in its time is left: the time for stopping is not ours.
async fn within(time: Duration, step: impl Future<Output = ()>) {
    if tokio::time::timeout(time, step).await.is_err() {
        tracing::warn!(?time, "a step of stopping took too long and was left");
    }
}

async fn notice(signal: StopSignal, patience: Patience) {
    if signal == StopSignal::Terminate {
        tokio::time::sleep(NOTICE.min(patience.turns)).await;
    }
}

fn no_address(settings: &ServerSettings) -> StartError {
    let source = io::Error::from(io::ErrorKind::AddrNotAvailable);
    StartError::Bind { host: settings.host.as_str().to_owned(), port: settings.port.saturating_u16(), source }
}

fn report_secret(source: &SecretSource) {
    match source {
        SecretSource::Settings | SecretSource::Kept { was_exposed: false, .. } => {}
        SecretSource::Generated(path) => tracing::info!(path = %path.display(), "made a secret to sign tokens with"),
        SecretSource::Kept { path, was_exposed: true } => tracing::warn!(
            path = %path.display(),
            "others on this machine could read the signing secret; its mode is 0600 now. \
             If one of them may have, remove the file: everybody has to log in again"
        ),
    }
}
