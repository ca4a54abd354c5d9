//! Where a collector listens, and one request to it.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// The address of a collector, `http://HOST:PORT`, with a path before `/v1/logs` if it has one. A
/// collector beside the guard takes no encryption; one elsewhere is reached through such a one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
    path: String,
}

/// It is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: it is http://HOST:PORT, as http://127.0.0.1:4318")]
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
        let bad = || BadEndpoint(text.to_owned());
        let rest = text.strip_prefix("http://").ok_or_else(bad)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match authority.rsplit_once(':') {
            // The last colon of an address in brackets is within them.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| bad())?),
            _ => (authority, PORT),
        };
        let host = host
            .strip_prefix('[')
            .map_or(Some(host), |v6| v6.strip_suffix(']'));
        let host = host.filter(|host| !host.is_empty()).ok_or_else(bad)?;
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if port == 0 || host.contains('@') || !is_plain(host) || !is_plain(path) {
            return Err(bad());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            path: match path.trim_end_matches('/') {
                "" => String::new(),
                path => format!("/{path}"),
            },
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

impl Endpoint {
    fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Posts a body of JSON; the body of the answer.
    pub(super) fn post(&self, path: &str, body: &[u8]) -> Result<Vec<u8>, PostError> {
        let unavailable = |error: io::Error| PostError::Unavailable(error.to_string());
        let answer = self.exchange(path, body).map_err(unavailable)?;
        let head = answer.windows(4).position(|end| end == b"\r\n\r\n");
        let status = head.and_then(|_| status(&answer));
        match status {
            Some(200..300) => {
                let body = head.and_then(|head| answer.get(head + 4..));
                Ok(body.unwrap_or_default().to_vec())
            }
            // OTLP Specification, "Retryable Response Codes".
            Some(status @ (429 | 502 | 503 | 504)) => {
                Err(PostError::Unavailable(format!("HTTP status {status}")))
            }
            Some(status) => Err(PostError::Refused(format!("HTTP status {status}"))),
            None => Err(PostError::Unavailable("that is no HTTP".to_owned())),
        }
    }

    fn exchange(&self, path: &str, body: &[u8]) -> io::Result<Vec<u8>> {
        let until = Instant::now() + PATIENCE;
        let mut stream = self.connect(until)?;
        let head = format!(
            "POST {}{path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nUser-Agent: deadpeer-guard/{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.path,
            self.authority(),
            env!("CARGO_PKG_VERSION"),
            body.len()
        );
        for mut left in [head.as_bytes(), body] {
            while !left.is_empty() {
                stream.set_write_timeout(Some(rest(until)?))?;
                let written = stream.write(left)?;
                left = left.get(written..).unwrap_or_default();
            }
        }
        let mut answer = Vec::new();
        let mut part = [0; 4096];
        while (answer.len() as u64) < LONGEST {
            stream.set_read_timeout(Some(rest(until)?))?;
            match stream.read(&mut part)? {
                0 => break,
                length => answer.extend(part.iter().take(length)),
            }
        }
        Ok(answer)
    }

    fn connect(&self, until: Instant) -> io::Result<TcpStream> {
        let mut failed = io::Error::from(io::ErrorKind::NotFound);
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, rest(until)?) {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

fn rest(until: Instant) -> io::Result<Duration> {
    match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        rest => Ok(rest),
    }
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    line.split(' ').nth(1)?.parse().ok()
}

/// How many log records the collector did not take (`ExportLogsPartialSuccess`): a number, in
/// quotes as a rule.
pub(super) fn rejected(answer: &[u8]) -> u64 {
    let answer = String::from_utf8_lossy(answer);
    let Some((_, after)) = answer.split_once("\"rejectedLogRecords\"") else {
        return 0;
    };
    let digits = after.trim_start_matches([' ', ':', '"']);
    let end = digits.find(|c: char| !c.is_ascii_digit());
    digits
        .get(..end.unwrap_or(digits.len()))
        .map_or(0, |digits| digits.parse().unwrap_or(0))
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
