//! Two witnesses: the kernel, which speaks for the peer's host, and heartbeats, which speak for its
//! application.

use super::Verdict;
use crate::heartbeat::Standing;

impl Verdict {
    /// What this verdict on the host and a heartbeat's [`Standing`] come to.
    ///
    /// A byte of the application is proof for both, so whoever heard later is right about life.
    /// Silence is told apart: a host that answers for an application that does not is
    /// [`Verdict::ApplicationSilent`], and never unreachable.
    ///
    /// ```
    /// use std::time::Duration;
    /// use deadpeer_core::heartbeat::Standing;
    /// use deadpeer_core::Verdict;
    ///
    /// let second = Duration::from_secs(1);
    /// let kernel = Verdict::Alive { age: second };
    /// let application = Standing::Silent { age: 30 * second, unanswered: 4 };
    /// assert_eq!(
    ///     kernel.with_heartbeat(application),
    ///     Verdict::ApplicationSilent { since: 30 * second, unanswered: 4 }
    /// );
    /// ```
    #[must_use]
    pub fn with_heartbeat(self, standing: Standing) -> Self {
        match self {
            Self::Closed { .. } | Self::PeerFinished | Self::ApplicationSilent { .. } => self,
            Self::Unreachable { since, .. } => match standing {
                Standing::Alive { age } if age < since => Self::Alive { age },
                Standing::Alive { .. }
                | Standing::Waiting { .. }
                | Standing::Silent { .. }
                | Standing::Stuck { .. } => self,
            },
            Self::Unknown { .. } => match standing {
                Standing::Alive { age } => Self::Alive { age },
                Standing::Waiting { .. } | Standing::Silent { .. } | Standing::Stuck { .. } => self,
            },
            Self::Alive { age: host } => match standing {
                Standing::Alive { age } => Self::Alive { age: age.min(host) },
                Standing::Waiting { .. } => self,
                Standing::Silent { .. } | Standing::Stuck { .. } => Self::of_application(standing),
            },
            Self::Stalled { .. } => match standing {
                Standing::Alive { .. } | Standing::Waiting { .. } => self,
                Standing::Silent { .. } | Standing::Stuck { .. } => Self::of_application(standing),
            },
        }
    }

    /// An application that is silent, or does not read, on a host that answers.
    fn of_application(standing: Standing) -> Self {
        match standing {
            Standing::Alive { age } => Self::Alive { age },
            Standing::Waiting { unanswered, .. } => Self::Unknown { unanswered },
            Standing::Silent { age, unanswered } => Self::ApplicationSilent {
                since: age,
                unanswered,
            },
            // It has said nothing since it stopped reading.
            Standing::Stuck { since, age } if age >= since => Self::ApplicationSilent {
                since: age,
                unanswered: 0,
            },
            Standing::Stuck { since, .. } => Self::Stalled { since },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cause::Cause;

    #[test]
    fn every_pair_of_witnesses() {
        let s = Duration::from_secs;
        let alive = |age| Verdict::Alive { age: s(age) };
        let unknown = Verdict::Unknown { unanswered: 2 };
        let unreachable = Verdict::Unreachable {
            since: s(20),
            unanswered: 9,
        };
        let stalled = |since| Verdict::Stalled { since: s(since) };
        let finished = Verdict::PeerFinished;
        let closed = Verdict::Closed {
            cause: Cause::Reset,
        };
        let app_silent = |since, unanswered| Verdict::ApplicationSilent {
            since: s(since),
            unanswered,
        };
        let heard = |age| Standing::Alive { age: s(age) };
        let waiting = Standing::Waiting {
            age: s(9),
            unanswered: 1,
        };
        let silent = Standing::Silent {
            age: s(30),
            unanswered: 4,
        };
        let stuck = |since, age| Standing::Stuck {
            since: s(since),
            age: s(age),
        };
        let rows = [
            (alive(3), heard(1), alive(1)),
            (alive(1), heard(3), alive(1)),
            (alive(3), waiting, alive(3)),
            (alive(3), silent, app_silent(30, 4)),
            (alive(3), stuck(31, 2), stalled(31)),
            (alive(3), stuck(31, 40), app_silent(40, 0)),
            (stalled(40), heard(1), stalled(40)),
            (stalled(40), waiting, stalled(40)),
            (stalled(40), silent, app_silent(30, 4)),
            (stalled(40), stuck(31, 2), stalled(31)),
            (stalled(40), stuck(31, 40), app_silent(40, 0)),
            (unknown, heard(4), alive(4)),
            (unknown, waiting, unknown),
            (unknown, silent, unknown),
            (unknown, stuck(31, 40), unknown),
            (unreachable, heard(4), alive(4)),
            (unreachable, heard(25), unreachable),
            (unreachable, silent, unreachable),
            (unreachable, waiting, unreachable),
            (unreachable, stuck(31, 40), unreachable),
            (finished, silent, finished),
            (closed, heard(0), closed),
        ];
        for (kernel, application, verdict) in rows {
            assert_eq!(
                kernel.with_heartbeat(application),
                verdict,
                "{kernel:?} and {application:?}"
            );
        }
    }
}
