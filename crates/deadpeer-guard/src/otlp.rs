//! Deaths and kills as log records, and the metrics, for a collector of OpenTelemetry: OTLP over
//! HTTP, in Protocol Buffers (opentelemetry.io, "OTLP Specification", "OTLP/HTTP").
//!
//! A thread sends, a batch a second. Whoever tells it something never waits: a collector that hangs
//! or is not there costs records, which are counted.

mod endpoint;
mod logs;
mod metrics;
mod proto;
mod queue;
#[cfg(test)]
mod tests;
mod values;

pub use endpoint::{BadEndpoint, Endpoint};

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use prost::Message;
use tracing::{info, warn};
use ureq::Agent;

use crate::event::Event;
use crate::metrics::{Board, ExportReading};
use endpoint::{PartialSuccess, PostError};
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
        let line = |path| Line {
            endpoint: endpoint.clone(),
            path,
            agent: endpoint::agent(),
            failing: None,
        };
        let sender = Sender {
            logs: line("/v1/logs"),
            metrics: line("/v1/metrics"),
            board,
            queue: Arc::clone(&queue),
            since: SystemTime::now(),
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
    logs: Line,
    metrics: Line,
    board: Board,
    queue: Arc<Queue>,
    /// When counts were 0.
    since: SystemTime,
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
                next_metrics = Instant::now() + self.send_metrics();
            }
            if over {
                return self.queue.done();
            }
        }
    }

    /// How long until the next.
    fn send_metrics(&mut self) -> Duration {
        if !self.board.is_shown() {
            // They would say that there is nothing.
            return FIRST_REST;
        }
        let now = SystemTime::now();
        let request = metrics::request(&self.board.metrics(), self.since, now);
        match self.metrics.post(&request) {
            Fate::Later(rest) => rest.max(METRICS),
            Fate::Taken { .. } | Fate::Refused => METRICS,
        }
    }

    /// Until the collector has them, has refused them, or it is over.
    fn deliver(&mut self, records: Vec<Vec<u8>>) {
        let count = records.len() as u64;
        let request = logs::request(records);
        loop {
            let lost = match self.logs.post(&request) {
                Fate::Taken { without } => without.min(count),
                Fate::Refused => count,
                Fate::Later(rest) if self.queue.is_over_within(rest) => count,
                Fate::Later(_) => continue,
            };
            return self.queue.count(count - lost, lost);
        }
    }
}

/// One of the two things that are sent. Many receivers take only the other.
struct Line {
    endpoint: Endpoint,
    path: &'static str,
    agent: Agent,
    /// How long it rests after the next failure; `None`: the last time it went well.
    failing: Option<Duration>,
}

/// What became of a request.
enum Fate {
    Taken {
        /// So many records or points of it.
        without: u64,
    },
    Refused,
    /// Nothing yet; how long to rest.
    Later(Duration),
}

impl Line {
    fn post(&mut self, request: &impl Message) -> Fate {
        match self.endpoint.post(&self.agent, self.path, request) {
            Ok(None) => {
                if self.failing.take().is_some() {
                    info!(
                        "the collector at {}{} takes everything again",
                        self.endpoint, self.path
                    );
                }
                Fate::Taken { without: 0 }
            }
            Ok(Some(PartialSuccess { rejected, why })) => {
                self.failed(&format!("it took all but {rejected}: {why}"));
                Fate::Taken { without: rejected }
            }
            Err(error @ PostError::Refused(_)) => {
                self.failed(&error.to_string());
                Fate::Refused
            }
            Err(error @ PostError::Unavailable { rest, .. }) => {
                Fate::Later(self.failed(&error.to_string()).max(rest))
            }
        }
    }

    /// Says so the first time; how long to rest.
    fn failed(&mut self, why: &str) -> Duration {
        let rest = self.failing.unwrap_or(FIRST_REST);
        if self.failing.is_none() {
            warn!("the collector at {}{}: {why}", self.endpoint, self.path);
        }
        self.failing = Some((rest * 2).min(LAST_REST));
        rest
    }
}
