//! The user timeout of a supervised connection: it moves with what is open, so that it never ends a
//! live connection and lets no orphan stay.
//!
//! `TCP_USER_TIMEOUT` keeps `tcp_retries2` from ending a live connection on a path that loses much,
//! and carries the last bytes over an outage after close(). But it ends peers that don't read, and
//! it governs what the kernel keeps after close() as well (net/ipv4/tcp_timer.c,
//! `tcp_write_timeout`, `tcp_probe_timer`).

use std::time::Duration;

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

/// Half of what the kernel takes, and the longest that it can keep: it compares times in 32 bits
/// with a sign, and a sender that paces itself stamps what it sends with a moment to come
/// (net/ipv4/tcp_timer.c, `retransmits_timed_out`).
const LONGEST_MS: u32 = 1 << 30;

/// The one to begin with, which also holds until a connection is made.
pub(super) fn at_first_ms(deadline: Duration) -> u32 {
    if deadline <= RENEWED {
        whole_ms(AT_REST)
    } else {
        0
    }
}

/// The one to have until the next look, milliseconds; 0: none.
pub(super) fn until_the_next_look_ms(
    deadline: Duration,
    silence: Duration,
    window_is_closed: bool,
    failing: f64,
    info: &TcpInfo,
) -> u32 {
    // It counts while the window is closed, answered probes or not.
    if window_is_closed {
        return 0;
    }
    if info.state == Some(TcpState::SynSent) {
        return at_first_ms(deadline);
    }
    let at_rest = if failing > LOSSY.0 { LOSSY.1 } else { AT_REST };
    match info.retransmits {
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

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn open(silence: u64, retransmits: u8) -> u32 {
        let info = TcpInfo {
            state: Some(TcpState::Established),
            retransmits: Some(retransmits),
            ..TcpInfo::default()
        };
        until_the_next_look_ms(S(120), S(silence), false, 0.01, &info)
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
    fn whoever_does_not_read_is_not_given_up() {
        let info = TcpInfo::default();
        assert_eq!(until_the_next_look_ms(S(30), S(1), true, 0.4, &info), 0);
        assert_eq!(until_the_next_look_ms(S(30), S(400), true, 0.01, &info), 0);
    }

    #[test]
    fn connect_has_the_whole_deadline() {
        let info = TcpInfo {
            state: Some(TcpState::SynSent),
            ..TcpInfo::default()
        };
        for deadline in [2, 10, 48, 49, 120, 3_600] {
            let ms = until_the_next_look_ms(S(deadline), S(0), false, 0.01, &info);
            assert!(ms == 0 || u64::from(ms) >= deadline * 2_000);
            assert_eq!(ms, at_first_ms(S(deadline)));
        }
    }
}
