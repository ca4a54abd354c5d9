//! The user timeout of a supervised connection: it moves with what is open, so that it never ends a live connection and lets no orphan stay.
//!
//! `TCP_USER_TIMEOUT` keeps `tcp_retries2` from ending a live connection on a path that loses much, and carries the last bytes over an
//! outage after close(). But it ends peers that don't read, and it governs what the kernel keeps after close() as well
//! (net/ipv4/tcp_timer.c, `tcp_write_timeout`, `tcp_probe_timer`).

use std::time::Duration;

use crate::state::TcpState;
use crate::tcp_info::TcpInfo;

/// Where nothing has been open for long: a little less than the 102 s for which the kernel keeps trying to deliver what a plain socket was
/// closed with (`tcp_orphan_retries`: 8 where the sysctl is 0), so that a supervised one goes no later.
const AT_REST: Duration = Duration::from_secs(96);
/// A connection is looked at so often at least, and whoever has been silent for longer needs more time than that.
pub(super) const RENEWED: Duration = Duration::from_secs(48);

/// Half of what the kernel takes, and the longest that it can keep: it compares times in 32 bits with a sign, and a sender that paces itself
/// stamps what it sends with a moment to come (net/ipv4/tcp_timer.c, `retransmits_timed_out`).
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
    info: &TcpInfo,
) -> u32 {
    // It counts while the window is closed, answered probes or not.
    if window_is_closed {
        return 0;
    }
    if info.state == Some(TcpState::SynSent) {
        return at_first_ms(deadline);
    }
    if silence < RENEWED {
        return whole_ms(AT_REST);
    }
    match info.retransmits {
        // Without one, keepalive is bounded by its count, and what close() sends by `tcp_orphan_retries`.
        None | Some(0) => 0,
        // The kernel's clock has been running for no longer than the silence.
        Some(_) => whole_ms(Duration::from_secs(silence.as_secs()) + AT_REST),
    }
}

/// What one that is renewed comes to: one that never bites.
pub(super) fn as_it_moves_ms(ms: u32) -> u32 {
    if ms < whole_ms(AT_REST) {
        ms
    } else {
        LONGEST_MS
    }
}

fn whole_ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).map_or(LONGEST_MS, |ms| ms.min(LONGEST_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn open(silence: u64, retransmits: u8) -> u32 {
        let mut info = TcpInfo::default();
        info.state = Some(TcpState::Established);
        info.retransmits = Some(retransmits);
        until_the_next_look_ms(S(120), S(silence), false, &info)
    }

    #[test]
    fn it_is_there_when_something_is_lost_and_renewed_before_it_bites() {
        assert_eq!(open(0, 0), 96_000);
        assert_eq!(open(47, 5), 96_000);
        for silence in 48..1_000 {
            let next = silence + RENEWED.as_secs();
            assert!(open(silence, 9) > u32::try_from(next * 1_000).expect("small"));
        }
    }

    #[test]
    fn what_is_closed_meanwhile_goes_no_later_than_a_plain_socket() {
        for silence in 0..1_000_u32 {
            let kept = open(silence.into(), 9) - silence * 1_000;
            assert!(kept <= 102_000, "{kept} ms after {silence} s");
        }
        // The clock of what close() sends begins then.
        for silence in 0..1_000 {
            assert!(open(silence, 0) <= 102_000);
        }
    }

    #[test]
    fn whoever_does_not_read_is_not_given_up() {
        let info = TcpInfo::default();
        assert_eq!(until_the_next_look_ms(S(30), S(1), true, &info), 0);
        assert_eq!(until_the_next_look_ms(S(30), S(400), true, &info), 0);
    }

    #[test]
    fn connect_has_the_whole_deadline() {
        let info = TcpInfo {
            state: Some(TcpState::SynSent),
            ..TcpInfo::default()
        };
        for deadline in [2, 10, 48, 49, 120, 3_600] {
            let ms = until_the_next_look_ms(S(deadline), S(0), false, &info);
            assert!(ms == 0 || u64::from(ms) >= deadline * 2_000);
            assert_eq!(ms, at_first_ms(S(deadline)));
        }
    }
}
