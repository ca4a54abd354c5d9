//! Options with which the kernel asks, and leaves it to somebody else to judge.

use std::time::Duration;

use deadpeer_core::forecast::{RTO_MIN_MS, model_timeout_ms};
use deadpeer_core::{Effective, Kernel, SocketOptions, Supervision, TcpState};
use rustc_hash::FxHashMap;

use super::aim::{Change, Step};
use super::patience::Patience;
use super::survey::Fate;
use crate::table::{Connection, Settings};

/// What makes the kernel ask an idle peer often enough for a deadline, and keeps it from giving the
/// connection up before it has asked in vain for four deadlines ([`Patience`]). Should nobody judge
/// any more, the kernel ends it then.
///
/// No user timeout, so that peers that don't read are kept; one that the program had set and that
/// is longer than the deadline is taken away, for with keepalive it would end live connections.
#[derive(Debug, Clone)]
pub struct Asking {
    deadline: Duration,
    /// Of each patience.
    options: Vec<SocketOptions>,
    lent: FxHashMap<u64, Patience>,
}

/// The kernel counts so many at most (include/net/tcp.h, `MAX_TCP_KEEPCNT`).
const COUNT: u32 = 127;

impl Asking {
    /// For peers that are to be judged within a deadline, on this kernel.
    #[must_use]
    pub fn within(deadline: Duration, kernel: &Kernel) -> Self {
        let ours = Supervision::within(deadline).options(kernel);
        let options = |patience: Patience| {
            let lasts = patience.lasts(deadline);
            let spacing = u32::try_from(lasts.as_secs().div_ceil(COUNT.into()));
            let spacing = spacing.unwrap_or(u32::MAX);
            let apart = |ours: u32| match patience.probes_apart(deadline) {
                Some(apart) => apart.max(ours),
                None => ours.max(spacing),
            };
            let mut options = ours;
            options.keepintvl_s = ours.keepintvl_s.map(apart);
            options.keepcnt = Some(COUNT);
            options.rto_max_ms = rto_max_ms(lasts, kernel);
            (options.user_timeout_ms, options.syncnt) = (None, None);
            options
        };
        Self {
            deadline,
            options: Patience::all(deadline).map(options).collect(),
            lent: FxHashMap::default(),
        }
    }

    /// With more patience for some connections, by their cookies.
    #[must_use]
    pub fn lending(self, lent: FxHashMap<u64, Patience>) -> Self {
        Self { lent, ..self }
    }

    /// What is set on a connection that nobody has set anything on.
    #[must_use]
    pub fn options(&self, patience: Patience) -> &SocketOptions {
        let place = Patience::all(self.deadline).position(|it| it == patience);
        &self.options[place.unwrap_or_default()]
    }

    /// Whether these settings are what we set, with whatever patience.
    #[must_use]
    pub fn is_ours(&self, settings: &Effective) -> bool {
        let mut options = self.options.iter();
        options.any(|ours| settings.with(ours) == *settings)
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
            Settings::Known(before) => {
                let patience = self.lent.get(&socket.cookie).copied();
                Fate::Judged(self.step(before, patience.unwrap_or_default()))
            }
            Settings::Unknown(why) => Fate::Unseen(*why),
            Settings::NotAsked => return None,
        })
    }

    fn step(&self, before: &Effective, patience: Patience) -> Step {
        if self.decides_itself(before) {
            return Step::KeptForApplication;
        }
        let mut options = *self.options(patience);
        options.user_timeout_ms = before.user_timeout_ms.map(|_| 0);
        // What is one of ours is no choice of its program.
        let theirs = before
            .rto_max_ms
            .filter(|now| self.options.iter().all(|it| it.rto_max_ms != Some(*now)));
        options.rto_max_ms = options.rto_max_ms.map(|ours| match theirs {
            Some(theirs) => ours.min(theirs),
            None => ours,
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

/// Retransmissions ask the peer of what is in flight: how far apart they may be at most (Linux
/// 6.15), so that the kernel gives up after so long.
fn rto_max_ms(lasts: Duration, kernel: &Kernel) -> Option<u32> {
    let gives_up = |ms: &u32| model_timeout_ms(kernel.sysctls.retries2, *ms, RTO_MIN_MS);
    let mut caps = (1_000..120_000).step_by(100);
    let cap = caps.find(|ms| u128::from(gives_up(ms)) >= lasts.as_millis());
    cap.filter(|_| kernel.rto_max_option)
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
            let options = asking.options(Patience::default());
            let (idle, interval) = (
                u64::from(options.keepidle_s.unwrap()),
                u64::from(options.keepintvl_s.unwrap()),
            );
            assert!(idle + interval * 127 >= deadline * 4, "{deadline}");
            // The first goes out after the idle time.
            assert!(
                idle + interval * 3 < deadline,
                "{deadline}: four questions fit"
            );
            assert_eq!(options.user_timeout_ms, None);
        }
    }

    #[test]
    fn what_the_program_decides_itself_is_left_alone() {
        let (asking, kernel) = asking(30);
        let untouched = Effective::untouched(&kernel.sysctls);
        let with = |set: SocketOptions| asking.step(&untouched.with(&set), Patience::default());
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
        let Step::Change(change) = asking.step(&untouched, Patience::default()) else {
            panic!("{:?}", asking.step(&untouched, Patience::default()));
        };
        assert!(change.after.keepalive && change.after.keepcnt == 127);
        assert_eq!(change.after.user_timeout_ms, None);
        assert_eq!(asking.step(&change.after, Patience::default()), Step::Fine);
    }

    #[test]
    fn a_longer_user_timeout_would_end_live_ones() {
        let (asking, kernel) = asking(30);
        let mut theirs = SocketOptions::new();
        theirs.user_timeout_ms = Some(60_000);
        let before = Effective::untouched(&kernel.sysctls).with(&theirs);
        let Step::Change(change) = asking.step(&before, Patience::default()) else {
            panic!("{:?}", asking.step(&before, Patience::default()));
        };
        assert_eq!(change.after.user_timeout_ms, None);
        assert_eq!(change.options.user_timeout_ms, Some(0));
    }

    #[test]
    fn patience_is_lent_and_taken_back_and_a_programs_choice_is_kept() {
        let kernel = Kernel::modern(None);
        let asking = Asking::within(S(30), &kernel);
        let untouched = Effective::untouched(&kernel.sysctls);
        let after = |before: &Effective, patience| {
            let step = asking.step(before, patience);
            let Step::Change(change) = step else {
                panic!("{step:?}")
            };
            change.after
        };
        let first = after(&untouched, Patience::default());
        let longer = Patience::default().longer(S(30)).unwrap();
        let lent = after(&first, longer);
        assert!(lent.rto_max_ms > first.rto_max_ms && lent.keepintvl_s > first.keepintvl_s);
        assert!(asking.is_ours(&first) && asking.is_ours(&lent) && !asking.is_ours(&untouched));
        assert_eq!(asking.step(&lent, longer), Step::Fine);
        assert_eq!(after(&lent, Patience::default()), first);
        let mut own = SocketOptions::new();
        own.rto_max_ms = Some(3_210);
        let own = untouched.with(&own);
        assert_eq!(after(&own, longer).rto_max_ms, Some(3_210));
    }
}
