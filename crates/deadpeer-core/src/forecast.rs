//! When would the kernel declare a connection dead whose peer vanished?
//!
//! The forecast follows the kernel's own timers, their rounding included, one file for each:
//! `idle.rs` (keepalive), `retransmission.rs`, `zero_window.rs` (window probes), `connecting.rs`
//! (SYN). `orphan.rs` (close()). Each names the kernel function whose rule it follows. `rto.rs`
//! finds the worst case where the path may have any RTO.
//!
//! With the jiffies counter and the clock rate known ([`Snapshot::jiffies`], [`Kernel::hz`]) a
//! moment of death is told to two jiffies, wherever the connection's past leaves one answer;
//! without them it is an interval that contains it.

mod at_once;
mod case;
mod chain;
mod closing;
mod connecting;
mod idle;
mod notice;
mod orphan;
mod paths;
mod retransmission;
mod rto;
mod snapshot;
mod waiting;
mod waits;
mod worst;
mod zero_window;

pub use case::RTO_MIN_MS;
pub use notice::{Notice, Silence, Span};
pub use orphan::AfterClose;
pub(crate) use paths::{Paths, Prepared};
pub use retransmission::model_timeout_ms;
pub use snapshot::{Armed, Snapshot, Timer, paced_segment, stamped_ahead};
pub use waiting::{Awaited, Waiting};

use std::time::Duration;

use crate::kernel::Kernel;
use crate::options::Effective;
use crate::wheel::{Stretch, Wheel};
use case::{Case, highest_rto};

/// The answer for one kind of silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// If the peer vanished at the snapshot's moment and this kind of silence followed; `None`
    /// where the connection's state rules it out.
    pub now: Option<Notice>,
    /// If the peer vanished at the worst moment of this kind of silence, counted from that moment.
    /// Where the RTO is not known, the worst of all from `tcp_rto_min_us` to 1 s, which is not
    /// always the largest.
    pub worst: Notice,
}

/// What the settings of a connection promise about a peer that vanishes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Forecast {
    /// Nothing in flight, nothing written.
    pub idle: Outlook,
    /// Data in flight; `now` for an idle connection: one write at this moment.
    pub in_flight: Outlook,
    /// A write just before keepalive's verdict, counted from the moment the peer vanished.
    pub late_write: Outlook,
    /// The peer's window closed and data waiting.
    pub zero_window: Outlook,
    /// connect() without an answer.
    pub connecting: Outlook,
    /// Our FIN sent, the descriptor kept; `now` for an idle connection: shutdown() at this moment.
    pub after_fin: Outlook,
    /// The same after close(), and what becomes of what was written last.
    pub after_close: AfterClose,
    /// Keepalive probes that can be lost without the connection being given up; `None`: none are
    /// sent.
    pub lost_probes_survived: Option<u32>,
    /// When a live peer that does not read is killed, counted from the moment its window closed.
    pub slow_reader: Notice,
    /// Keepalive packets an hour, both ways, while the connection is idle and the peer answers.
    pub packets_per_idle_hour: f64,
}

impl Forecast {
    /// The forecast for a connection with these settings, at this moment, on this kernel.
    #[must_use]
    pub fn of(options: &Effective, snapshot: &Snapshot, kernel: &Kernel) -> Self {
        let at = |hz| {
            let wheel = Wheel::new(hz, snapshot.jiffies);
            let case = Case::new(options, snapshot, kernel, wheel, highest_rto());
            case.forecast(&case.clocks())
        };
        let (hz, others) = kernel.clock_rates();
        others.iter().fold(at(hz), |all, hz| all.or(at(*hz)))
    }

    /// What these settings promise of every connection whose RTO is at most `highest_rto`: the
    /// worst of all.
    #[must_use]
    pub fn promised(options: &Effective, highest_rto: Duration, kernel: &Kernel) -> Self {
        Paths::new(highest_rto, kernel)
            .prepare(options)
            .forecast(options)
    }

    /// The answer for one kind of silence.
    #[must_use]
    pub fn outlook(&self, silence: Silence) -> Outlook {
        match silence {
            Silence::Idle => self.idle,
            Silence::InFlight => self.in_flight,
            Silence::LateWrite => self.late_write,
            Silence::ZeroWindow => self.zero_window,
            Silence::Connecting => self.connecting,
            Silence::AfterFin => self.after_fin,
        }
    }

    /// Two forecasts of which one holds: the spans that contain both.
    fn or(self, other: Self) -> Self {
        let outlook = |a: Outlook, b: Outlook| Outlook {
            now: a.now.zip(b.now).map(|(a, b)| a.or(b)),
            worst: a.worst.or(b.worst),
        };
        Self {
            idle: outlook(self.idle, other.idle),
            in_flight: outlook(self.in_flight, other.in_flight),
            late_write: outlook(self.late_write, other.late_write),
            zero_window: outlook(self.zero_window, other.zero_window),
            connecting: outlook(self.connecting, other.connecting),
            after_fin: outlook(self.after_fin, other.after_fin),
            after_close: self.after_close.or(other.after_close),
            lost_probes_survived: self.lost_probes_survived.min(other.lost_probes_survived),
            slow_reader: self.slow_reader.or(other.slow_reader),
            packets_per_idle_hour: self.packets_per_idle_hour,
        }
    }
}

/// The worst cases that keepalive plays no part in.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    data: Stretch,
    closed_window: Stretch,
    slow_reader: Option<Stretch>,
    after_close: orphan::Ends,
}

impl Case<'_> {
    fn clocks(self) -> Clocks {
        let case = self.blurred();
        Clocks {
            data: case.latest(Self::new_data),
            closed_window: case.latest(Self::closed_window_worst),
            slow_reader: case.slow_reader_killed(),
            after_close: case.after_close(),
        }
    }

    fn forecast(self, clocks: &Clocks) -> Forecast {
        let silence = self.snapshot.silence();
        let is = |kind| silence == Some(kind);
        let now = |holds: bool, at: &dyn Fn() -> Option<Stretch>| holds.then(|| self.notice(at()));
        let present = |kind| now(is(kind), &|| self.ends_in(kind));

        let keepalive = self.idle_worst();
        let idle_worst = keepalive.map(|verdict| verdict.at);
        let data_worst = clocks.data;
        let late = |idle: Option<Stretch>| idle.map(|idle| idle.plus(-1).then(data_worst));

        Forecast {
            idle: Outlook {
                now: present(Silence::Idle),
                worst: self.notice(idle_worst),
            },
            in_flight: Outlook {
                now: now(is(Silence::Idle), &|| Some(self.new_data()))
                    .or(present(Silence::InFlight)),
                worst: self.notice(Some(data_worst)),
            },
            late_write: Outlook {
                now: now(is(Silence::Idle), &|| late(self.ends_in(Silence::Idle))),
                worst: self.notice(late(idle_worst)),
            },
            zero_window: Outlook {
                now: present(Silence::ZeroWindow),
                worst: self.notice(Some(clocks.closed_window)),
            },
            connecting: Outlook {
                now: present(Silence::Connecting),
                worst: self.notice(Some(self.blurred().connect())),
            },
            after_fin: Outlook {
                now: now(is(Silence::Idle), &|| Some(self.new_data()))
                    .or(present(Silence::AfterFin)),
                worst: self.notice(idle_worst.map(|idle| idle.later_of(data_worst))),
            },
            after_close: clocks.after_close.told(self.wheel),
            lost_probes_survived: keepalive.map(|verdict| verdict.survives()),
            slow_reader: self.notice(clocks.slow_reader),
            packets_per_idle_hour: self.packets_per_idle_hour(),
        }
    }

    fn notice(&self, at: Option<Stretch>) -> Notice {
        at.map_or(Notice::Never, |at| Notice::Within(Span::of(at, self.wheel)))
    }
}
