//! Connections that their programs have closed and the kernel still keeps: orphans.

use std::time::Duration;

use deadpeer_core::{Effective, Snapshot, TcpState};

use super::connection::Audit;
use crate::table::{Connection, Settings};

/// When the kernel gives up a connection without a descriptor if its peer stays silent
/// (net/ipv4/tcp_timer.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GivenUp {
    /// Within this time.
    pub within: Duration,
    /// Its settings can't be read without a descriptor, and the kernel's defaults were taken for
    /// them: with a user timeout it may stay for longer, or go sooner.
    pub assumed: bool,
}

/// The connections of a service that are closed and not yet gone.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Closed {
    /// How many there are.
    pub count: u64,
    /// When the last of them is given up.
    pub last: Option<GivenUp>,
}

impl Audit {
    /// When an orphan is given up; `None` for what is none.
    pub(super) fn given_up(
        &self,
        connection: &Connection<'_>,
        snapshot: &Snapshot,
        untouched: &Effective,
    ) -> Option<GivenUp> {
        if !snapshot.orphan {
            return None;
        }
        let (options, known) = match connection.settings {
            Settings::Known(options) => (options, true),
            Settings::Unknown(_) | Settings::NotAsked => (*untouched, false),
        };
        let told = self.forecast(&options, snapshot).after_fin.now?;
        Some(GivenUp {
            within: told.latest()?,
            // A wait for the peer's FIN is the sysctl's.
            assumed: !known && snapshot.state != TcpState::FinWait2,
        })
    }
}

impl Closed {
    pub(super) fn add(&mut self, given_up: GivenUp) {
        self.count += 1;
        self.last = match self.last {
            Some(last) => Some(GivenUp {
                within: last.within.max(given_up.within),
                assumed: last.assumed || given_up.assumed,
            }),
            None => Some(given_up),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_several_is_told() {
        let mut closed = Closed::default();
        for (seconds, assumed) in [(5, true), (60, false)] {
            closed.add(GivenUp {
                within: Duration::from_secs(seconds),
                assumed,
            });
        }
        let last = closed.last.expect("two were added");
        assert_eq!(
            (closed.count, last.within.as_secs(), last.assumed),
            (2, 60, true)
        );
    }
}
