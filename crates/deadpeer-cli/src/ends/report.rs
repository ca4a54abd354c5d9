//! What is said: news on standard error and data on standard output, or all of it as JSON lines.

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use deadpeer_core::{Effective, Forecast};
use deadpeer_report::sanitize::sanitize_bytes;

use super::ending::Ending;
use super::json;
use super::method::Method;
use super::seen::Seen;
use super::standing::Standing;
use super::words;
use crate::exit::Stop;
use crate::output::Output;
use crate::text::style;

/// Where everything goes that is said. Times count from its making.
pub(super) struct Report<'o, W: Write> {
    out: &'o mut W,
    output: Output,
    verbose: bool,
    /// Standard output is looked at directly.
    to_terminal: bool,
    began: Instant,
    /// Whose data was written last.
    speaker: Option<SocketAddr>,
}

impl<'o, W: Write> Report<'o, W> {
    pub(super) fn new(out: &'o mut W, output: Output, verbose: bool) -> Self {
        Self {
            out,
            output,
            verbose,
            to_terminal: style::stdout_is_terminal(),
            began: Instant::now(),
            speaker: None,
        }
    }

    /// Clients may come.
    pub(super) fn listening(&mut self, address: SocketAddr, method: &Method) -> Result<(), Stop> {
        match self.output {
            Output::Json => self.line(&json::listening(address, method)),
            Output::Text(_) => {
                self.say(format_args!("listening at {address}"))?;
                self.goes_by(method)
            }
        }
    }

    /// What the end goes by.
    pub(super) fn goes_by(&self, method: &Method) -> Result<(), Stop> {
        match self.output {
            Output::Json => Ok(()),
            Output::Text(_) => {
                self.say(format_args!("{}", method.sentence()))?;
                let mut warnings = method.warnings.iter();
                warnings.try_for_each(|warning| self.say(format_args!("{warning}")))
            }
        }
    }

    /// A connection is being made.
    pub(super) fn trying(&self, address: SocketAddr) -> Result<(), Stop> {
        match self.output {
            Output::Json => Ok(()),
            Output::Text(_) => self.say(format_args!("connecting to {address}")),
        }
    }

    /// A connection stands.
    pub(super) fn connected(
        &mut self,
        line: Standing,
        method: &Method,
        settings: &Effective,
        forecast: &Forecast,
    ) -> Result<(), Stop> {
        match self.output {
            Output::Json => {
                let connected = json::connected(line, method, settings, forecast, self.at());
                self.line(&connected)
            }
            Output::Text(_) => {
                self.news(
                    line.peer,
                    format_args!("connected, this end is {}", line.local),
                )?;
                for words in words::promise(method, settings, forecast) {
                    self.news(line.peer, format_args!("{words}"))?;
                }
                Ok(())
            }
        }
    }

    /// Something was seen.
    pub(super) fn seen(&mut self, peer: SocketAddr, seen: Seen) -> Result<(), Stop> {
        match self.output {
            // Data has a line of its own kind.
            Output::Json if matches!(seen, Seen::Received { .. }) => Ok(()),
            Output::Json => {
                let seen = json::seen(peer, seen, None, self.at());
                self.line(&seen)
            }
            Output::Text(_) if self.verbose || seen.is_notable() => {
                self.news(peer, format_args!("{seen}"))
            }
            Output::Text(_) => Ok(()),
        }
    }

    /// Data came.
    pub(super) fn received(&mut self, peer: SocketAddr, bytes: &[u8]) -> Result<(), Stop> {
        let received = Seen::Received { bytes: bytes.len() };
        if let Output::Json = self.output {
            let seen = json::seen(peer, received, Some(bytes.into()), self.at());
            return self.line(&seen);
        }
        let another = self.speaker.is_some_and(|speaker| speaker != peer);
        if self.verbose || another {
            self.news(peer, format_args!("{received}"))?;
        }
        self.speaker = Some(peer);
        match self.to_terminal {
            true => self.out.write_all(safe(bytes).as_bytes())?,
            false => self.out.write_all(bytes)?,
        }
        Ok(self.out.flush()?)
    }

    /// A connection is over.
    pub(super) fn ended(
        &mut self,
        line: Standing,
        method: &Method,
        ending: &Ending,
    ) -> Result<(), Stop> {
        match self.output {
            Output::Json => {
                let ended = json::ended(line, method, ending, self.at());
                self.line(&ended)
            }
            Output::Text(_) => {
                for words in words::ended(line, method, ending) {
                    self.news(line.peer, format_args!("{words}"))?;
                }
                Ok(())
            }
        }
    }

    fn at(&self) -> Duration {
        self.began.elapsed()
    }

    fn news(&self, peer: SocketAddr, words: std::fmt::Arguments<'_>) -> Result<(), Stop> {
        self.say(format_args!("{peer}  {words}"))
    }

    /// Somebody who has seen enough of the news is as free to go as who has seen enough of the
    /// data.
    fn say(&self, words: std::fmt::Arguments<'_>) -> Result<(), Stop> {
        let seconds = self.at().as_secs_f64();
        Ok(writeln!(io::stderr(), "{seconds:>7.1} s  {words}")?)
    }

    fn line(&mut self, value: &impl serde::Serialize) -> Result<(), Stop> {
        crate::output::line(self.out, value)?;
        Ok(self.out.flush()?)
    }
}

/// Data as a terminal may see it: lines stay lines.
fn safe(bytes: &[u8]) -> String {
    let lines: Vec<Cow<'_, str>> = bytes
        .split(|byte| *byte == b'\n')
        .map(sanitize_bytes)
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn lines_stay_lines_on_a_terminal_and_nothing_else_does() {
        assert_eq!(safe(b"one\ntwo\n"), "one\ntwo\n");
        assert_eq!(safe(b"\x1b[2Jgone\r\n"), "\\x1b[2Jgone\\r\n");
    }
}
