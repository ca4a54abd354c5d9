//! The Prometheus of Debian, which scrapes the guard.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_lab::{Host, Process};
use deadpeer_sys::testing::skip;
use serde_json::Value;

use crate::common::guarding::BOUND;
use crate::common::installed;

const ADDRESS: &str = "127.0.0.1:9090";

/// Ended when dropped.
pub(crate) struct Prometheus {
    _process: Process,
}

impl Prometheus {
    /// Scrapes `target` once a second, with our alert rules. `None`, loudly: it is not installed.
    pub(crate) fn start(host: &Host, room: &Path, target: &str) -> Option<Self> {
        let Some(program) = installed("prometheus") else {
            skip("prometheus is not installed");
            return None;
        };
        let rules = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../dist/prometheus/deadpeer.rules.yaml"
        );
        let config = room.join("prometheus.yaml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [\"{rules}\"]\n\
             scrape_configs: [{{job_name: deadpeer, static_configs: [{{targets: [\"{target}\"]}}]}}]\n"
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new(program);
        let option = |name: &str, value: &Path| format!("--{name}={}", value.display());
        command
            .arg(option("config.file", &config))
            .arg(option("storage.tsdb.path", &room.join("prometheus")))
            .arg(format!("--web.listen-address={ADDRESS}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(room.join("prometheus.log")).unwrap());
        let process = host.spawn(&mut command).unwrap();
        Some(Self { _process: process })
    }

    /// Until a query of it, which was scraped meanwhile, has this value.
    pub(crate) fn comes_to(&self, host: &Host, query: &str, value: f64) {
        let bound = Instant::now() + BOUND;
        loop {
            let found = host.enter(|| ask(query)).unwrap();
            if found.as_ref().is_ok_and(|found| *found == Some(value)) {
                return;
            }
            assert!(
                Instant::now() < bound,
                "{query} is {found:?}, and not {value}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// The value of the only series that answers.
fn ask(query: &str) -> std::io::Result<Option<f64>> {
    let mut stream = TcpStream::connect(ADDRESS)?;
    stream.set_read_timeout(Some(BOUND))?;
    let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    // Of HTTP 1.0, so that the answer ends with the connection, in one piece.
    write!(stream, "GET /api/v1/query?query={query} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body: Value = serde_json::from_str(body)?;
    let series = body["data"]["result"].as_array().filter(|it| it.len() == 1);
    let value = series.and_then(|series| series[0]["value"][1].as_str());
    Ok(value.and_then(|value| value.parse().ok()))
}
