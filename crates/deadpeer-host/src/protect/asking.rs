//! Options with which the kernel asks, and leaves it to somebody else to judge.

use std::time::Duration;

use deadpeer_core::forecast::{RTO_MIN_MS, model_timeout_ms};
use deadpeer_core::{Effective, Kernel, SocketOptions, Supervision, TcpState};

use super::aim::{Change, Step};
use super::survey::Fate;
use crate::table::{Connection, Settings};

/// What makes the kernel ask an idle peer often enough for a deadline, and keeps it from giving the
/// connection up before it has asked in vain for four deadlines. Should nobody judge any more, the
/// kernel ends it then. After an outage of two it has asked often enough to be answered on a path
/// that loses one packet of ten, though it asks ever less often.
///
/// No user timeout, so that peers that don't read are kept; one that the program had set and that
/// is longer than the deadline is taken away, for with keepalive it would end live connections.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    deadline: Duration,
    options: SocketOptions,
}

/// The kernel counts so many at most (include/net/tcp.h, `MAX_TCP_KEEPCNT`).
const COUNT: u32 = 127;

/// Deadlines before the kernel itself gives up.
const PATIENCE: u32 = 4;

impl Asking {
    /// For peers that are to be judged within a deadline, on this kernel.
    #[must_use]
    pub fn within(deadline: Duration, kernel: &Kernel) -> Self {
        let ours = Supervision::within(deadline).options(kernel);
        let patience = deadline * PATIENCE;
        let spacing = u32::try_from(patience.as_secs().div_ceil(COUNT.into())).unwrap_or(u32::MAX);
        let gives_up = |ms: &u32| model_timeout_ms(kernel.sysctls.retries2, *ms, RTO_MIN_MS);
        // Retransmissions ask the peer of what is in flight (Linux 6.15).
        let mut caps = (1_000..120_000).step_by(100);
        let cap = caps.find(|ms| u128::from(gives_up(ms)) >= patience.as_millis());
        let mut options = ours;
        options.keepintvl_s = ours.keepintvl_s.map(|ours| ours.max(spacing));
        options.keepcnt = Some(COUNT);
        options.rto_max_ms = cap.filter(|_| kernel.rto_max_option);
        (options.user_timeout_ms, options.syncnt) = (None, None);
        Self { deadline, options }
    }

    /// What is set on a connection that nobody has set anything on.
    #[must_use]
    pub fn options(&self) -> &SocketOptions {
        &self.options
    }

    /// What is to be done with a connection: `None` for what is not asked. Peers within this
    /// machine can't vanish, and a question to one that has closed its end could be the end.
    pub(super) fn fate(&self, connection: &Connection<'_>) -> Option<Fate> {
        let socket = connection.socket;
        let far = socket.peer.ip() != socket.local.ip() && !socket.peer.ip().is_loopback();
        let held = socket.inode.is_some();
        if !(connection.chosen && far && held && socket.state == TcpState::Established) {
            return None;
        }
        Some(match &connection.settings {
            Settings::Known(before) => Fate::Judged(self.step(before)),
            Settings::Unknown(why) => Fate::Unseen(*why),
            Settings::NotAsked => return None,
        })
    }

    fn step(&self, before: &Effective) -> Step {
        if self.decides_itself(before) {
            return Step::KeptForApplication;
        }
        let mut options = self.options;
        options.user_timeout_ms = before.user_timeout_ms.map(|_| 0);
        options.rto_max_ms = options.rto_max_ms.map(|ours| {
            let theirs = before.rto_max_ms.unwrap_or(u32::MAX);
            ours.min(theirs)
        });
        let after = before.with(&options);
        if after == *before {
            return Step::Fine;
        }
        let changed = |set: &deadpeer_core::Setting| before.held(set.option) != Some(*set);
        let mut needed: SocketOptions = options.settings().filter(changed).collect();
        // It arms the timer anew.
        needed.keepidle_s = options.keepidle_s;
        Step::Change(Change {
            options: needed,
            after,
            own_choice: before.keepalive || before.user_timeout_ms.is_some(),
            keeps: true,
        })
    }

    /// Whether the program has seen to it that the kernel gives the peer up by the deadline.
    fn decides_itself(&self, before: &Effective) -> bool {
        let deadline_s = self.deadline.as_secs();
        let probes = u64::from(before.keepintvl_s) * u64::from(before.keepcnt);
        let by_keepalive = u64::from(before.keepidle_s) + probes <= deadline_s;
        let by_user_timeout = before
            .user_timeout_ms
            .is_some_and(|ms| u128::from(ms) <= self.deadline.as_millis());
        before.keepalive && by_keepalive || by_user_timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn asking(deadline: u64) -> (Asking, Kernel) {
        let kernel = Kernel::before_rto_max(None);
        (Asking::within(S(deadline), &kernel), kernel)
    }

    #[test]
    fn the_kernel_asks_for_longer_than_anybody_holds() {
        for deadline in [5, 10, 30, 60, 120, 600, 3_600] {
            let (asking, _) = asking(deadline);
            let (idle, interval) = (
                u64::from(asking.options.keepidle_s.unwrap()),
                u64::from(asking.options.keepintvl_s.unwrap()),
            );
            assert!(idle + interval * 127 >= deadline * 4, "{deadline}");
            // The first goes out after the idle time.
            assert!(
                idle + interval * 3 < deadline,
                "{deadline}: four questions fit"
            );
            assert_eq!(asking.options.user_timeout_ms, None);
        }
    }

    #[test]
    fn what_the_program_decides_itself_is_left_alone() {
        let (asking, kernel) = asking(30);
        let untouched = Effective::untouched(&kernel.sysctls);
        let with = |set: SocketOptions| asking.step(&untouched.with(&set));
        let mut short = SocketOptions::new()
            .keepidle_s(10)
            .keepintvl_s(5)
            .keepcnt(3);
        short.keepalive = Some(true);
        assert_eq!(with(short), Step::KeptForApplication);
        let mut timeout = SocketOptions::new();
        timeout.user_timeout_ms = Some(20_000);
        assert_eq!(with(timeout), Step::KeptForApplication);
    }

    #[test]
    fn everybody_else_is_asked_and_asked_once() {
        let (asking, kernel) = asking(30);
        let untouched = Effective::untouched(&kernel.sysctls);
        let Step::Change(change) = asking.step(&untouched) else {
            panic!("{:?}", asking.step(&untouched));
        };
        assert!(change.after.keepalive && change.after.keepcnt == 127);
        assert_eq!(change.after.user_timeout_ms, None);
        assert_eq!(asking.step(&change.after), Step::Fine);
    }

    #[test]
    fn a_longer_user_timeout_would_end_live_ones() {
        let (asking, kernel) = asking(30);
        let mut theirs = SocketOptions::new();
        theirs.user_timeout_ms = Some(60_000);
        let before = Effective::untouched(&kernel.sysctls).with(&theirs);
        let Step::Change(change) = asking.step(&before) else {
            panic!("{:?}", asking.step(&before));
        };
        assert_eq!(change.after.user_timeout_ms, None);
        assert_eq!(change.options.user_timeout_ms, Some(0));
    }
}
