//! What the peer can be told, and what it answers, as lines of text.

use std::fmt;
use std::str::FromStr;

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Begin to listen.
    Listen,
    /// Close every connection and every listener.
    Close,
    /// Shut down the sending half of every connection.
    Shutdown,
    /// Close everything with `SO_LINGER` 0.
    Abort,
    /// Read no more.
    StopReading,
    /// Read so many bytes a second from each connection.
    ReadSlowly(u32),
    /// Read everything again.
    Resume,
    /// Burn processor time.
    Burn,
    /// Stop burning it.
    Rest,
    /// Write a `Q` to each connection that can be written to.
    Say,
    /// The same to each connection to which none was written yet.
    SayWhereUnsaid,
    /// Tell of each connection what was heard.
    Report,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen => f.write_str("listen"),
            Self::Close => f.write_str("close"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Abort => f.write_str("abort"),
            Self::StopReading => f.write_str("stop-reading"),
            Self::ReadSlowly(bytes_per_s) => write!(f, "read-slowly {bytes_per_s}"),
            Self::Resume => f.write_str("resume"),
            Self::Burn => f.write_str("burn"),
            Self::Rest => f.write_str("rest"),
            Self::Say => f.write_str("say"),
            Self::SayWhereUnsaid => f.write_str("say-where-unsaid"),
            Self::Report => f.write_str("report"),
        }
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        Ok(match line {
            "listen" => Self::Listen,
            "close" => Self::Close,
            "shutdown" => Self::Shutdown,
            "abort" => Self::Abort,
            "stop-reading" => Self::StopReading,
            "resume" => Self::Resume,
            "burn" => Self::Burn,
            "rest" => Self::Rest,
            "say" => Self::Say,
            "say-where-unsaid" => Self::SayWhereUnsaid,
            "report" => Self::Report,
            other => {
                let rate = other.strip_prefix("read-slowly ");
                let rate = rate.and_then(|rate| rate.parse().ok());
                Self::ReadSlowly(rate.ok_or_else(|| format!("understand {other:?}"))?)
            }
        })
    }
}

/// What the peer knows of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Heard {
    /// A `q` of ours has arrived.
    pub(crate) ours: bool,
    /// Its own `Q` was written, and everything it wrote is acknowledged.
    pub(crate) theirs_acknowledged: bool,
}

impl Heard {
    /// The line for a connection.
    pub(super) fn line(self, id: u32) -> String {
        format!("conn {id} {} {}", self.ours, self.theirs_acknowledged)
    }

    pub(super) fn parse(line: &str) -> Option<(u32, Self)> {
        let mut words = line.strip_prefix("conn ")?.split(' ');
        let id = words.next()?.parse().ok()?;
        let ours = words.next()?.parse().ok()?;
        let theirs_acknowledged = words.next()?.parse().ok()?;
        let heard = Self {
            ours,
            theirs_acknowledged,
        };
        Some((id, heard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_answers_survive_the_pipe() {
        for order in [
            Order::Listen,
            Order::Close,
            Order::Shutdown,
            Order::Abort,
            Order::StopReading,
            Order::ReadSlowly(20_000),
            Order::Resume,
            Order::Burn,
            Order::Rest,
            Order::Say,
            Order::SayWhereUnsaid,
            Order::Report,
        ] {
            assert_eq!(order.to_string().parse(), Ok(order));
        }
        assert!("dance".parse::<Order>().is_err());
        let heard = Heard {
            ours: true,
            theirs_acknowledged: false,
        };
        assert_eq!(Heard::parse(&heard.line(7)), Some((7, heard)));
        assert_eq!(Heard::parse("running 1 test"), None);
    }
}
