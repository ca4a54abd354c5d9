//! What the lines of `--json` are made of, shared by every verb.
//!
//! Field names are the kernel's where it has one, with the unit in the name. `null` means "unknown" or
//! "not set"; that something never happens is said by the word "never".

use deadpeer_core::{Forecast, Notice, Outlook, SocketOptions};
use serde::Serialize;
use std::io::Write;
use std::time::Duration;

/// Writes one line.
pub(crate) fn line(out: &mut impl Write, value: &impl Serialize) -> Result<(), crate::exit::Stop> {
    Ok(deadpeer_report::json::line(out, value)?)
}

/// When the kernel would give a connection up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "notice", rename_all = "snake_case")]
pub(crate) enum NoticeJson {
    /// Between these times after the peer vanished.
    Within {
        /// Not before, in milliseconds.
        earliest_ms: u64,
        /// Not later, in milliseconds.
        latest_ms: u64,
    },
    /// Never.
    Never,
}

/// The two answers about one kind of silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct OutlookJson {
    /// If the peer vanished this moment; null: the connection is not in such a state.
    pub(crate) now: Option<NoticeJson>,
    /// In the worst case.
    pub(crate) worst: Option<NoticeJson>,
}

/// What is foretold for every kind of silence. null: unknown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ForecastJson {
    /// Nothing is on its way in either direction.
    pub(crate) idle: OutlookJson,
    /// Data was sent and not acknowledged.
    pub(crate) in_flight: OutlookJson,
    /// Data is written just before keepalive would have given up.
    pub(crate) late_write: OutlookJson,
    /// The peer's receive window is closed.
    pub(crate) zero_window: OutlookJson,
    /// connect() waits for an answer.
    pub(crate) connecting: OutlookJson,
    /// The program closed, the peer has not.
    pub(crate) after_fin: OutlookJson,
    /// The program has closed its descriptor.
    pub(crate) after_close: AfterCloseJson,
    /// When a live peer that does not read is dropped.
    pub(crate) slow_reader: Option<NoticeJson>,
    /// Keepalive probes that may be lost without harm to a live peer; null: keepalive is off.
    pub(crate) lost_probes_survived: Option<u32>,
    /// Packets that keepalive costs an hour of idleness, answers included.
    pub(crate) packets_per_idle_hour: f64,
}

/// What becomes of a connection after close(), and of what was written last.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AfterCloseJson {
    /// The longest outage that what was written just before close() is certain to survive, in milliseconds.
    pub(crate) outage_survived_ms: u64,
    /// When a live peer that does not read loses what was written, counted from the moment its window closed.
    pub(crate) slow_reader: Option<NoticeJson>,
    /// How long the kernel keeps the connection at most when the peer is gone, in milliseconds.
    pub(crate) kept_ms: u64,
}

/// Socket options; null: not set by the plan, or no such option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct OptionsJson {
    /// SO_KEEPALIVE.
    pub(crate) so_keepalive: Option<bool>,
    /// TCP_KEEPIDLE, seconds.
    pub(crate) tcp_keepidle_s: Option<u32>,
    /// TCP_KEEPINTVL, seconds.
    pub(crate) tcp_keepintvl_s: Option<u32>,
    /// TCP_KEEPCNT, probes.
    pub(crate) tcp_keepcnt: Option<u32>,
    /// TCP_USER_TIMEOUT, milliseconds; 0: none.
    pub(crate) tcp_user_timeout_ms: Option<u32>,
    /// TCP_RTO_MAX_MS, milliseconds.
    pub(crate) tcp_rto_max_ms: Option<u32>,
    /// TCP_SYNCNT, SYNs sent again.
    pub(crate) tcp_syncnt: Option<u32>,
}

impl OptionsJson {
    /// Options to set.
    pub(crate) fn of(options: &SocketOptions) -> Self {
        Self {
            so_keepalive: options.keepalive,
            tcp_keepidle_s: options.keepidle_s,
            tcp_keepintvl_s: options.keepintvl_s,
            tcp_keepcnt: options.keepcnt,
            tcp_user_timeout_ms: options.user_timeout_ms,
            tcp_rto_max_ms: options.rto_max_ms,
            tcp_syncnt: options.syncnt,
        }
    }
}

impl NoticeJson {
    /// What is foretold; None: unknown.
    pub(crate) fn of(notice: Notice) -> Option<Self> {
        match notice {
            Notice::Within(span) => Some(Self::Within {
                earliest_ms: milliseconds(span.earliest),
                latest_ms: milliseconds_up(span.latest),
            }),
            Notice::Never => Some(Self::Never),
        }
    }
}

impl From<&Outlook> for OutlookJson {
    fn from(outlook: &Outlook) -> Self {
        Self {
            now: outlook.now.and_then(NoticeJson::of),
            worst: NoticeJson::of(outlook.worst),
        }
    }
}

impl From<&Forecast> for ForecastJson {
    fn from(forecast: &Forecast) -> Self {
        Self {
            idle: (&forecast.idle).into(),
            in_flight: (&forecast.in_flight).into(),
            late_write: (&forecast.late_write).into(),
            zero_window: (&forecast.zero_window).into(),
            connecting: (&forecast.connecting).into(),
            after_fin: (&forecast.after_fin).into(),
            after_close: AfterCloseJson {
                outage_survived_ms: milliseconds(forecast.after_close.outage_survived),
                slow_reader: NoticeJson::of(forecast.after_close.slow_reader),
                kept_ms: milliseconds_up(forecast.after_close.kept),
            },
            slow_reader: NoticeJson::of(forecast.slow_reader),
            lost_probes_survived: forecast.lost_probes_survived,
            packets_per_idle_hour: forecast.packets_per_idle_hour,
        }
    }
}

/// Whole milliseconds, rounded down.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whole milliseconds, rounded up.
pub(crate) fn milliseconds_up(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
