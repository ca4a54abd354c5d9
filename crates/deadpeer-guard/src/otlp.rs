//! Deaths and kills as log records, and the metrics, for a collector of OpenTelemetry: OTLP over
//! HTTP, in JSON (opentelemetry.io, "OTLP Specification", "OTLP/HTTP").
//!
//! A thread sends, a batch a second. Whoever tells it something never waits: a collector that hangs
//! or is not there costs records, which are counted.

mod endpoint;
mod logs;
mod metrics;
mod queue;
#[cfg(test)]
mod tests;
mod values;

pub use endpoint::{BadEndpoint, Endpoint};

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tracing::{info, warn};
use ureq::Agent;

use crate::event::Event;
use crate::metrics::{Board, ExportReading};
use endpoint::PostError;
use logs::News;
use queue::Queue;

/// How often metrics are sent.
const METRICS: Duration = Duration::from_secs(60);
/// After a failure so long, and each time twice as long up to the last.
const FIRST_REST: Duration = Duration::from_secs(1);
const LAST_REST: Duration = Duration::from_secs(60);
/// How long whoever ends is kept for what is left.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sends to a collector, for as long as it lives.
#[derive(Debug)]
pub struct Exporter(Arc<Queue>);

impl Exporter {
    /// Begins to send, metrics of this board as well.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(endpoint: Endpoint, board: Board) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let sender = Sender {
            endpoint,
            agent: endpoint::agent(),
            board,
            queue: Arc::clone(&queue),
            since: SystemTime::now(),
            rest: None,
        };
        thread::Builder::new()
            .name("otlp".to_owned())
            .spawn(move || sender.run())?;
        Ok(Self(queue))
    }

    /// Takes in what happened. Connections that both ends closed in order are no news.
    pub fn hear(&self, event: &Event) {
        if let Some(news) = News::of(event) {
            self.0.push(|| news.record(SystemTime::now()));
        }
    }

    /// How the records fared.
    #[must_use]
    pub fn reading(&self) -> ExportReading {
        self.0.reading()
    }

    /// Sends what is left, if that takes no more than two seconds.
    pub fn finish(self) {
        self.0.end(PATIENCE);
    }
}

/// The thread's.
struct Sender {
    endpoint: Endpoint,
    agent: Agent,
    board: Board,
    queue: Arc<Queue>,
    /// When counts were 0.
    since: SystemTime,
    /// How long it rests after the next failure; `None`: the last time it went well.
    rest: Option<Duration>,
}

impl Sender {
    fn run(mut self) {
        let mut next_metrics = Instant::now();
        loop {
            let (records, over) = self.queue.take(next_metrics);
            if !records.is_empty() {
                self.deliver(records);
            }
            if over || Instant::now() >= next_metrics {
                let request =
                    metrics::request(&self.board.metrics(), self.since, SystemTime::now());
                if let Err(error) = self.post("/v1/metrics", &request) {
                    self.failed(&error);
                }
                next_metrics = Instant::now() + METRICS;
            }
            if over {
                return self.queue.done();
            }
        }
    }

    /// Until the collector has them, has refused them, or it is over.
    fn deliver(&mut self, records: Vec<Value>) {
        let count = records.len() as u64;
        let request = logs::request(records);
        loop {
            match self.post("/v1/logs", &request) {
                Ok(answer) => {
                    let refused = endpoint::rejected(&answer).min(count);
                    return self.queue.count(count - refused, refused);
                }
                Err(error @ PostError::Refused(_)) => {
                    self.failed(&error);
                    return self.queue.count(0, count);
                }
                Err(error @ PostError::Unavailable(_)) => {
                    let rest = self.failed(&error);
                    if self.queue.is_over_within(rest) {
                        return self.queue.count(0, count);
                    }
                }
            }
        }
    }

    fn post(&mut self, path: &str, request: &Value) -> Result<Vec<u8>, PostError> {
        let answer = self
            .endpoint
            .post(&self.agent, path, &request.to_string())?;
        if self.rest.take().is_some() {
            info!("the collector at {} answers again", self.endpoint);
        }
        Ok(answer)
    }

    /// Says so the first time; how long to rest.
    fn failed(&mut self, error: &PostError) -> Duration {
        let rest = self.rest.unwrap_or(FIRST_REST);
        if self.rest.is_none() {
            warn!("the collector at {}: {error}", self.endpoint);
        }
        self.rest = Some((rest * 2).min(LAST_REST));
        rest
    }
}
