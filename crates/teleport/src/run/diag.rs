//! Figures and health over plain HTTP, for those who watch over the server. Nothing secret, and nothing to change.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use auth::Auth;
use auth::server::health::State as Health;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use store::Store;
use tokio::net::TcpListener;
use transport::Drain;
use transport::limits::Doorkeeper;

use super::ports::Port;
use crate::log::Sink;
use crate::version;

/// What is shown.
#[derive(Clone)]
pub struct Figures {
    health: Teller,
    registry: Arc<Mutex<Registry>>,
}

/// Says whether the process does its work.
type Teller = Arc<dyn Fn() -> (StatusCode, String) + Send + Sync>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
    git_ref: &'static str,
}

impl Figures {
    /// The figures of a process with an Auth Service.
    pub fn of_cluster(
        auth: &Arc<Auth>,
        store: &Arc<dyn Store>,
        auth_port: &Port,
        web: Option<&Port>,
        log: &Sink,
    ) -> Self {
        let health = Arc::clone(auth);
        let figures = Self::of_process(Arc::new(move || told_by(&health.health.state())), log);
        figures.change(|registry| {
            auth.metrics.register(registry);
            registry.register_collector(Box::new(StoreFigures {
                store: Arc::clone(store),
                auth: Arc::clone(auth),
            }));
            let mut doors = vec![("auth", Arc::clone(&auth_port.door))];
            doors.extend(web.map(|web| ("web", Arc::clone(&web.door))));
            registry.register_collector(Box::new(DoorFigures { doors }));
        });
        figures
    }

    /// The figures of a process that is a proxy alone.
    pub fn of_proxy(proxy: &Arc<proxy::Proxy>, web: &Port, log: &Sink) -> Self {
        let known = Arc::clone(proxy);
        let health = move || {
            if known.is_known() {
                (StatusCode::OK, "ok".to_owned())
            } else {
                let text = "the cluster's Auth Service does not answer";
                (StatusCode::SERVICE_UNAVAILABLE, text.to_owned())
            }
        };
        let figures = Self::of_process(Arc::new(health), log);
        let doors = vec![("web", Arc::clone(&web.door))];
        figures.change(|registry| registry.register_collector(Box::new(DoorFigures { doors })));
        figures.register_proxy(Some(proxy));
        figures
    }

    fn of_process(health: Teller, log: &Sink) -> Self {
        let mut registry = Registry::with_prefix("countersign");
        registry.register(
            "build",
            "Which program this is",
            Info::new(Build {
                version: version::COMPATIBLE,
                git_ref: version::OURS,
            }),
        );
        registry.register_collector(Box::new(ProcessFigures(log.clone())));
        Self {
            health,
            registry: Arc::new(Mutex::new(registry)),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Registry)) {
        change(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Adds the proxy's.
    pub fn register_proxy(&self, proxy: Option<&Arc<proxy::Proxy>>) {
        if let Some(proxy) = proxy {
            self.change(|registry| proxy.register(registry));
        }
    }
}

/// Serves until `drain` begins.
pub async fn serve(socket: TcpListener, figures: Figures, drain: Drain) {
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(figures);
    let end = async move { drain.begun().await };
    if let Err(error) = axum::serve(socket, routes).with_graceful_shutdown(end).await {
        tracing::error!(%error, "figures and health are no longer served");
    }
}

async fn metrics(State(figures): State<Figures>) -> Response {
    let mut page = String::new();
    let registry = figures.registry.lock().unwrap_or_else(PoisonError::into_inner);
    match text::encode(&mut page, &registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], page).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the figures cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The process is alive.
async fn healthz() -> Response {
    told(StatusCode::OK, "ok")
}

/// The process does its work.
async fn readyz(State(figures): State<Figures>) -> Response {
    let (status, text) = (figures.health)();
    told(status, &text)
}

fn told_by(health: &Health) -> (StatusCode, String) {
    match health {
        Health::Ready => (StatusCode::OK, "ok".to_owned()),
        Health::Starting => (StatusCode::BAD_REQUEST, "the server is starting".to_owned()),
        Health::Unwell(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("no change can be made: {reason}"),
        ),
        Health::Stopping => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is stopping".to_owned(),
        ),
    }
}

fn told(status: StatusCode, text: &str) -> Response {
    let body = serde_json::json!({ "status": text }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// What the store has and did.
struct StoreFigures {
    store: Arc<dyn Store>,
    auth: Arc<Auth>,
}

impl fmt::Debug for StoreFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreFigures")
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

impl Collector for StoreFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let figures = self.store.figures();
        let to = &mut encoder;
        let writable = u64::from(self.store.health() == store::Health::Writable);
        gauge(
            to,
            "ready",
            "Whether changes can be made",
            u64::from(self.auth.health.is_ready()),
        )?;
        gauge(to, "store_writable", "Whether the store can be written", writable)?;
        gauge(to, "store_items", "Items in the store", figures.items)?;
        gauge(
            to,
            "store_item_bytes",
            "Bytes of their keys and values",
            figures.item_bytes,
        )?;
        gauge(to, "store_watches", "Open watches", figures.watches)?;
        gauge(to, "store_records", "Audit records ever written", figures.records)?;
        counter(to, "store_batches", "Changes committed", figures.batches)?;
        counter(
            to,
            "store_groups",
            "Writes to the disk that carried them",
            figures.groups,
        )?;
        counter(
            to,
            "store_conflicts",
            "Changes that came too late and were decided again",
            figures.conflicts,
        )
    }
}

/// How many are connected.
#[derive(Debug)]
struct DoorFigures {
    doors: Vec<(&'static str, Arc<Doorkeeper>)>,
}

impl Collector for DoorFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (port, door) in &self.doors {
            let name = format!("connections_open_{port}");
            let open = u64::try_from(door.open()).unwrap_or(u64::MAX);
            gauge(&mut encoder, &name, "Open connections of the port", open)?;
        }
        Ok(())
    }
}

/// What the process takes of the machine, and whether its log arrives.
struct ProcessFigures(Sink);

impl fmt::Debug for ProcessFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProcessFigures")
    }
}

impl Collector for ProcessFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let figure = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':')
                .split_whitespace()
                .next()?
                .parse::<u64>()
                .ok()
        };
        if let Some(kib) = figure("VmRSS") {
            gauge(
                &mut encoder,
                "process_resident_memory_bytes",
                "Resident memory",
                kib * 1024,
            )?;
        }
        if let Some(threads) = figure("Threads") {
            gauge(&mut encoder, "process_threads", "Threads", threads)?;
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            let open = u64::try_from(open.count()).unwrap_or(u64::MAX);
            gauge(&mut encoder, "process_open_fds", "Open files and sockets", open)?;
        }
        counter(
            &mut encoder,
            "log_lines_lost",
            "Lines of the log that could not be written",
            self.0.lost(),
        )
    }
}
