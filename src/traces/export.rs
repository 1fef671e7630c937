//! The way of traces to the collector: a queue with an end, and a task that empties it by OTLP over HTTP. No mail
//! waits for it: what comes faster than the collector takes it is dropped and counted.

use std::io;
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use opentelemetry_http::HttpClient;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample, SpanData, SpanExporter as _,
};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::telemetry::{AuditSink, Metrics, Record, Tally, Word};
use crate::traces::spans;

/// Some 4 kB each.
const QUEUE_MAILS_MAX: usize = 2048;
const MAILS_AT_ONCE_MAX: usize = 256;
/// What comes in this time goes together.
const PAUSE: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

const SENT: Word = Word::Fixed("sent");
const FAILED: Word = Word::Fixed("failed");
const DROPPED: Word = Word::Fixed("dropped");

#[derive(Debug, Clone, PartialEq)]
pub struct TraceSettings {
    /// Of the collector, without `/v1/traces`.
    pub endpoint: String,
    /// Of all mails, from 0 to 1.
    pub ratio: f64,
}

/// Why no trace could ever be sent.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("the certificates of the system's authorities cannot be read")]
    Roots(#[source] io::Error),
    #[error(transparent)]
    Exporter(#[from] ExporterBuildError),
}

/// Hands each record on, and sends a trace of it if it is among those that are wanted.
#[derive(Debug)]
pub struct Traces {
    next: Arc<dyn AuditSink>,
    sampler: Sampler,
    ids: RandomIdGenerator,
    queue: Sender<Vec<SpanData>>,
    mails: Tally<1>,
    closing: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What empties the queue.
struct Worker {
    queue: Receiver<Vec<SpanData>>,
    exporter: SpanExporter,
    mails: Tally<1>,
    closing: CancellationToken,
}

impl Traces {
    /// Must be called within the runtime. Connects to nothing before there is a mail.
    pub fn start(settings: &TraceSettings, next: Arc<dyn AuditSink>) -> Result<Self, SetupError> {
        let (queue, waiting) = channel(QUEUE_MAILS_MAX);
        let (mails, closing) = (Tally::new(["outcome"]), CancellationToken::new());
        // What never happened is 0, not absent.
        for outcome in [SENT, FAILED, DROPPED] {
            mails.add([outcome], 0);
        }
        let worker = Worker {
            queue: waiting,
            exporter: exporter(settings)?,
            mails: mails.clone(),
            closing: closing.clone(),
        };
        let task = Mutex::new(Some(tokio::spawn(worker.run())));
        let sampler = Sampler::TraceIdRatioBased(settings.ratio);
        Ok(Self { next, sampler, ids: RandomIdGenerator::default(), queue, mails, closing, task })
    }

    /// Waits until what is in the queue is sent, for so long at most.
    pub async fn close(&self, patience: Duration) {
        self.closing.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && timeout(patience, task).await.is_err()
        {
            tracing::warn!("not all traces could be sent before the end");
        }
    }
}

impl AuditSink for Traces {
    fn record(&self, record: &Record<'_>, line: &Arc<[u8]>) {
        self.next.record(record, line);
        let trace = self.ids.new_trace_id();
        let sampled = self.sampler.should_sample(None, trace, "mail", &SpanKind::Server, &[], &[]);
        if sampled.decision != SamplingDecision::RecordAndSample {
            return;
        }
        match self.queue.try_reserve() {
            Ok(place) => place.send(spans::of(record, trace, &self.ids)),
            Err(_) => {
                self.mails.count([DROPPED]);
            }
        }
    }

    fn is_ready(&self) -> bool {
        self.next.is_ready()
    }

    fn lost(&self) -> u64 {
        self.next.lost()
    }

    fn register(&self, metrics: &mut Metrics) {
        self.next.register(metrics);
        metrics.tally("traces", "Traces of mails, by what became of them", &self.mails);
    }
}

impl Worker {
    /// Until it is told to close, and then until the queue is empty.
    async fn run(mut self) {
        let (mut mails, mut is_failing) = (Vec::new(), false);
        loop {
            let count = tokio::select! {
                count = self.queue.recv_many(&mut mails, MAILS_AT_ONCE_MAX) => count,
                () = self.closing.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
            };
            if count == 0 {
                return;
            }
            self.send(take(&mut mails), &mut is_failing).await;
            if count < MAILS_AT_ONCE_MAX {
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    () = self.closing.cancelled() => {}
                }
            }
        }
    }

    async fn send(&self, mails: Vec<Vec<SpanData>>, is_failing: &mut bool) {
        let count = mails.len();
        let sent = self.exporter.export(mails.into_iter().flatten().collect()).await;
        let outcome = if sent.is_ok() { SENT } else { FAILED };
        self.mails.add([outcome], u64::try_from(count).unwrap_or(u64::MAX));
        match (sent, *is_failing) {
            (Err(error), false) => tracing::error!(%error, "traces of mails cannot be sent"),
            (Ok(()), true) => tracing::info!("traces of mails are sent again"),
            (Err(_), true) | (Ok(()), false) => return,
        }
        *is_failing = !*is_failing;
    }
}

/// What says spans to the collector. What it says of the relay itself, and its headers, may come from the variables
/// that OpenTelemetry has for it.
pub fn exporter(settings: &TraceSettings) -> Result<SpanExporter, SetupError> {
    let endpoint = format!("{}/v1/traces", settings.endpoint);
    let builder = SpanExporter::builder().with_http().with_endpoint(&endpoint);
    let mut exporter = builder.with_shared_http_client(client(&endpoint)?).build()?;
    exporter.set_resource(&resource());
    Ok(exporter)
}

fn client(endpoint: &str) -> Result<Arc<dyn HttpClient>, SetupError> {
    if endpoint.starts_with("http://") {
        return Ok(Arc::new(HyperClient::with_default_connector(REQUEST_TIMEOUT, None)));
    }
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())
        .map_err(SetupError::Roots)?;
    let connector = connector.https_only().enable_http1().build();
    Ok(Arc::new(HyperClient::new(connector, REQUEST_TIMEOUT, None)))
}

fn resource() -> Resource {
    let resource = Resource::builder_empty()
        .with_service_name("sesgate")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match std::env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => resource.with_service_name(name),
        Ok(_) | Err(_) => resource,
    }
    .build()
}
