//! The forecast that stands beside what was measured.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use deadpeer_core::forecast::Span;
use deadpeer_core::{Forecast, Kernel, Notice, TcpInfo};
use deadpeer_sys::clock::{self, JiffiesClock};
use deadpeer_sys::sock_diag::{Request, SockDiag, States};
use deadpeer_sys::{kernel_version, sockopt};

use super::{ExperimentError, Foretold, Link, Outcome};
use crate::host::Host;
use crate::state::State;

/// The first write into the silence comes so late at most, in [`State::OneWrite`] and in
/// [`State::Sending`].
const WRITE_WITHIN: Duration = Duration::from_millis(120);

/// What is foretold for a connection at the moment of the fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    notice: Notice,
    rto: Duration,
}

/// Foretells every connection from the table of the host's kernel, as an audit does.
pub(crate) fn expect(
    host: &Host,
    kernel: &Kernel,
    links: &[Link],
) -> Result<HashMap<u32, Expected>, ExperimentError> {
    let mut snapshots = HashMap::new();
    let request = Request {
        states: States::ALL,
        tcp_info: true,
    };
    let jiffies = JiffiesClock::calibrate().ok();
    let dumped = host.enter(|| {
        let mut table = SockDiag::open().map_err(|error| error.to_string())?;
        let dump = table.dump(request, |socket| {
            let info = socket
                .tcp_info
                .map(|bytes| TcpInfo::decode(bytes, kernel_version()));
            snapshots.insert(socket.cookie, socket.snapshot(info.as_ref()));
            ControlFlow::Continue(())
        });
        dump.map_err(|error| error.to_string())
    })?;
    dumped.map_err(ExperimentError::Kernel)?;
    let now = clock::monotonic();
    let mut expected = HashMap::new();
    for link in links {
        let Some(mut snapshot) = snapshots.get(&sockopt::cookie(link)?).copied() else {
            continue;
        };
        snapshot.jiffies = jiffies.map(|clock| clock.at(now).jiffy);
        let effective = sockopt::effective(link)?;
        let rto = snapshot.rto.unwrap_or(Duration::from_secs(1));
        let forecast = Forecast::of(&effective, &snapshot, kernel);
        let notice = match link.state {
            State::Idle | State::OnlyReading | State::HalfClosedByPeer => forecast.idle.now,
            State::OneWrite => forecast
                .in_flight
                .now
                .map(|notice| later(notice, WRITE_WITHIN)),
            // Who writes on puts the tail-loss probe off until the retransmission timeout takes its
            // place, so that the clock starts up to an RTO earlier (net/ipv4/tcp_output.c,
            // `tcp_schedule_loss_probe`).
            State::Sending => forecast
                .in_flight
                .now
                .map(|notice| earlier(later(notice, WRITE_WITHIN), rto)),
            State::ZeroWindow => forecast.zero_window.now,
            State::HalfClosedByUs => forecast.after_fin.now,
            State::Connecting => forecast.connecting.now,
        };
        if let Some(notice) = notice {
            expected.insert(link.id, Expected { notice, rto });
        }
    }
    Ok(expected)
}

impl Expected {
    /// The forecast for a method that lets the kernel decide, compared with what it noticed in an
    /// experiment of this length.
    pub(crate) fn of_kernel(&self, noticed: Option<&Outcome>, watched: Duration) -> Foretold {
        let span = match self.notice {
            Notice::Within(span) => Some(span),
            Notice::Never => None,
        };
        self.compare(span, noticed, watched)
    }

    /// The forecast for a judge in user space: it keeps its deadline, unless the kernel is earlier.
    pub(crate) fn of_judge(
        &self,
        deadline: Duration,
        noticed: Option<&Outcome>,
        watched: Duration,
    ) -> Foretold {
        let judged = Span {
            earliest: Duration::ZERO,
            latest: deadline,
        };
        let span = match self.notice {
            Notice::Within(span) if span.latest < deadline => span,
            Notice::Within(_) | Notice::Never => judged,
        };
        self.compare(Some(span), noticed, watched)
    }

    fn compare(
        &self,
        span: Option<Span>,
        noticed: Option<&Outcome>,
        watched: Duration,
    ) -> Foretold {
        let latest = span.map(|span| span.latest.as_secs_f64());
        let earliest = span.map(|span| span.earliest.as_secs_f64());
        let tolerance_s = latest.unwrap_or_default() * 0.03 + self.rto.as_secs_f64() + 0.1;
        let holds = match (earliest, latest, noticed) {
            (Some(earliest), Some(latest), Some(outcome)) => {
                (earliest - tolerance_s..=latest + tolerance_s).contains(&outcome.after_s)
            }
            // It would come after the experiment's end.
            (_, Some(latest), None) => latest + tolerance_s > watched.as_secs_f64(),
            (_, None, noticed) => noticed.is_none(),
            (None, Some(_), Some(_)) => false,
        };
        Foretold {
            earliest_s: earliest,
            latest_s: latest,
            tolerance_s,
            holds,
        }
    }
}

fn earlier(notice: Notice, by: Duration) -> Notice {
    match notice {
        Notice::Within(span) => Notice::Within(Span {
            earliest: span.earliest.saturating_sub(by),
            ..span
        }),
        Notice::Never => Notice::Never,
    }
}

fn later(notice: Notice, by: Duration) -> Notice {
    match notice {
        Notice::Within(span) => Notice::Within(Span {
            latest: span.latest + by,
            ..span
        }),
        Notice::Never => Notice::Never,
    }
}
