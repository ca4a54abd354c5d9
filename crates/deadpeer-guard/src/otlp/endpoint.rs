//! Where a collector listens, and one request to it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Uri;

/// The address of a collector, `http://HOST:PORT`, with a path before `/v1/logs` if it has one. A
/// collector beside the guard takes no encryption; one elsewhere is reached through such a one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    authority: String,
    path: String,
}

/// It is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: it must be http://HOST:PORT, such as http://127.0.0.1:4318")]
pub struct BadEndpoint(String);

/// Where collectors listen (OTLP Specification, "OTLP/HTTP Default Port").
const PORT: u16 = 4318;
/// A request takes no longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// No more of an answer is read.
const LONGEST: u64 = 64 << 10;

/// A request that was not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// Another time it may be.
    #[error("{0}")]
    Unavailable(String),
    /// It never will.
    #[error("it refuses: {0}")]
    Refused(String),
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text).ok_or_else(|| BadEndpoint(text.to_owned()))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

impl Endpoint {
    fn read(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        let host = authority.host();
        let port = authority.port_u16().unwrap_or(PORT);
        let with_port = format!("{host}:{port}");
        // Nobody's name, and no number that is no port.
        let is_plain = authority.as_str() == host || authority.as_str() == with_port;
        let is_one = uri.scheme_str() == Some("http") && uri.query().is_none();
        (is_one && is_plain && !host.is_empty() && port != 0).then(|| Self {
            authority: with_port,
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Posts a body of JSON; the body of the answer.
    pub(super) fn post(&self, agent: &Agent, path: &str, body: &str) -> Result<Vec<u8>, PostError> {
        let request = agent.post(format!("{self}{path}"));
        let request = request.content_type("application/json");
        let mut answer = request
            .send(body)
            .map_err(|error| PostError::Unavailable(error.to_string()))?;
        match answer.status().as_u16() {
            200..300 => {
                let body = answer.body_mut().with_config().limit(LONGEST);
                // It has taken the records, whatever it says of them.
                Ok(body.read_to_vec().unwrap_or_default())
            }
            // OTLP Specification, "Retryable Response Codes".
            status @ (429 | 502 | 503 | 504) => {
                Err(PostError::Unavailable(format!("HTTP status {status}")))
            }
            status => Err(PostError::Refused(format!("HTTP status {status}"))),
        }
    }
}

/// What posts: to the collector itself, a request at a time.
pub(super) fn agent() -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .user_agent(concat!("deadpeer-guard/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_connections(0)
        .proxy(None);
    config.build().new_agent()
}

/// How many log records the collector did not take (`ExportLogsPartialSuccess`): a number, in
/// quotes as a rule.
pub(super) fn rejected(answer: &[u8]) -> u64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let rejected = &answer["partialSuccess"]["rejectedLogRecords"];
    let quoted = || rejected.as_str()?.parse().ok();
    rejected.as_u64().or_else(quoted).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, read) in [
            ("http://127.0.0.1:4318", Some("http://127.0.0.1:4318")),
            ("http://collector", Some("http://collector:4318")),
            ("http://[::1]:4317/otlp/", Some("http://[::1]:4317/otlp")),
            ("http://[::1]", Some("http://[::1]:4318")),
            ("https://collector", None),
            ("127.0.0.1:4318", None),
            ("http://:4318", None),
            ("http://collector:99999", None),
            ("http://a\r\nb", None),
            ("http://user@host", None),
        ] {
            let endpoint = text.parse::<Endpoint>().ok().map(|it| it.to_string());
            assert_eq!(endpoint.as_deref(), read, "{text}");
        }
    }

    #[test]
    fn what_a_collector_did_not_take() {
        for (answer, count) in [
            ("{}", 0),
            (r#"{"partialSuccess":{}}"#, 0),
            (
                r#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"x"}}"#,
                3,
            ),
            (r#"{"partialSuccess":{"rejectedLogRecords": 12}}"#, 12),
        ] {
            assert_eq!(rejected(answer.as_bytes()), count, "{answer}");
        }
    }
}
