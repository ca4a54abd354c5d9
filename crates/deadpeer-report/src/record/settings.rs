//! Socket options, and what they promise.

use deadpeer_core::{Effective, SocketOption, SocketOptions};
use serde::{Deserialize, Serialize};

use crate::duration::{milliseconds, milliseconds_up};

/// When the kernel would give a connection up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Outlook {
    /// If the peer vanished this moment; null: the connection is not in such a state.
    pub now: Option<Notice>,
    /// In the worst case.
    pub worst: Option<Notice>,
}

/// The forecast for every kind of silence. null: unknown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Forecast {
    /// Nothing is on its way in either direction.
    pub idle: Outlook,
    /// Data was sent and not acknowledged.
    pub in_flight: Outlook,
    /// Data is written just before keepalive would have given up.
    pub late_write: Outlook,
    /// The peer's receive window is closed.
    pub zero_window: Outlook,
    /// connect() waits for an answer.
    pub connecting: Outlook,
    /// The program closed, the peer has not.
    pub after_fin: Outlook,
    /// The program has closed its descriptor.
    pub after_close: AfterClose,
    /// When a live peer that does not read is dropped.
    pub slow_reader: Option<Notice>,
    /// Keepalive probes that may be lost without harm to a live peer; null: keepalive is off.
    pub lost_probes_survived: Option<u32>,
    /// Packets that keepalive costs an hour of idleness, answers included.
    pub packets_per_idle_hour: f64,
}

/// What becomes of a connection after close(), and of what was written last.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AfterClose {
    /// The longest outage that what was written just before close() is certain to survive, in
    /// milliseconds.
    pub outage_survived_ms: u64,
    /// When a live peer that does not read loses what was written, counted from the moment its
    /// window closed.
    pub slow_reader: Notice,
    /// How long the kernel keeps the connection at most when the peer is gone, in milliseconds.
    pub kept_ms: u64,
}

/// Socket options; null: not set by the plan, or no such option.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Options {
    /// SO_KEEPALIVE.
    pub so_keepalive: Option<bool>,
    /// TCP_KEEPIDLE, seconds.
    pub tcp_keepidle_s: Option<u32>,
    /// TCP_KEEPINTVL, seconds.
    pub tcp_keepintvl_s: Option<u32>,
    /// TCP_KEEPCNT, probes.
    pub tcp_keepcnt: Option<u32>,
    /// TCP_USER_TIMEOUT, milliseconds; 0: none.
    pub tcp_user_timeout_ms: Option<u32>,
    /// TCP_RTO_MAX_MS, milliseconds.
    pub tcp_rto_max_ms: Option<u32>,
    /// TCP_SYNCNT, SYNs sent again.
    pub tcp_syncnt: Option<u32>,
}

impl Options {
    fn read(value: impl Fn(SocketOption) -> Option<u32>) -> Self {
        Self {
            so_keepalive: value(SocketOption::Keepalive).map(|on| on != 0),
            tcp_keepidle_s: value(SocketOption::Keepidle),
            tcp_keepintvl_s: value(SocketOption::Keepintvl),
            tcp_keepcnt: value(SocketOption::Keepcnt),
            tcp_user_timeout_ms: value(SocketOption::UserTimeout),
            tcp_rto_max_ms: value(SocketOption::RtoMax),
            tcp_syncnt: value(SocketOption::Syncnt),
        }
    }
}

/// Options to set.
impl From<&SocketOptions> for Options {
    fn from(options: &SocketOptions) -> Self {
        Self::read(|option| options.get(option))
    }
}

/// Options in force on a socket.
impl From<&Effective> for Options {
    fn from(options: &Effective) -> Self {
        Self::read(|option| options.get(option))
    }
}

impl From<deadpeer_core::Notice> for Notice {
    fn from(notice: deadpeer_core::Notice) -> Self {
        match notice {
            deadpeer_core::Notice::Within(span) => Self::Within {
                earliest_ms: milliseconds(span.earliest),
                latest_ms: milliseconds_up(span.latest),
            },
            deadpeer_core::Notice::Never => Self::Never,
        }
    }
}

impl From<&deadpeer_core::Outlook> for Outlook {
    fn from(outlook: &deadpeer_core::Outlook) -> Self {
        Self {
            now: outlook.now.map(Notice::from),
            worst: Some(outlook.worst.into()),
        }
    }
}

impl From<deadpeer_core::forecast::AfterClose> for AfterClose {
    fn from(after_close: deadpeer_core::forecast::AfterClose) -> Self {
        Self {
            outage_survived_ms: milliseconds(after_close.outage_survived),
            slow_reader: after_close.slow_reader.into(),
            kept_ms: milliseconds_up(after_close.kept),
        }
    }
}

impl From<&deadpeer_core::Forecast> for Forecast {
    fn from(forecast: &deadpeer_core::Forecast) -> Self {
        Self {
            idle: (&forecast.idle).into(),
            in_flight: (&forecast.in_flight).into(),
            late_write: (&forecast.late_write).into(),
            zero_window: (&forecast.zero_window).into(),
            connecting: (&forecast.connecting).into(),
            after_fin: (&forecast.after_fin).into(),
            after_close: forecast.after_close.into(),
            slow_reader: Some(forecast.slow_reader.into()),
            lost_probes_survived: forecast.lost_probes_survived,
            packets_per_idle_hour: forecast.packets_per_idle_hour,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record has every option, under the name that the list of them has.
    #[test]
    fn fields_are_those_of_the_list() {
        let record = Options::read(|option| Some(option as u32));
        let json = serde_json::to_value(record).unwrap();
        let fields = json.as_object().unwrap();
        assert_eq!(fields.len(), SocketOption::ALL.len());
        for option in &SocketOption::ALL[1..] {
            assert_eq!(fields[option.facts().field], *option as u32);
        }
        assert_eq!(fields[SocketOption::Keepalive.facts().field], false);
    }
}
