//! Where a collector listens, and one request to it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use deadpeer_report::sanitize::sanitize;
use prost::Message;
use ureq::Agent;
use ureq::http::Uri;

use super::proto::{Answer, Status};

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
/// Nor more of its reason for a refusal shown, in characters.
const LONGEST_REASON: usize = 200;
/// What all receivers of OTLP read; not all read JSON as well.
const PROTOBUF: &str = "application/x-protobuf";

/// A request that was served in part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartialSuccess {
    /// So many of its records or points were not taken.
    pub(super) rejected: u64,
    pub(super) why: String,
}

/// A request that was not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// Another time it may be, and not before it has rested.
    #[error("{why}")]
    Unavailable { why: String, rest: Duration },
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

    /// Posts a request; what of it the collector did not take.
    pub(super) fn post(
        &self,
        agent: &Agent,
        path: &str,
        request: &impl Message,
    ) -> Result<Option<PartialSuccess>, PostError> {
        let post = agent.post(format!("{self}{path}"));
        let post = post.content_type(PROTOBUF);
        let unavailable = |why: String, rest| PostError::Unavailable { why, rest };
        let mut answer = post
            .send(request.encode_to_vec())
            .map_err(|error| unavailable(error.to_string(), Duration::ZERO))?;
        let is_message = answer.body().mime_type() == Some(PROTOBUF);
        let body = answer.body_mut().with_config().limit(LONGEST);
        let body = body.read_to_vec().unwrap_or_default();
        match answer.status().as_u16() {
            // It has taken the records, whatever it says of them.
            200..300 => Ok(partial_success(&body)),
            // OTLP Specification, "Retryable Response Codes".
            status @ (429 | 502 | 503 | 504) => {
                let rest = answer.headers().get("retry-after");
                let rest = rest.and_then(|rest| rest.to_str().ok()?.trim().parse().ok());
                let rest = Duration::from_secs(rest.unwrap_or(0));
                Err(unavailable(said(status, &body, is_message), rest))
            }
            status => Err(PostError::Refused(said(status, &body, is_message))),
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

/// What a collector did not take, if it says so.
fn partial_success(answer: &[u8]) -> Option<PartialSuccess> {
    let answer = Answer::decode(answer).unwrap_or_default();
    let partial = answer.partial_success?;
    let rejected = u64::try_from(partial.rejected).ok()?;
    (rejected > 0).then(|| PartialSuccess {
        rejected,
        why: short(&partial.error_message),
    })
}

/// A status, and why: a `Status` as the specification has it, or text, as most have it.
fn said(status: u16, body: &[u8], is_message: bool) -> String {
    let why = match is_message {
        true => Status::decode(body).unwrap_or_default().message,
        false => String::from_utf8_lossy(body).into_owned(),
    };
    let why = short(&why);
    match why.is_empty() {
        true => format!("HTTP status {status}"),
        false => format!("HTTP status {status}: {why}"),
    }
}

/// The first line of a reason.
fn short(why: &str) -> String {
    let line = why.lines().next().unwrap_or_default().trim();
    let line: String = line.chars().take(LONGEST_REASON).collect();
    sanitize(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::proto;
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
        let told = |rejected| {
            let error_message = "too old".to_owned();
            let told = proto::PartialSuccess {
                rejected,
                error_message,
            };
            let answer = Answer {
                partial_success: Some(told),
            };
            partial_success(&answer.encode_to_vec()).map(|it| (it.rejected, it.why))
        };
        assert_eq!(told(3), Some((3, "too old".to_owned())));
        assert_eq!((told(0), told(-1)), (None, None));
        assert_eq!(partial_success(b""), None);
        assert_eq!(partial_success(b"{}"), None, "no message");
    }

    #[test]
    fn why_a_collector_refuses() {
        let status = Status {
            message: "no such tenant".to_owned(),
        };
        for (body, is_message, why) in [
            (b"".as_slice(), true, "HTTP status 400"),
            (
                &status.encode_to_vec(),
                true,
                "HTTP status 400: no such tenant",
            ),
            (b"use JSON\nplease", false, "HTTP status 400: use JSON"),
        ] {
            assert_eq!(said(400, body, is_message), why);
        }
    }
}
