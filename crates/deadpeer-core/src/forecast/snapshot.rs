//! What a forecast may know about a connection at the moment asked about.

use std::time::Duration;

use super::case::RTO_MIN_MS;
use super::notice::Silence;
use crate::state::TcpState;
use crate::tcp_info::{CaState, Negotiated, TcpInfo};

/// So many segments of a connection are not paced (net/ipv4/tcp_output.c,
/// `tcp_update_skb_after_send`).
const UNPACED: u32 = 10;
/// So many are sent at once at a low rate (`tcp_min_tso_segs`).
const NEW_DATA: u32 = 2;
/// Less is no jiffy at any clock rate.
const LEAST_DELAY: Duration = Duration::from_millis(1);

/// The timer the kernel has armed for a connection, as sock_diag shows it (net/ipv4/inet_diag.c).
///
/// It shows one: the keepalive timer is hidden while any other is armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// Retransmission, or the tail-loss probe before it.
    Retransmit,
    /// Keepalive; after close() also the end of FIN_WAIT2.
    Keepalive,
    /// The end of TIME_WAIT, or of FIN_WAIT2 after close().
    TimeWait,
    /// A probe of a closed window.
    ZeroWindowProbe,
}

/// An armed timer and its unrounded expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Armed {
    /// Which timer.
    pub timer: Timer,
    /// Time until its nominal expiry; it fires up to an eighth of its whole wait later.
    pub expires_in: Duration,
    /// The level of the timer wheel it waits in, from which the moment of its firing follows
    /// (kernel/time/timer.c): eBPF tells it, sock_diag does not.
    pub level: Option<u32>,
}

/// A connection at one moment. Unknown is `None`, and widens the forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Snapshot {
    /// The state of the connection.
    pub state: TcpState,
    /// No descriptor is left: the application closed it, the kernel finishes alone.
    pub orphan: bool,
    /// Time since anything was heard: the younger of `tcpi_last_data_recv` and
    /// `tcpi_last_ack_recv`.
    pub heard_ago: Option<Duration>,
    /// Time since data was last received (`tcpi_last_data_recv`); of a connection without any,
    /// since it was made.
    pub received_ago: Option<Duration>,
    /// Unanswered keepalive or window probes (`tcpi_probes`).
    pub probes_out: u32,
    /// Retransmission timeouts since the last progress (`tcpi_retransmits`).
    pub retransmits: u32,
    /// Doublings in force (`tcpi_backoff`).
    pub backoff: u32,
    /// The retransmission timeout, doublings included (`tcpi_rto`).
    pub rto: Option<Duration>,
    /// The smoothed round trip (`tcpi_rtt`).
    pub srtt: Option<Duration>,
    /// Whether a tail-loss probe may precede the first retransmission (RFC 8985; needs SACK).
    pub tail_loss_probe: Option<bool>,
    /// Whether that probe of the data in flight was sent already.
    pub tail_loss_probe_sent: Option<bool>,
    /// Time since data was last sent, retransmissions counted in (`tcpi_last_data_sent`).
    pub sent_ago: Option<Duration>,
    /// Data or a FIN is unacknowledged (`tcpi_unacked`).
    pub in_flight: bool,
    /// How many segments that is.
    pub segments_in_flight: Option<u32>,
    /// No loss was seen yet: the slow-start threshold is infinite (`tcpi_snd_ssthresh`).
    pub initial_slow_start: Option<bool>,
    /// Data waits to be sent (`tcpi_notsent_bytes`).
    pub unsent: bool,
    /// The peer's window is closed (`tcpi_snd_wnd`).
    pub zero_window: Option<bool>,
    /// Time since the first retransmission timeout of the current run.
    pub first_timeout_ago: Option<Duration>,
    /// The most that can be, where earlier runs are counted in.
    pub first_timeout_within: Option<Duration>,
    /// Segments were sent again before the first timeout of the current run, by fast retransmission
    /// or in a run that an acknowledgement cut short. The clock of the user timeout and of
    /// `tcp_retries2` then runs since.
    pub sent_again_before: bool,
    /// There were timeouts before the current run. If that follows the last acknowledgement at
    /// once, it may belong to the same recovery, and the clock run since that began.
    pub timed_out_before: bool,
    /// How far ahead of the present moment a sender that paces itself may have stamped what it sent
    /// last, at most: so much later the clock may start, and the first timeout come.
    #[doc(alias = "tcp_wstamp_ns")]
    pub stamped_ahead: Option<Duration>,
    /// Time since the clock started that the user timeout and `tcp_retries2` go by, of the segments
    /// in flight (`tp->retrans_stamp`): eBPF reads it, the other fields only bound it.
    #[doc(alias = "retrans_stamp")]
    pub clock_started_ago: Option<Duration>,
    /// Time until that clock starts: a sender that paces itself may have stamped what it sent again
    /// with a moment to come.
    pub clock_starts_in: Option<Duration>,
    /// Time since the first probe of a window that is closed still (`icsk_probes_tstamp`, Linux
    /// 5.11), by which the user timeout goes then: eBPF reads it.
    #[doc(alias = "icsk_probes_tstamp")]
    pub window_probed_ago: Option<Duration>,
    /// Whether an ICMP error came for the connection (`sk_err_soft`); without eBPF the kernel shows
    /// it nowhere.
    pub icmp_error: Option<bool>,
    /// The armed timer, where sock_diag was asked.
    pub armed: Option<Armed>,
    /// The jiffies counter at this moment, where known: firing times become exact.
    pub jiffies: Option<u64>,
}

impl Snapshot {
    /// A connection in `state` of which nothing more is known.
    #[must_use]
    pub fn new(state: TcpState) -> Self {
        Self {
            state,
            orphan: false,
            heard_ago: None,
            received_ago: None,
            probes_out: 0,
            retransmits: 0,
            backoff: 0,
            rto: None,
            srtt: None,
            tail_loss_probe: None,
            tail_loss_probe_sent: None,
            sent_ago: None,
            in_flight: false,
            segments_in_flight: None,
            initial_slow_start: None,
            unsent: false,
            zero_window: None,
            first_timeout_ago: None,
            first_timeout_within: None,
            sent_again_before: false,
            timed_out_before: false,
            stamped_ahead: None,
            clock_started_ago: None,
            clock_starts_in: None,
            window_probed_ago: None,
            icmp_error: None,
            armed: None,
            jiffies: None,
        }
    }

    /// The moment at which `info` was read.
    ///
    /// `tcpi_total_rto_time` (Linux 6.7) tells when the first timeout of the current run was, if it
    /// is the connection's first run; in a later one it bounds it.
    #[must_use]
    pub fn from_info(info: &TcpInfo) -> Self {
        let known = |n: Option<u32>| n.unwrap_or(0);
        let us = |n: Option<u32>| n.map(|us| Duration::from_micros(u64::from(us)));
        let ms = |n: Option<u32>| n.map(|ms| Duration::from_millis(u64::from(ms)));
        let retransmits = u32::from(info.retransmits.unwrap_or(0));
        let in_run = retransmits > 0;
        let first_run = in_run && info.total_rto_recoveries == Some(1);
        let recovering = match info.ca_state {
            Some(CaState::Recovery | CaState::Loss) => true,
            // What was sent again may be open still (net/ipv4/tcp_input.c, `tcp_try_keep_open`).
            Some(CaState::Disorder) => info.total_retrans != Some(0),
            Some(CaState::Open | CaState::Cwr) | None => false,
        };
        let sack = info.options.map(Negotiated::sack);
        let fast = known(info.total_retrans) > info.total_rto.map_or(u32::MAX, u32::from);
        Self {
            heard_ago: info.heard_ago(),
            received_ago: ms(info.last_data_recv_ms),
            probes_out: u32::from(info.probes.unwrap_or(0)),
            retransmits,
            backoff: u32::from(info.backoff.unwrap_or(0)),
            rto: us(info.rto_us),
            srtt: us(info.rtt_us),
            tail_loss_probe: sack,
            tail_loss_probe_sent: (info.total_retrans == Some(0)).then_some(false),
            sent_ago: ms(info.last_data_sent_ms),
            in_flight: known(info.unacked) > 0,
            segments_in_flight: info.unacked.filter(|segments| *segments > 0),
            initial_slow_start: Some(info.snd_ssthresh.is_none()),
            unsent: known(info.notsent_bytes) > 0,
            zero_window: info.snd_wnd.map(|window| window == 0),
            first_timeout_ago: info
                .total_rto_time_ms
                .filter(|_| first_run)
                .and_then(|n| ms(Some(n))),
            first_timeout_within: info
                .total_rto_time_ms
                .filter(|_| in_run && !first_run)
                .and_then(|n| ms(Some(n))),
            sent_again_before: if in_run {
                fast && (known(info.sacked) > 0 || sack == Some(false))
            } else {
                recovering || known(info.retrans) > 0
            },
            timed_out_before: in_run && timed_out_before(info, retransmits),
            stamped_ahead: ahead_at_most(info, retransmits),
            ..Self::new(info.state.unwrap_or(TcpState::Close))
        }
    }

    /// The kind of silence it would be if the peer vanished at this moment and the application did
    /// nothing. `None` for a listener and a connection that is over.
    #[must_use]
    pub fn silence(&self) -> Option<Silence> {
        Some(match self.state {
            TcpState::SynSent | TcpState::SynRecv | TcpState::NewSynRecv => Silence::Connecting,
            TcpState::FinWait1
            | TcpState::FinWait2
            | TcpState::LastAck
            | TcpState::Closing
            | TcpState::TimeWait => Silence::AfterFin,
            TcpState::Established | TcpState::CloseWait => self.silence_when_open(),
            TcpState::Listen | TcpState::Close => return None,
        })
    }

    fn silence_when_open(&self) -> Silence {
        match (self.in_flight, self.unsent, self.zero_window) {
            (false, false, _) => Silence::Idle,
            (false, true, Some(true) | None) => Silence::ZeroWindow,
            (true, _, _) | (false, true, Some(false)) => Silence::InFlight,
        }
    }
}

/// Before Linux 6.7 nothing counts timeouts alone: what was sent again besides, but for one
/// tail-loss probe, may have been one.
fn timed_out_before(info: &TcpInfo, retransmits: u32) -> bool {
    match info.total_rto {
        Some(timeouts) => u32::from(timeouts) > retransmits,
        None => info.total_retrans.is_some_and(|all| all > retransmits + 1),
    }
}

/// How far ahead the clock of a sender that paces itself may start, at most, if its next segment
/// would be stamped with a moment `until_next` from now, and each takes so long.
///
/// Each segment that is sent moves the moment of the next by its length over the pacing rate
/// (net/ipv4/tcp_output.c, `tcp_update_skb_after_send`). Data and fast retransmissions wait for
/// that moment; timeouts and tail-loss probes don't, and so push it on, while the timer is put off
/// by it up to the largest RTO and no further (include/net/tcp.h, `tcp_pacing_delay`).
#[must_use]
pub fn stamped_ahead(until_next: Duration, segment: Option<Duration>) -> Option<Duration> {
    // New data and a tail-loss probe may go out before the first timeout.
    let ahead = until_next + segment.unwrap_or_default() * (NEW_DATA + 1);
    (ahead >= LEAST_DELAY).then_some(ahead)
}

/// How long a segment of so many bytes takes at a pacing rate. `None`: its sender is not paced, or
/// by nothing that counts. The rate of who is not follows from window and round trip
/// (net/ipv4/tcp_input.c, `tcp_update_pacing_rate`): one segment in each at least.
#[must_use]
pub fn paced_segment(bytes_per_s: u64, bytes: u32, round_trip: Duration) -> Option<Duration> {
    let segment = Duration::from_secs_f64(f64::from(bytes) / bytes_per_s.max(1) as f64);
    (segment > round_trip && segment >= LEAST_DELAY).then_some(segment)
}

/// TCP_INFO does not show the moment of the next segment, but every timeout so far may have pushed
/// it on.
fn ahead_at_most(info: &TcpInfo, retransmits: u32) -> Option<Duration> {
    let is_paced = info.data_segs_out.is_none_or(|sent| sent >= UNPACED);
    let round_trip = match info.max_pacing_rate {
        Some(_) => Duration::ZERO,
        None => Duration::from_micros(info.rtt_us.unwrap_or(0).into()),
    };
    let rate = info.pacing_rate.filter(|_| is_paced)?;
    let segment = paced_segment(rate, info.snd_mss?, round_trip)?;
    // Timeouts are further apart than this.
    let adds_up = segment >= Duration::from_millis(RTO_MIN_MS.into());
    let timeouts = info.total_rto.map(u32::from).or(info.total_retrans);
    let earlier = timeouts.unwrap_or(0).saturating_sub(retransmits);
    stamped_ahead(segment * if adds_up { earlier } else { 0 }, Some(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read by eBPF, the clock of a recovery was 27 s old in Disorder, with no timeout since.
    #[test]
    fn the_clock_of_a_recovery_may_go_on_in_disorder() {
        for (ca_state, total_retrans, may_go_on) in [
            (CaState::Open, 3, false),
            (CaState::Disorder, 0, false),
            (CaState::Disorder, 3, true),
            (CaState::Recovery, 3, true),
        ] {
            let info = TcpInfo {
                ca_state: Some(ca_state),
                total_retrans: Some(total_retrans),
                ..TcpInfo::default()
            };
            let told = Snapshot::from_info(&info).sent_again_before;
            assert_eq!(told, may_go_on, "{ca_state:?}, {total_retrans}");
        }
    }
}
