//! Connections that their programs have closed and the kernel still keeps: orphans.

use std::time::Duration;

use deadpeer_core::{Effective, Notice, Snapshot, TcpState};

use super::basis::Basis;
use super::connection::{Audit, Judgement};
use crate::table::{Connection, Settings};

/// When the kernel gives up a connection without a descriptor if its peer stays silent
/// (net/ipv4/tcp_timer.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenUp {
    /// Within this time.
    pub latest: Duration,
    /// Its settings can't be read without a descriptor, and the kernel's defaults were taken for
    /// them: with a user timeout it may stay for longer, or go sooner.
    pub assumed: bool,
}

/// The connections of a service that are closed and not yet gone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Closed {
    /// How many there are.
    pub count: u64,
    /// When the last of them is given up.
    pub last: Option<GivenUp>,
}

impl Audit {
    /// What no process holds: an orphan, what TIME_WAIT keeps, or a request in the queue of a
    /// listener with these options.
    pub(super) fn nobodys(
        &self,
        connection: &Connection<'_>,
        snapshot: &Snapshot,
        listener: Option<&Effective>,
    ) -> Judgement {
        let (options, known) = match connection.settings {
            Settings::Known(options) => (options, true),
            Settings::Unknown(_) | Settings::NotAsked => {
                // A request has its listener's; what is closed may have had any.
                let listener = listener.filter(|_| !snapshot.orphan);
                (*listener.unwrap_or(self.untouched()), false)
            }
        };
        let ends = snapshot.ends(&options, self.kernel());
        let latest = ends.and_then(Notice::latest).filter(|_| snapshot.orphan);
        Judgement {
            ends,
            given_up: latest.map(|latest| GivenUp {
                latest,
                // A wait for the peer's FIN is the sysctl's.
                assumed: !known && snapshot.state != TcpState::FinWait2,
            }),
            ..Judgement::unknown(Basis::Nobody)
        }
    }
}

impl Closed {
    pub(super) fn add(&mut self, given_up: GivenUp) {
        self.count += 1;
        self.last = match self.last {
            Some(last) => Some(GivenUp {
                latest: last.latest.max(given_up.latest),
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
                latest: Duration::from_secs(seconds),
                assumed,
            });
        }
        let last = closed.last.expect("two were added");
        assert_eq!(
            (closed.count, last.latest.as_secs(), last.assumed),
            (2, 60, true)
        );
    }
}
