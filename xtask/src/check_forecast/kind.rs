//! What a connection is doing when its peer vanishes.

use deadpeer_core::Silence;

use super::dice::Dice;
use super::paths::Place;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Nothing.
    Idle,
    /// Nothing, and probes went unanswered already.
    AmidProbes,
    /// The same, and the interval is changed while a timer runs.
    IntervalChanged,
    /// Nothing; `tcp_keepalive_time` is changed while the timer runs.
    ArmedBySysctl,
    /// One write, right after.
    Write,
    /// One write, later.
    LateWrite,
    /// A write is in flight for a while, in the connection's first run of timeouts.
    FirstRun,
    /// In its second.
    SecondRun,
    /// In its third.
    ThirdRun,
    /// A write is in flight for a while whose sender paces itself at next to nothing: the clock of
    /// its timeouts starts late.
    Paced,
    /// The peer's window closed right before.
    ClosedWindow,
    /// The peer's window has been closed for a while.
    LongClosedWindow,
    /// connect() to a host that is gone.
    Connect,
    /// A client that vanishes before it hears of our SYN-ACK.
    Request,
    /// shutdown() right after: our FIN stays unacknowledged.
    Fin,
    /// Our FIN was acknowledged before.
    AcknowledgedFin,
    /// A write and close(): FIN_WAIT1 without a descriptor.
    ClosedWithData,
    /// The same, looked at in the midst of its timeouts.
    ClosedForAWhile,
    /// The peer's FIN came, then close(): LAST_ACK.
    LastAck,
    /// close() and the peer's FIN cross: CLOSING.
    Closing,
    /// close() was acknowledged: FIN_WAIT2.
    FinWait2,
    /// close() with data behind a closed window.
    ClosedBehindWindow,
    /// A response and close(); the path breaks, and mends just before the last retransmission.
    OutageSurvived,
    /// The same, but it mends just after.
    OutageNotSurvived,
}

/// Of a hundred and how many connections each kind gets one.
const WEIGHTS: [(Kind, u32); 24] = [
    (Kind::Idle, 16),
    (Kind::AmidProbes, 5),
    (Kind::IntervalChanged, 3),
    (Kind::ArmedBySysctl, 6),
    (Kind::Write, 13),
    (Kind::LateWrite, 6),
    (Kind::FirstRun, 6),
    (Kind::SecondRun, 7),
    (Kind::ThirdRun, 4),
    (Kind::Paced, 4),
    (Kind::ClosedWindow, 5),
    (Kind::LongClosedWindow, 3),
    (Kind::Connect, 7),
    (Kind::Request, 4),
    (Kind::Fin, 5),
    (Kind::AcknowledgedFin, 4),
    (Kind::ClosedWithData, 6),
    (Kind::ClosedForAWhile, 4),
    (Kind::LastAck, 3),
    (Kind::Closing, 2),
    (Kind::FinWait2, 4),
    (Kind::ClosedBehindWindow, 3),
    (Kind::OutageSurvived, 6),
    (Kind::OutageNotSurvived, 6),
];

impl Kind {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let mut left = dice.u32(0..WEIGHTS.iter().map(|(_, weight)| weight).sum());
        for (kind, weight) in WEIGHTS {
            if left < weight {
                return kind;
            }
            left -= weight;
        }
        Self::Idle
    }

    /// The kind of silence that follows.
    pub(super) fn silence(self) -> Silence {
        match self {
            Self::Idle | Self::AmidProbes | Self::IntervalChanged | Self::ArmedBySysctl => {
                Silence::Idle
            }
            Self::Write
            | Self::LateWrite
            | Self::FirstRun
            | Self::SecondRun
            | Self::ThirdRun
            | Self::Paced => Silence::InFlight,
            Self::ClosedWindow | Self::LongClosedWindow => Silence::ZeroWindow,
            Self::Connect | Self::Request => Silence::Connecting,
            Self::Fin
            | Self::AcknowledgedFin
            | Self::ClosedWithData
            | Self::ClosedForAWhile
            | Self::LastAck
            | Self::Closing
            | Self::FinWait2
            | Self::ClosedBehindWindow
            | Self::OutageSurvived
            | Self::OutageNotSurvived => Silence::AfterFin,
        }
    }

    /// Runs of timeouts before the one that is looked at.
    pub(super) fn earlier_runs(self) -> u32 {
        u32::from(self == Self::SecondRun) + 2 * u32::from(self == Self::ThirdRun)
    }

    /// Whether a connection comes to that point with so small a `tcp_retries2`.
    pub(super) fn is_reached_with(self, retries2: u32, has_user_timeout: bool) -> bool {
        if self == Self::LongClosedWindow {
            // Fewer give up a live peer that does not read.
            return retries2 >= 2;
        }
        // Fewer end it in an earlier run.
        self.earlier_runs() == 0 || has_user_timeout || retries2 >= 3
    }

    /// What lasts longer than all that comes before the peer vanishes for good.
    pub(super) fn shortest_user_timeout_ms(self) -> u32 {
        if self == Self::LongClosedWindow || self.earlier_runs() > 0 {
            6_000
        } else {
            300
        }
    }

    pub(super) fn is_orphan(self) -> bool {
        matches!(
            self,
            Self::ClosedWithData
                | Self::ClosedForAWhile
                | Self::LastAck
                | Self::Closing
                | Self::FinWait2
                | Self::ClosedBehindWindow
        ) || self.is_outage()
    }

    /// Whether the path mends again.
    pub(super) fn is_outage(self) -> bool {
        matches!(self, Self::OutageSurvived | Self::OutageNotSurvived)
    }

    /// Whether a rest of it stays in the kernel's table when the connection is over for the kernel,
    /// or before it is one.
    pub(super) fn outlives_its_connection(self) -> bool {
        matches!(self, Self::FinWait2 | Self::Request)
    }

    /// Whether what is in force when the peer vanishes was in force all the time, so that the worst
    /// case holds.
    pub(super) fn has_worst_case(self) -> bool {
        !self.is_orphan()
            && self.earlier_runs() == 0
            && !matches!(
                self,
                Self::IntervalChanged | Self::ArmedBySysctl | Self::Paced
            )
    }

    pub(super) fn is_amid_probes(self) -> bool {
        matches!(self, Self::AmidProbes | Self::IntervalChanged)
    }

    /// Whether no connection is established.
    pub(super) fn connects(self) -> bool {
        matches!(self, Self::Connect | Self::Request)
    }

    /// Whether the forecast is asked in the midst of timeouts.
    pub(super) fn is_within_a_run(self) -> bool {
        self == Self::FirstRun || self.earlier_runs() > 0
    }

    pub(super) fn place(self, dice: &mut Dice) -> Place {
        let window = [
            Self::ClosedWindow,
            Self::LongClosedWindow,
            Self::ClosedBehindWindow,
        ];
        if self == Self::Request {
            Place::Gone
        } else if self == Self::Closing {
            // The peer gives up its own FIN later than we give up ours.
            Place::Far(0)
        } else if window.contains(&self) || dice.bool() {
            // Filling a window waits for its acknowledgements.
            Place::Loopback
        } else {
            Place::Far(dice.u32(0..Place::FAR as u32) as usize)
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::AmidProbes => "amid probes",
            Self::IntervalChanged => "interval changed",
            Self::ArmedBySysctl => "sysctl changed",
            Self::Write => "write",
            Self::LateWrite => "late write",
            Self::FirstRun => "first timeouts",
            Self::SecondRun => "second timeouts",
            Self::ThirdRun => "third timeouts",
            Self::Paced => "paced timeouts",
            Self::ClosedWindow => "window just closed",
            Self::LongClosedWindow => "window long closed",
            Self::Connect => "connect",
            Self::Request => "request (SYN_RECV)",
            Self::Fin => "FIN in flight",
            Self::AcknowledgedFin => "FIN acknowledged",
            Self::ClosedWithData => "orphan FIN_WAIT1",
            Self::ClosedForAWhile => "same, for a while",
            Self::LastAck => "orphan LAST_ACK",
            Self::Closing => "orphan CLOSING",
            Self::FinWait2 => "orphan FIN_WAIT2",
            Self::ClosedBehindWindow => "orphan, window 0",
            Self::OutageSurvived => "outage survived",
            Self::OutageNotSurvived => "outage not survived",
        }
    }
}
