//! Descriptors that a program does not close though its peers have: CLOSE_WAIT.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use deadpeer_core::{Finding, Snapshot, TcpState};

use super::connection::{Compliance, Judgement};
use super::tally::Tally;
use crate::table::{Netns, Over, Role, Service};
use crate::workload::Workload;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The connections of a service whose peer has closed and whose program has not (RFC 9293, section
/// 3.6).
///
/// The ages are lower bounds: a keepalive probe that the peer's kernel still answers makes a
/// connection look younger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unclosed {
    /// For so long that the program could have closed them ([`Finding::NotClosed`]).
    pub count: u64,
    /// The oldest, at least.
    pub oldest: Duration,
    /// How many peers have closed within the last minute, and are not answered either.
    pub last_minute: u64,
    /// How many within the last hour.
    pub last_hour: u64,
    /// How many miss the deadline by their settings, however old, and are no parts of Multipath
    /// TCP: keepalive would end them, and the program still hold their descriptors.
    pub late: u64,
}

impl Unclosed {
    /// Adds one.
    pub(super) fn add(&mut self, snapshot: &Snapshot, judged: &Judgement) {
        // A part of Multipath TCP is protected like any.
        let left_alone = snapshot.state == TcpState::CloseWait;
        let late = judged.compliance == Compliance::Late && !judged.armed_ahead;
        self.late += u64::from(left_alone && late);
        let Some(since) = snapshot.heard_ago else {
            return;
        };
        self.last_minute += u64::from(since <= MINUTE);
        self.last_hour += u64::from(since <= HOUR);
        let leaks = |finding: &Finding| matches!(finding, Finding::NotClosed { .. });
        if judged.findings.iter().any(leaks) {
            self.count += 1;
            self.oldest = self.oldest.max(since);
        }
    }

    /// How many more there are with each minute or, where that is none, with each hour; `None`: all
    /// are older.
    #[must_use]
    pub fn growth(&self) -> Option<(u64, &'static str)> {
        // What was all added in one minute may have come at once.
        let of = |more: u64, unit| (more > 0 && more < self.count).then_some((more, unit));
        of(self.last_minute, "minute").or(of(self.last_hour, "hour"))
    }
}

/// Descriptors of one program that its peers have done with and it has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// Their network namespace, where that was told.
    pub netns: Option<Arc<Netns>>,
    /// What its processes belong to.
    pub workload: Option<Arc<Workload>>,
    /// The name of its processes, bytes as they chose them; `None`: not visible.
    pub process: Option<Box<[u8]>>,
    /// What the connections are to it; `None`: of those that are over that does not show.
    pub role: Option<Role>,
    /// The listening port, or that of the peers; of connections that are over the local one.
    pub port: Option<u16>,
    /// Those whose connection still stands in CLOSE_WAIT.
    pub unclosed: Unclosed,
    /// Those whose connection is over, so that no table shows them.
    pub over: u64,
}

impl Leak {
    /// The leaks of all services, and of what is left of connections that are over.
    pub(super) fn all(
        services: &[Service<Tally>],
        over: &[Over],
        of_number: impl Fn(u64) -> Option<Arc<Netns>>,
    ) -> Vec<Self> {
        let leaking = services
            .iter()
            .filter(|service| service.value.unclosed.count > 0);
        let mut leaks: Vec<Self> = leaking
            .map(|service| Self {
                netns: service.netns.clone(),
                workload: service.workload.clone(),
                process: service.process.clone(),
                role: Some(service.role),
                port: Some(service.role.port()),
                unclosed: service.value.unclosed,
                over: 0,
            })
            .collect();
        for over in over {
            let listens = |leak: &&mut Self| {
                let accepted = !matches!(leak.role, Some(Role::Outgoing(_)) | None);
                let netns = leak.netns.as_ref();
                accepted
                    && leak.port == over.port
                    && leak.process.as_ref() == Some(&over.process)
                    && netns.is_none_or(|netns| netns.number == over.netns)
            };
            match leaks.iter_mut().find(listens) {
                Some(leak) => leak.over += over.count,
                None => leaks.push(Self {
                    netns: of_number(over.netns),
                    workload: over.workload.clone(),
                    process: Some(over.process.clone()),
                    role: None,
                    port: over.port,
                    unclosed: Unclosed::default(),
                    over: over.count,
                }),
            }
        }
        leaks.sort_by_key(|leak| Reverse(leak.unclosed.count + leak.over));
        leaks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_by_what_came_last() {
        let leak = |count, last_minute, last_hour| Unclosed {
            count,
            oldest: HOUR * 3,
            last_minute,
            last_hour,
            late: 0,
        };
        assert_eq!(leak(897, 12, 300).growth(), Some((12, "minute")));
        assert_eq!(leak(897, 0, 300).growth(), Some((300, "hour")));
        assert_eq!(leak(897, 0, 0).growth(), None);
        assert_eq!(leak(40, 40, 40).growth(), None);
    }
}
