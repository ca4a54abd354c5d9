//! Settings that fight themselves, each other or the path.

mod words;

use std::time::Duration;

use crate::forecast::{AfterClose, Forecast, Notice, Silence, Snapshot, Timer};
use crate::kernel::Kernel;
use crate::options::Effective;
use crate::state::TcpState;
use crate::verdict::Supervision;

/// An outage that what was written just before close() should survive: what a failover or a
/// rebooting router takes. With the kernel's defaults one of 45 s is survived.
const ORDINARY_OUTAGE: Duration = Duration::from_secs(10);
/// How long a closed connection may stay in the kernel: its memory is nobody's, and
/// `tcp_max_orphans` of them are all there can be.
const LONG_AFTER_CLOSE: Duration = Duration::from_secs(600);

/// A program that reads at all has seen by then that its peer has closed.
const LONG_UNCLOSED: Duration = Duration::from_secs(10);

/// Something about a connection's settings, or its state, that its owner surely did not mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Finding {
    /// A single unanswered probe ends the connection, so one lost packet kills a live peer (RFC
    /// 1122, section 4.2.3.6, forbids that): a user timeout of no more than the idle time and one
    /// interval, or a count of one.
    OneLostProbeKills {
        /// The user timeout, milliseconds; `None`: `TCP_KEEPCNT` is 1.
        user_timeout_ms: Option<u32>,
    },
    /// Fewer lost probes are survived than was asked for.
    TooFewLostSurvived {
        /// So many are.
        survived: u32,
        /// So many were to be.
        wanted: u32,
    },
    /// The settings are those with which deadpeer supervises a connection: the kernel asks, and the
    /// program decides.
    Supervised,
    /// `TCP_KEEPCNT` plays no part: while a user timeout is set, it alone decides (tcp(7)).
    KeepcntIgnored {
        /// The count that is ignored.
        keepcnt: u32,
        /// The unanswered probes that it takes instead, at least.
        probes: u32,
    },
    /// A middlebox forgets the idle connection before keepalive speaks.
    MiddleboxForgets {
        /// Seconds of silence before the first probe, or `None` where keepalive is off.
        keepidle_s: Option<u32>,
        /// The middlebox's limit.
        limit: Duration,
    },
    /// Accepted before the listener got its present settings: they are copied when the handshake
    /// completes.
    NotInherited,
    /// The armed keepalive timer runs longer than the setting now in force: a sysctl was changed
    /// after it was armed.
    ArmedTimerDiffers {
        /// What is left of the armed wait.
        left: Duration,
        /// The longest wait the setting allows, seconds.
        setting_s: u32,
    },
    /// A retransmission that was armed before the settings were made shorter, or a run of them,
    /// lasts longer than anything these settings promise.
    EndsLater {
        /// Until the connection ends, if its peer is gone, at least.
        earliest: Duration,
    },
    /// Our FIN is acknowledged and the descriptor still open: `tcp_fin_timeout` does not count
    /// before close() (tcp(7), `TCP_LINGER2`), and without keepalive a peer that never closes is
    /// waited for without end.
    WaitsForFin,
    /// The peer has closed, all that was sent is acknowledged, and the program has not closed its
    /// side (RFC 9293, section 3.6): a descriptor leaks.
    NotClosed {
        /// For so long at least.
        since: Duration,
    },
    /// More connections wait to be accepted than the listener allows: new ones get no answer
    /// (include/net/sock.h, `sk_acceptq_is_full`).
    AcceptQueueFull {
        /// Waiting.
        waiting: u32,
        /// Allowed.
        allowed: u32,
    },
    /// What the program writes just before close() may be lost in an outage of less than ten
    /// seconds: a small `TCP_RTO_MAX_MS`, user timeout or `tcp_orphan_retries` makes the kernel
    /// give up a closed connection so soon.
    LosesAtClose {
        /// The outage that is survived.
        outage_survived: Duration,
    },
    /// A closed connection whose peer is gone stays in the kernel for more than ten minutes: mostly
    /// for a long user timeout, which counts after close() too (net/ipv4/tcp_timer.c,
    /// `tcp_write_timeout`).
    StaysAfterClose {
        /// For so long at most.
        kept: Duration,
    },
}

impl Finding {
    /// The kernel's or deadpeer's word for it, for JSON and for searching.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::OneLostProbeKills { .. } => "one-lost-probe-kills",
            Self::TooFewLostSurvived { .. } => "too-few-lost-survived",
            Self::Supervised => "supervised",
            Self::KeepcntIgnored { .. } => "keepcnt-ignored",
            Self::MiddleboxForgets { .. } => "middlebox-forgets",
            Self::NotInherited => "not-inherited",
            Self::ArmedTimerDiffers { .. } => "armed-timer-differs",
            Self::EndsLater { .. } => "ends-later",
            Self::WaitsForFin => "waits-for-fin",
            Self::NotClosed { .. } => "not-closed",
            Self::AcceptQueueFull { .. } => "accept-queue-full",
            Self::LosesAtClose { .. } => "loses-at-close",
            Self::StaysAfterClose { .. } => "stays-after-close",
        }
    }

    /// What the settings alone show. At least `survive_lost` probes in a row are to be survived if
    /// they are lost.
    pub fn of_settings(
        options: &Effective,
        forecast: &Forecast,
        survive_lost: u32,
    ) -> impl Iterator<Item = Self> + use<> {
        let &Effective {
            user_timeout_ms,
            keepcnt,
            ..
        } = options;
        let survived = forecast.lost_probes_survived.filter(|_| options.keepalive);
        let lost_probe = survived.and_then(|survived| match survived {
            0 => Some(Self::OneLostProbeKills { user_timeout_ms }),
            _ if survived < survive_lost => Some(Self::TooFewLostSurvived {
                survived,
                wanted: survive_lost,
            }),
            _ => None,
        });
        let ignored = user_timeout_ms.and(survived).and_then(|survived| {
            let probes = survived.saturating_add(1);
            (probes != keepcnt).then_some(Self::KeepcntIgnored { keepcnt, probes })
        });
        lost_probe.into_iter().chain(ignored)
    }

    /// Whether deadpeer supervises it ([`Supervision::recognizes`]).
    #[must_use]
    pub fn of_supervision(options: &Effective, kernel: &Kernel) -> Option<Self> {
        Supervision::recognizes(options, kernel).then_some(Self::Supervised)
    }

    /// What becomes of the connection once its program has closed it.
    pub fn of_close(told: &AfterClose) -> impl Iterator<Item = Self> + use<> {
        let &AfterClose {
            outage_survived,
            kept,
            ..
        } = told;
        let loses =
            (outage_survived < ORDINARY_OUTAGE).then_some(Self::LosesAtClose { outage_survived });
        let stays = (kept > LONG_AFTER_CLOSE).then_some(Self::StaysAfterClose { kept });
        loses.into_iter().chain(stays)
    }

    /// Whether a middlebox with this idle limit would forget the connection of this snapshot.
    #[must_use]
    pub fn of_middlebox(options: &Effective, snapshot: &Snapshot, limit: Duration) -> Option<Self> {
        let keepidle_s = options.keepalive.then_some(options.keepidle_s);
        let silence = keepidle_s.map(|s| {
            let armed = Self::of_armed_timer(options, snapshot).and(snapshot.armed);
            let first_probe = armed.map_or(Duration::ZERO, |armed| {
                snapshot.heard_ago.unwrap_or_default() + armed.expires_in
            });
            first_probe.max(Duration::from_secs(s.into()))
        });
        let speaks_in_time = silence.is_some_and(|silence| silence < limit);
        (!speaks_in_time).then_some(Self::MiddleboxForgets {
            keepidle_s: silence.map(whole_seconds_up),
            limit,
        })
    }

    /// Whether the armed timer contradicts the settings.
    ///
    /// Only a wait longer than the settings allow proves it: a shorter one may be the rest of a
    /// longer silence.
    #[must_use]
    pub fn of_armed_timer(options: &Effective, snapshot: &Snapshot) -> Option<Self> {
        let armed = snapshot
            .armed
            .filter(|armed| armed.timer == Timer::Keepalive && !snapshot.orphan)?;
        let setting_s = if snapshot.probes_out > 0 {
            options.keepintvl_s
        } else {
            // After an answered probe the interval runs on.
            options.keepidle_s.max(options.keepintvl_s)
        };
        // A tick of the slowest clock for what the kernel rounds.
        let longest = Duration::from_secs(u64::from(setting_s)) + Duration::from_millis(10);
        (options.keepalive && armed.expires_in > longest).then_some(Self::ArmedTimerDiffers {
            left: armed.expires_in,
            setting_s,
        })
    }

    /// Whether the connection ends `ends` from now, its peer being gone, and so later than anything
    /// that its settings promise of the silence it is in.
    #[must_use]
    pub fn of_end(forecast: &Forecast, snapshot: &Snapshot, ends: Option<Notice>) -> Option<Self> {
        let silence = snapshot.silence()?;
        let retransmits = match silence {
            Silence::InFlight | Silence::ZeroWindow | Silence::Connecting => true,
            // Until our FIN is acknowledged.
            Silence::AfterFin => {
                Silence::still_to_come(snapshot.state).contains(&Silence::InFlight)
            }
            Silence::Idle | Silence::LateWrite => false,
        };
        match (ends?, forecast.outlook(silence).worst) {
            (Notice::Within(ends), Notice::Within(promised)) if retransmits => {
                let earliest = ends.earliest;
                (earliest > promised.latest).then_some(Self::EndsLater { earliest })
            }
            _ => None,
        }
    }

    /// What the state alone shows, of a connection with a descriptor.
    #[must_use]
    pub fn of_state(snapshot: &Snapshot) -> Option<Self> {
        let held = !snapshot.orphan;
        if snapshot.state == TcpState::FinWait2 && held {
            return Some(Self::WaitsForFin);
        }
        let closed = snapshot.state == TcpState::CloseWait;
        let quiet = snapshot.silence() == Some(Silence::Idle);
        let since = snapshot.heard_ago.filter(|_| closed && quiet)?;
        // It may have much to say yet.
        let speaks = snapshot.sent_ago.is_some_and(|sent| sent < since);
        (since >= LONG_UNCLOSED && !speaks).then_some(Self::NotClosed { since })
    }

    /// Whether more connections wait to be accepted than may.
    #[must_use]
    pub fn of_accept_queue(waiting: u32, allowed: u32) -> Option<Self> {
        (waiting > allowed).then_some(Self::AcceptQueueFull { waiting, allowed })
    }
}

fn whole_seconds_up(time: Duration) -> u32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kernel, SocketOptions};

    const S: fn(u64) -> Duration = Duration::from_secs;

    /// A connection on which keepalive is on, and the kernel that it is on.
    fn probing(idle: u32, interval: u32, count: u32) -> (Effective, Kernel) {
        let kernel = Kernel::modern(Some(250));
        let mut options = Effective::untouched(&kernel.sysctls);
        options.keepalive = true;
        (options.keepidle_s, options.keepintvl_s, options.keepcnt) = (idle, interval, count);
        (options, kernel)
    }

    fn of_settings(options: &Effective, kernel: &Kernel, survive_lost: u32) -> Vec<&'static str> {
        let told = Forecast::promised(options, S(1), kernel);
        Finding::of_settings(options, &told, survive_lost)
            .map(Finding::code)
            .collect()
    }

    /// grpc-go: a user timeout of 20 s with Go's keepalive.
    #[test]
    fn one_lost_probe_is_fatal_by_a_user_timeout_or_by_a_count_of_one() {
        let (mut options, kernel) = probing(15, 15, 9);
        assert_eq!(of_settings(&options, &kernel, 8), [""; 0]);
        assert_eq!(of_settings(&options, &kernel, 9), ["too-few-lost-survived"]);
        options.user_timeout_ms = Some(20_000);
        assert_eq!(
            of_settings(&options, &kernel, 0),
            ["one-lost-probe-kills", "keepcnt-ignored"]
        );
        options.user_timeout_ms = Some(46_000);
        assert_eq!(
            of_settings(&options, &kernel, 3),
            ["too-few-lost-survived", "keepcnt-ignored"]
        );
        let (options, kernel) = probing(60, 10, 1);
        assert_eq!(of_settings(&options, &kernel, 0), ["one-lost-probe-kills"]);
        let off = Effective::untouched(&kernel.sysctls);
        assert_eq!(of_settings(&off, &kernel, 2), [""; 0]);
    }

    fn armed(state: TcpState, timer: Timer, seconds: u64) -> Snapshot {
        let mut snapshot = Snapshot::new(state);
        snapshot.heard_ago = Some(S(10));
        snapshot.armed = Some(crate::forecast::Armed {
            timer,
            expires_in: S(seconds),
            level: None,
        });
        snapshot
    }

    #[test]
    fn a_middlebox_hears_the_timer_that_is_armed() {
        let (options, _) = probing(5, 2, 3);
        let forgets = |seconds| {
            let snapshot = armed(TcpState::Established, Timer::Keepalive, seconds);
            Finding::of_middlebox(&options, &snapshot, S(240))
        };
        assert_eq!(forgets(4), None);
        assert_eq!(
            forgets(7_000),
            Some(Finding::MiddleboxForgets {
                keepidle_s: Some(7_010),
                limit: S(240)
            })
        );
    }

    #[test]
    fn a_retransmission_armed_far_ahead_ends_later_than_the_settings_say() {
        let (mut options, kernel) = probing(9, 1, 3);
        options.rto_max_ms = Some(1_000);
        let mut snapshot = armed(TcpState::Established, Timer::Retransmit, 102);
        snapshot.in_flight = true;
        (snapshot.retransmits, snapshot.backoff) = (9, 9);
        snapshot.rto = Some(S(102));
        let found = |snapshot: &Snapshot, options: &Effective| {
            let told = Forecast::of(options, snapshot, &kernel);
            Finding::of_end(&told, snapshot, snapshot.ends(options, &kernel))
        };
        for state in [TcpState::Established, TcpState::LastAck, TcpState::Closing] {
            snapshot.state = state;
            let Some(Finding::EndsLater { earliest }) = found(&snapshot, &options) else {
                panic!("{state:?} ends in time");
            };
            assert!((S(101)..S(103)).contains(&earliest), "{earliest:?}");
        }
        // Ordinary, however long it takes.
        let untouched = Effective::untouched(&kernel.sysctls);
        assert_eq!(found(&snapshot, &untouched), None);
    }

    #[test]
    fn states_that_a_program_leaves_open() {
        let mut waiting = Snapshot::new(TcpState::CloseWait);
        waiting.heard_ago = Some(S(9));
        assert_eq!(Finding::of_state(&waiting), None);
        waiting.heard_ago = Some(S(900));
        let since = S(900);
        assert_eq!(
            Finding::of_state(&waiting),
            Some(Finding::NotClosed { since })
        );
        // It goes on sending.
        waiting.sent_ago = Some(S(1));
        assert_eq!(Finding::of_state(&waiting), None);
        waiting.sent_ago = None;
        waiting.in_flight = true;
        assert_eq!(Finding::of_state(&waiting), None);
        let mut half = Snapshot::new(TcpState::FinWait2);
        assert_eq!(Finding::of_state(&half), Some(Finding::WaitsForFin));
        half.orphan = true;
        assert_eq!(Finding::of_state(&half), None);
        assert!(Finding::of_accept_queue(2, 2).is_none());
        let full = Finding::of_accept_queue(3, 2).expect("one too many");
        assert!(full.to_string().starts_with("3 of 2 wait"), "{full}");
    }

    fn at_close(options: &SocketOptions, kernel: &Kernel) -> Vec<String> {
        let options = options.resolve(&kernel.sysctls);
        let told = Forecast::promised(&options, Duration::from_secs(1), kernel);
        Finding::of_close(&told.after_close)
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn untouched_sockets_lose_nothing_and_go() {
        for mut kernel in [Kernel::modern(None), Kernel::before_rto_max(Some(250))] {
            kernel.hz = None;
            let options = SocketOptions::default();
            assert_eq!(at_close(&options, &kernel), [""; 0]);
            let untouched = options.resolve(&kernel.sysctls);
            let told = Forecast::promised(&untouched, Duration::from_secs(1), &kernel);
            assert!(told.after_close.outage_survived > Duration::from_secs(45));
        }
    }

    #[test]
    fn a_small_rto_max_loses_what_was_written_last() {
        let capped = |ms| SocketOptions {
            rto_max_ms: Some(ms),
            ..SocketOptions::default()
        };
        assert_eq!(
            at_close(&capped(1_000), &Kernel::modern(Some(1000))),
            ["what is written just before close() may be lost in an outage of more than 0.5 s"]
        );
        assert_eq!(
            at_close(&capped(20_000), &Kernel::modern(Some(1000))),
            [""; 0]
        );
    }

    #[test]
    fn a_sysctl_loses_it_for_everybody() {
        let mut kernel = Kernel::modern(Some(1000));
        kernel.sysctls.orphan_retries = 1;
        let findings = at_close(&SocketOptions::default(), &kernel);
        assert!(
            findings[0].contains("may be lost in an outage"),
            "{findings:?}"
        );
    }

    #[test]
    fn a_user_timeout_of_days_keeps_orphans_for_days() {
        let limited = |ms| SocketOptions {
            user_timeout_ms: Some(ms),
            ..SocketOptions::default()
        };
        assert_eq!(
            at_close(&limited(1 << 30), &Kernel::modern(Some(1000))),
            ["closed with its peer gone it stays in the kernel for 12.5 days at most"]
        );
        let findings = at_close(&limited(5 * 3_600_000), &Kernel::modern(Some(1000)));
        assert!(findings[0].contains("hours at most"), "{findings:?}");
    }
}
