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

/// Where plain sockets stay: a little less than the 102 s for which the kernel keeps trying to
/// deliver what one was closed with (`tcp_orphan_retries`: 8 where the sysctl is 0), so that a
/// supervised one goes no later.
const AT_REST: Duration = Duration::from_secs(96);
/// A connection is looked at so often at least, and who has been silent for longer is asked by
/// keepalive without a user timeout.
const RENEWED: Duration = Duration::from_secs(48);
/// While lost data is sent again it is looked at so often, for the kernel's clock runs.
const CLOSELY: Duration = Duration::from_secs(5);
/// Where more than this share of questions fails the kernel's clock may be older than the silence:
/// it starts with the first retransmission of a recovery and not anew with each answer, and there
/// one recovery may last for minutes (net/ipv4/tcp_input.c, `retrans_stamp`).
const LOSSY: f64 = 0.05;
/// There one recovery follows another, and only who looks so often sees that the clock stood still
/// between two of them.
const OFTEN: Duration = Duration::from_millis(500);
/// There the user timeout stays so far ahead of the clock: it is all that a busy program may be
/// late by before it ends a live connection.
const LEEWAY: Duration = Duration::from_secs(30);

/// What `tcp_orphan_retries` 0 stands for, and the least under which a plain socket stays for
/// longer than [`AT_REST`] (`tcp_orphan_retries`).
const PATIENT_RETRIES: u32 = 8;
/// Where `tcp_retries2` leaves less time than this nobody could look often enough.
const SOONEST_END: Duration = Duration::from_secs(2);

/// Half of what the kernel takes, and the longest that it can keep: it compares times in 32 bits
/// with a sign, and a sender that paces itself stamps what it sends with a moment to come
/// (net/ipv4/tcp_timer.c, `retransmits_timed_out`).
const LONGEST_MS: u32 = 1 << 30;

/// The `TCP_USER_TIMEOUT` of the supervised connections of a network namespace
/// ([`Supervision::user_timeout`](super::Supervision::user_timeout)).
///
/// It moves with the connection ([`ms`](Self::ms)), so that neither the loss on the path nor a peer
/// that doesn't read ends a live connection, and one that is closed while its peer is gone stays in
/// the kernel's table for no longer than a plain one, 107 s by default; on a path on which more
/// than one in twenty questions fails, or half a minute longer than data has been sent again on it
/// without a pause that was seen, and longer by as much as pacing lets the kernel's clock begin
/// late.
///
/// Where `tcp_orphan_retries` is lowered (1 to 7) plain sockets go sooner, after 0.6 to 51 s and a
/// little. There supervised ones have no user timeout while nothing is sent again, so that the
/// sysctl holds for them too, and none at all where `tcp_retries2` leaves them the deadline and the
/// path loses little. Otherwise they get one once something is sent again, a few seconds ahead of
/// the kernel's clock: who is closed then stays for about as long as `tcp_retries2` takes. With
/// `tcp_retries2` 1 or 2 nobody could look often enough: there they keep one of 96 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserTimeout {
    /// While nothing is sent again; `None`: there is none.
    at_rest: Option<Duration>,
    /// Whether connections begin with it: what is left of it must be enough for connect().
    at_first: bool,
    /// Whether `tcp_retries2` could end a live connection before the deadline.
    needed: bool,
    /// The time after which `tcp_retries2` ends a connection that has none.
    retries2_ends: Duration,
}

impl UserTimeout {
    pub(super) fn new(deadline: Duration, retries2_ends: Duration, orphan_retries: u32) -> Self {
        let needed = retries2_ends < deadline;
        let plain_go_sooner = are_lowered(orphan_retries);
        let hopeless = needed && retries2_ends < SOONEST_END;
        let at_rest = (!plain_go_sooner || hopeless).then_some(AT_REST);
        Self {
            at_rest,
            at_first: deadline <= RENEWED,
            needed,
            retries2_ends,
        }
    }

    /// The one to begin with, which also holds until a connection is made.
    pub(super) fn at_first_ms(self) -> u32 {
        match self.at_rest {
            Some(at_rest) if self.at_first => whole_ms(at_rest),
            Some(_) | None => 0,
        }
    }

    /// The one that the connection should have until the next look, milliseconds; 0: none. `info`
    /// is the reading that its judge [observed](Judge::observe) last.
    #[must_use]
    pub fn ms(self, judge: &Judge, info: &TcpInfo) -> u32 {
        // It counts while the window is closed, answered probes or not.
        if judge.window_is_closed() {
            return 0;
        }
        if info.state == Some(TcpState::SynSent) {
            return self.at_first_ms();
        }
        let now = Now::of(judge);
        self.until_the_next_check_ms(judge.silence(), now)
    }

    /// When the connection is to be checked: [the judge](Judge::next_check) wants to, or this one
    /// has to be moved. `None`: the connection is over.
    #[must_use]
    pub fn next_check(self, judge: &Judge) -> Option<Duration> {
        let move_at = judge.observed() + self.moved_every(Now::of(judge));
        judge.next_check().map(|at| at.min(move_at))
    }

    fn until_the_next_check_ms(self, silence: Duration, now: Now) -> u32 {
        let Now {
            is_lossy,
            clock_age,
            probed_for,
        } = now;
        let ahead = |age: Duration| match (self.at_rest, is_lossy) {
            (Some(_), true) => age.max(probed_for.unwrap_or_default()) + LEEWAY,
            _ => age.max(probed_for.unwrap_or_default()) + self.closely() * 2,
        };
        let until = match (self.at_rest_of(now), clock_age) {
            // Without one, keepalive is bounded by its count, and what close() sends by
            // `tcp_orphan_retries`.
            (Some(_), None) if silence >= RENEWED => None,
            (Some(at_rest), age) => Some(at_rest.max(age.map_or(at_rest, ahead))),
            (None, Some(age)) if self.needed || is_lossy => Some(ahead(age)),
            (None, _) => None,
        };
        until.map_or(0, whole_ms)
    }

    /// Whose window was found closed has none while nothing is sent again: should it close once
    /// more, one would count from the first probe of all.
    fn at_rest_of(self, now: Now) -> Option<Duration> {
        self.at_rest.filter(|_| now.probed_for.is_none())
    }

    /// How long it may stay as it is.
    fn moved_every(self, now: Now) -> Duration {
        let at_rest = self.at_rest_of(now);
        let is_moved = at_rest.is_some() || self.needed || now.is_lossy;
        match now.clock_age {
            Some(_) if now.is_lossy => self.closely().min(OFTEN),
            Some(_) if is_moved => self.closely(),
            None if is_moved && at_rest.is_none() => RENEWED.min(self.retries2_ends / 2),
            Some(_) | None => RENEWED,
        }
    }

    fn closely(self) -> Duration {
        match self.at_rest {
            Some(_) => CLOSELY,
            None => CLOSELY.min(self.retries2_ends / 4),
        }
    }

    /// What one comes to that is in force.
    pub(super) fn as_it_moves_ms(self, ms: Option<u32>) -> Option<u32> {
        let comes_and_goes = self.at_rest.is_none() && self.needed;
        match ms {
            Some(ms) if moves(ms) => Some(LONGEST_MS),
            None if comes_and_goes => Some(LONGEST_MS),
            Some(_) | None => ms,
        }
    }
}

/// What the kernel's clocks may show at the last reading.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    is_lossy: bool,
    /// How long that of retransmissions has been running at most; `None`: nothing is sent again.
    clock_age: Option<Duration>,
    /// The same of window probes; `None`: there were none.
    probed_for: Option<Duration>,
}

impl Now {
    fn of(judge: &Judge) -> Self {
        let is_lossy = judge.loss().failing() > LOSSY;
        let silence = if is_lossy {
            Duration::MAX
        } else {
            judge.silence()
        };
        Self {
            is_lossy,
            clock_age: judge.recovering_for().map(|age| age.min(silence)),
            probed_for: judge.probed_for(),
        }
    }
}

/// Whether plain sockets go sooner than supervised ones with a user timeout.
fn are_lowered(orphan_retries: u32) -> bool {
    (1..PATIENT_RETRIES).contains(&orphan_retries)
}

/// Whether it can be that of a supervised connection.
pub(super) fn can_be_ours(ms: u32, orphan_retries: u32) -> bool {
    moves(ms) || are_lowered(orphan_retries)
}

fn moves(ms: u32) -> bool {
    ms >= whole_ms(AT_REST)
}

fn whole_ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).map_or(LONGEST_MS, |ms| ms.min(LONGEST_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp_info::CaState;
    use crate::verdict::Supervision;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn usual(deadline: u64) -> UserTimeout {
        UserTimeout::new(S(deadline), S(deadline), 0)
    }

    fn now(is_lossy: bool, clock_age: Option<Duration>) -> Now {
        Now {
            is_lossy,
            clock_age,
            probed_for: None,
        }
    }

    /// Of one whose lost data is sent again for so long.
    fn open(age: u64) -> u32 {
        usual(120).until_the_next_check_ms(S(age), now(false, Some(S(age))))
    }

    #[test]
    fn it_is_moved_before_it_bites() {
        let lowered = |ends| UserTimeout::new(S(30), ends, 2);
        let ends = [2, 3, 6, 12, 25].map(S);
        for (user_timeout, is_lossy) in [
            (usual(120), false),
            (usual(120), true),
            (UserTimeout::new(S(30), S(31), 2), true),
        ]
        .into_iter()
        .chain(ends.map(|ends| (lowered(ends), false)))
        {
            for age in (0..1_000).map(S) {
                let ms = user_timeout.until_the_next_check_ms(age, now(is_lossy, Some(age)));
                let until = Duration::from_millis(ms.into());
                let moved = user_timeout.moved_every(now(is_lossy, Some(age)));
                assert!(until >= age + moved * 2, "{user_timeout:?}: {until:?}");
            }
            // The clock may begin just after a look.
            let calm = user_timeout.until_the_next_check_ms(S(1), now(is_lossy, None));
            let bites = match calm {
                0 => user_timeout.retries2_ends,
                ms => Duration::from_millis(ms.into()),
            };
            assert!(user_timeout.moved_every(now(is_lossy, None)) * 2 <= bites);
        }
        // Asked by keepalive, which begins after 48 s at the latest or without a user timeout.
        for silence in (0..48).map(S) {
            let ms = usual(120).until_the_next_check_ms(silence, now(false, None));
            let bites = Duration::from_millis(ms.into());
            assert!(bites > silence + usual(120).moved_every(now(false, None)));
        }
    }

    /// That one goes 102 s after its first retransmission, or at the next one if that is past.
    #[test]
    fn what_is_closed_meanwhile_goes_no_later_than_a_plain_socket() {
        for age in 0..1_000 {
            assert!(open(age.into()) <= 102_000.max(age * 1_000 + 10_000));
        }
        // The clock of what close() sends begins then.
        let calm = |silence| usual(120).until_the_next_check_ms(S(silence), now(true, None));
        assert!((0..1_000).all(|silence| calm(silence) <= 102_000));
    }

    #[test]
    fn where_plain_sockets_go_sooner_there_is_none_while_nothing_is_sent_again() {
        for retries in 0..20 {
            let ms = |ends, is_lossy, age| {
                let lowered = UserTimeout::new(S(30), ends, retries);
                lowered.until_the_next_check_ms(S(1), now(is_lossy, age))
            };
            let goes_sooner = (1..8).contains(&retries);
            for ends in [S(31), S(12)] {
                assert_eq!(ms(ends, false, None) == 0, goes_sooner, "{retries}");
                assert_eq!(ms(ends, true, None) == 0, goes_sooner, "{retries}");
                let at_first = UserTimeout::new(S(30), ends, retries).at_first_ms();
                assert_eq!(at_first == 0, goes_sooner);
            }
            assert_eq!(ms(S(31), false, Some(S(4))) == 0, goes_sooner);
            if goes_sooner {
                assert_eq!(ms(S(31), true, Some(S(4))), 14_000);
                assert_eq!(ms(S(12), false, Some(S(4))), 10_000);
            }
            // Or nobody could look often enough.
            assert_ne!(ms(S(1), false, None), 0);
        }
    }

    /// A recovery may last for minutes, and one that follows another at once keeps its clock.
    #[test]
    fn on_a_lossy_path_the_clock_is_as_old_as_the_last_look_at_an_open_one() {
        let mut info = TcpInfo {
            state: Some(TcpState::Established),
            ca_state: Some(CaState::Open),
            total_retrans: Some(0),
            last_ack_recv_ms: Some(0),
            bytes_acked: Some(0),
            bytes_sent: Some(0),
            bytes_retrans: Some(0),
            ..TcpInfo::default()
        };
        let mut judge = Judge::new(Supervision::within(S(120)));
        let ms = |judge: &mut Judge, info: &TcpInfo, at| {
            judge.observe(S(at), info);
            usual(120).ms(judge, info)
        };
        assert_eq!(ms(&mut judge, &info, 5_000), 96_000);
        // Every second one byte arrives, after two that did not.
        for after in 1..1_000 {
            info.ca_state = Some(match after % 3 {
                0 => CaState::Disorder,
                1 => CaState::Recovery,
                _ => CaState::Loss,
            });
            info.total_retrans = Some(2 * after);
            info.data_segs_out = Some(3 * after);
            info.bytes_acked = Some(after.into());
            info.bytes_sent = Some((3 * after).into());
            info.bytes_retrans = Some((2 * after).into());
            let ms = ms(&mut judge, &info, 5_000 + u64::from(after));
            assert_eq!(ms, 96_000.max(after * 1_000 + 30_000));
        }
        let check_at = usual(120).next_check(&judge);
        assert_eq!(check_at, Some(S(5_999) + Duration::from_millis(500)));
        info.ca_state = Some(CaState::Open);
        info.bytes_acked = Some(1_000);
        assert_eq!(ms(&mut judge, &info, 6_000), 96_000);
        // The kernel sees nothing but unanswered keepalive by then.
        info.last_ack_recv_ms = Some(50_000);
        assert_eq!(ms(&mut judge, &info, 6_050), 0);
    }

    /// It has lost data in flight for as long as it has had any, and answers have come.
    #[test]
    fn whoever_is_in_a_recovery_when_it_is_first_seen_has_been_for_as_long_as_it_was_busy() {
        let ms = |busy_s: Option<u64>, failed| {
            let info = TcpInfo {
                state: Some(TcpState::Established),
                ca_state: Some(CaState::Loss),
                retransmits: Some(1),
                total_retrans: Some(failed),
                data_segs_out: Some(failed * 2),
                last_ack_recv_ms: Some(2_000),
                bytes_sent: Some(2_000),
                bytes_retrans: Some(1_000),
                bytes_acked: Some(1_000),
                busy_time_us: busy_s.map(|s| s * 1_000_000),
                ..TcpInfo::default()
            };
            let mut judge = Judge::new(Supervision::within(S(120)));
            judge.observe(S(5_000), &info);
            usual(120).ms(&judge, &info)
        };
        assert_eq!(ms(Some(81), 40), 111_000);
        assert_eq!(ms(Some(20), 40), 96_000);
        // Linux would have given up.
        assert_eq!(ms(Some(86_400), 40), 1_075_000);
        assert_eq!(ms(None, 40), 1_075_000);
        // On a path that loses little a recovery ends with the next answer.
        assert_eq!(ms(Some(86_400), 0), 96_000);
    }

    /// The exception that is documented: a `tcp_retries2` that leaves no time to look.
    #[test]
    fn where_tcp_retries2_is_1_or_2_it_stays_at_96_s() {
        for ends in [Duration::from_millis(600), Duration::from_millis(1_400)] {
            let hopeless = UserTimeout::new(S(30), ends, 2);
            assert_eq!(
                hopeless.until_the_next_check_ms(S(1), now(false, None)),
                96_000
            );
        }
    }

    /// The kernel's clock of probes goes on while the window opens by less than what waits.
    #[test]
    fn whose_window_was_probed_is_not_given_up_when_it_closes_again() {
        let mut info = TcpInfo {
            state: Some(TcpState::Established),
            ca_state: Some(CaState::Open),
            retransmits: Some(0),
            snd_wnd: Some(9_000),
            notsent_bytes: Some(60_000),
            last_ack_recv_ms: Some(0),
            ..TcpInfo::default()
        };
        let mut judge = Judge::new(Supervision::within(S(30)));
        let user_timeout = UserTimeout::new(S(30), S(31), 0);
        judge.observe(S(1_000), &info);
        assert_eq!(user_timeout.ms(&judge, &info), 96_000);
        info.snd_wnd = Some(0);
        judge.observe(S(1_040), &info);
        info.snd_wnd = Some(9_000);
        judge.observe(S(1_041), &info);
        assert_eq!(user_timeout.ms(&judge, &info), 0);
        // The probe may have been just after the look before.
        assert_eq!(judge.probed_for(), Some(S(41)));
        // On a path that loses much, tcp_retries2 could end it.
        info.ca_state = Some(CaState::Loss);
        (info.total_retrans, info.data_segs_out) = (Some(500), Some(1_000));
        (info.bytes_sent, info.bytes_retrans) = (Some(1_000_000), Some(500_000));
        info.bytes_acked = Some(500_000);
        judge.observe(S(1_100), &info);
        assert_eq!(user_timeout.ms(&judge, &info), 130_000);
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
