//! The user timeout of a supervised connection: it moves with what is open, so that it never ends a
//! live connection and lets no orphan stay.
//!
//! `TCP_USER_TIMEOUT` keeps `tcp_retries2` from ending a live connection on a path that loses much,
//! and carries the last bytes over an outage after close(). But it ends peers that don't read, and
//! it governs what the kernel keeps after close() as well (net/ipv4/tcp_timer.c,
//! `tcp_write_timeout`, `tcp_probe_timer`).

use std::time::Duration;

use super::Judge;
use crate::state::TcpState;
use crate::tcp_info::TcpInfo;

/// Where nothing has been open for long: a little less than the 102 s for which the kernel keeps
/// trying to deliver what a plain socket was closed with (`tcp_orphan_retries`: 8 where the sysctl
/// is 0), so that a supervised one goes no later.
const AT_REST: Duration = Duration::from_secs(96);
/// A connection is looked at so often at least, and who has been silent for longer is asked by
/// keepalive without a user timeout.
const RENEWED: Duration = Duration::from_secs(48);
/// The one of a path on which more than this share of questions fails: the kernel's clock starts
/// with the first retransmission of a recovery and not anew with each answer, and there one
/// recovery may last for minutes (net/ipv4/tcp_input.c, `retrans_stamp`).
const LOSSY: (f64, Duration) = (0.05, Duration::from_secs(600));
/// What is in flight for longer than this gets more time, in small steps, for a plain socket goes
/// soon if it is closed now.
const ALMOST: Duration = Duration::from_secs(86);
/// How far ahead of the silence it is then, and how often it is moved.
const STEP: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

/// What `tcp_orphan_retries` 0 stands for, and the least under which a plain socket stays for
/// longer than [`AT_REST`] (`tcp_orphan_retries`).
const PATIENT_RETRIES: u32 = 8;

/// Half of what the kernel takes, and the longest that it can keep: it compares times in 32 bits
/// with a sign, and a sender that paces itself stamps what it sends with a moment to come
/// (net/ipv4/tcp_timer.c, `retransmits_timed_out`).
const LONGEST_MS: u32 = 1 << 30;

/// The `TCP_USER_TIMEOUT` of the supervised connections of a network namespace
/// ([`Supervision::user_timeout`](super::Supervision::user_timeout)).
///
/// It moves with the connection ([`ms`](Self::ms)), so that neither the loss on the path nor a peer
/// that doesn't read ends a live connection, and one that is closed while its peer is gone stays in
/// the kernel's table for no longer than a plain one, 107 s by default; on a path that loses much,
/// ten minutes.
///
/// Where `tcp_orphan_retries` is lowered (1 to 7) plain sockets go sooner, after 0.6 to 51 s and a
/// little. There supervised ones have no user timeout on paths that lose little, so that the sysctl
/// holds for them too, unless `tcp_retries2` would then end a live connection before the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserTimeout {
    deadline: Duration,
    /// While nothing has been open for long; `None`: there is none.
    at_rest: Option<Duration>,
}

impl UserTimeout {
    /// `retries2_ends` is the time after which `tcp_retries2` ends a connection without one.
    pub(super) fn new(deadline: Duration, retries2_ends: Duration, orphan_retries: u32) -> Self {
        let plain_go_sooner = (1..PATIENT_RETRIES).contains(&orphan_retries);
        let needed = !plain_go_sooner || retries2_ends < deadline;
        Self {
            deadline,
            at_rest: needed.then_some(AT_REST),
        }
    }

    /// The one to begin with, which also holds until a connection is made.
    pub(super) fn at_first_ms(self) -> u32 {
        match self.at_rest {
            Some(at_rest) if self.deadline <= RENEWED => whole_ms(at_rest),
            Some(_) | None => 0,
        }
    }

    /// The one that the connection should have until the next look, milliseconds; 0: none. `info`
    /// is the reading that its judge [observed](Judge::observe) last.
    #[must_use]
    pub fn ms(self, judge: &Judge, info: &TcpInfo) -> u32 {
        let (silence, failing) = (judge.silence(), judge.loss().failing());
        // It counts while the window is closed, answered probes or not.
        if judge.window_is_closed() {
            return 0;
        }
        if info.state == Some(TcpState::SynSent) {
            return self.at_first_ms();
        }
        self.until_the_next_look_ms(silence, failing, info.retransmits)
    }

    fn until_the_next_look_ms(
        self,
        silence: Duration,
        failing: f64,
        retransmits: Option<u8>,
    ) -> u32 {
        let is_lossy = failing > LOSSY.0;
        let Some(at_rest) = is_lossy.then_some(LOSSY.1).or(self.at_rest) else {
            return 0;
        };
        match retransmits {
            // Without one, keepalive is bounded by its count, and what close() sends by
            // `tcp_orphan_retries`.
            None | Some(0) if silence >= RENEWED => 0,
            // The kernel's clock has been running for no longer than the silence.
            Some(1..) if silence >= ALMOST => {
                whole_ms(at_rest.max(Duration::from_secs(silence.as_secs()) + STEP.0))
            }
            None | Some(_) => whole_ms(at_rest),
        }
    }
}

/// When it has to be moved at the latest.
pub(super) fn next_move(looked: Duration, heard: Duration, something_is_open: bool) -> Duration {
    let almost = heard + ALMOST;
    let next = looked + RENEWED;
    match something_is_open {
        true => next.min(almost.max(looked + STEP.1)),
        false => next,
    }
}

/// What one that is renewed comes to: one that never bites.
pub(super) fn as_it_moves_ms(ms: u32) -> u32 {
    if moves(ms) { LONGEST_MS } else { ms }
}

/// Whether it can be one that is renewed.
pub(super) fn moves(ms: u32) -> bool {
    ms >= whole_ms(AT_REST)
}

fn whole_ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).map_or(LONGEST_MS, |ms| ms.min(LONGEST_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Supervision;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn usual(deadline: u64) -> UserTimeout {
        UserTimeout::new(S(deadline), S(deadline), 0)
    }

    fn open(silence: u64, retransmits: u8) -> u32 {
        usual(120).until_the_next_look_ms(S(silence), 0.01, Some(retransmits))
    }

    #[test]
    fn it_is_moved_before_it_bites() {
        assert_eq!((open(0, 0), open(47, 5)), (96_000, 96_000));
        for silence in 0..1_000 {
            let next = next_move(S(silence), S(0), true);
            let bites = u128::from(open(silence, 9));
            assert!(bites > next.as_millis(), "{bites} ms, moved after {next:?}");
        }
        // Asked by keepalive, which begins after 48 s at the latest or without a user timeout.
        for silence in 0..48 {
            let next = next_move(S(silence), S(0), false);
            assert!(u128::from(open(silence, 0)) > next.as_millis());
        }
    }

    /// That one goes 102 s after its first retransmission, or at the next one if that is past.
    #[test]
    fn what_is_closed_meanwhile_goes_no_later_than_a_plain_socket() {
        for silence in 0..1_000 {
            let kept_until = open(silence.into(), 9);
            assert!(kept_until <= 102_000.max(silence * 1_000 + 10_000));
            // The clock of what close() sends begins then.
            assert!(open(silence.into(), 0) <= 102_000);
        }
    }

    #[test]
    fn where_plain_sockets_go_sooner_there_is_none() {
        for retries in 0..20 {
            let lowered = UserTimeout::new(S(30), S(31), retries);
            let ms = |failing| lowered.until_the_next_look_ms(S(1), failing, Some(3));
            let goes_sooner = (1..8).contains(&retries);
            assert_eq!(ms(0.01) == 0, goes_sooner, "{retries}");
            assert_eq!(lowered.at_first_ms() == 0, goes_sooner);
            assert_eq!(ms(0.4), 600_000);
            // Or `tcp_retries2` would decide.
            assert_ne!(UserTimeout::new(S(30), S(29), retries).at_first_ms(), 0);
        }
    }

    #[test]
    fn whoever_does_not_read_is_not_given_up() {
        let mut info = TcpInfo {
            state: Some(TcpState::Established),
            ..TcpInfo::default()
        };
        let judged = |at, info: &TcpInfo| {
            let mut judge = Judge::new(Supervision::within(S(30)));
            judge.observe(at, info);
            usual(30).ms(&judge, info)
        };
        assert_eq!(judged(S(1), &info), 96_000);
        info.snd_wnd = Some(0);
        info.notsent_bytes = Some(9);
        assert_eq!((judged(S(1), &info), judged(S(400), &info)), (0, 0));
    }

    #[test]
    fn connect_has_the_whole_deadline() {
        let info = TcpInfo {
            state: Some(TcpState::SynSent),
            ..TcpInfo::default()
        };
        for deadline in [2, 10, 48, 49, 120, 3_600] {
            let judge = Judge::new(Supervision::within(S(deadline)));
            let ms = usual(deadline).ms(&judge, &info);
            assert!(ms == 0 || u64::from(ms) >= deadline * 2_000);
            assert_eq!(ms, usual(deadline).at_first_ms());
        }
    }
}
