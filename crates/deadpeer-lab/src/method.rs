//! The methods under test: how programs try to notice that their peer is gone, each with its
//! settings.
//!
//! Every method is set so that its arithmetic fits the deadline: nine tenths of it, the rest is for
//! the kernel's rounding.

mod signal;
mod two_witnesses;
mod watch;

use std::time::Duration;

use deadpeer_core::{Kernel, Policy, SocketOptions, Supervision};
use serde::Deserialize;

use crate::link::Wanted;

pub use signal::{Kind, Signal};
pub(crate) use watch::Watch;
pub use watch::WatchFailed;

/// The names of all methods, in the order in which they are shown.
pub const NAMES: [&str; 12] = [
    "recv",
    "tcp-info",
    "epoll",
    "send",
    "keepalive",
    "user-timeout",
    "both",
    "heartbeat",
    "ip-recverr",
    "plan",
    "supervised",
    "supervised-heartbeat",
];

/// Keepalive settings: `TCP_KEEPIDLE`, `TCP_KEEPINTVL` in seconds and `TCP_KEEPCNT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Keepalive {
    /// `TCP_KEEPIDLE`.
    pub idle_s: u32,
    /// `TCP_KEEPINTVL`.
    pub interval_s: u32,
    /// `TCP_KEEPCNT`.
    pub count: u32,
}

/// A way to notice a dead peer, with its settings.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Method {
    /// The name as scenario files and the command line write it.
    pub name: &'static str,
    /// A few words.
    pub title: &'static str,
    /// Its settings in words.
    pub settings: String,
    /// What it sets on the socket.
    pub options: SocketOptions,
    /// Whether it sets `IP_RECVERR`.
    pub(crate) recverr: bool,
    pub(crate) eyes: Eyes,
}

/// Where a method looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Eyes {
    /// What recv() returns.
    Recv,
    /// The state in TCP_INFO, ten times a second.
    State,
    /// epoll bits; nothing is read.
    Readiness,
    /// What send() returns when the program has something to send.
    Send,
    /// Pings of the application's own.
    Heartbeat { every: Duration, missed: u32 },
    /// `deadpeer::Watch`, which judges TCP_INFO in user space.
    Supervised(Supervision),
    /// The same, and deadpeer's heartbeat: the kernel and the application, each for itself.
    TwoWitnesses(Supervision),
}

/// A method that cannot be had here, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unavailable {
    /// Its name.
    pub name: &'static str,
    /// Why.
    pub why: String,
}

/// All methods, set for a deadline on this kernel; `keepalive` replaces the settings of the method
/// of that name.
#[must_use]
pub fn all(
    deadline: Duration,
    kernel: &Kernel,
    keepalive: Option<Keepalive>,
) -> (Vec<Method>, Vec<Unavailable>) {
    let mut methods = Vec::from(usual(deadline, keepalive));
    let mut unavailable = Vec::new();
    match Policy::detect_within(deadline).plan(kernel) {
        Ok(plan) => methods.push(Method::set(
            "plan",
            "deadpeer plan (kernel only)",
            words(plan.options()),
            *plan.options(),
        )),
        Err(refusal) => unavailable.push(Unavailable {
            name: "plan",
            why: refusal.to_string(),
        }),
    }
    methods.extend(supervised(deadline, kernel));
    (methods, unavailable)
}

/// What programs usually do.
fn usual(deadline: Duration, keepalive: Option<Keepalive>) -> [Method; 9] {
    let nominal = nominal_s(deadline);
    let probing = keepalive.unwrap_or_else(|| keepalive_for(nominal));
    let probes = SocketOptions {
        keepalive: Some(true),
        keepidle_s: Some(probing.idle_s),
        keepintvl_s: Some(probing.interval_s),
        keepcnt: Some(probing.count),
        ..SocketOptions::default()
    };
    let probes_words = format!(
        "{}/{}/{}",
        probing.idle_s, probing.interval_s, probing.count
    );
    let timeout = SocketOptions {
        user_timeout_ms: Some(nominal * 1000),
        ..SocketOptions::default()
    };
    let timeout_words = format!("{nominal} s");
    let both = SocketOptions {
        user_timeout_ms: timeout.user_timeout_ms,
        ..probes
    };
    let both_words = format!("{probes_words}, {timeout_words}");
    // The first ping comes one interval after the last answer at the latest, and the third is
    // waited for as long.
    let every = Duration::from_secs(u64::from(nominal)) / 4;
    let beats = Eyes::Heartbeat { every, missed: 3 };
    [
        Method::plain("recv", "recv() <= 0", Eyes::Recv),
        Method::plain("tcp-info", "TCP_INFO state", Eyes::State),
        Method::plain("epoll", "epoll, nothing read", Eyes::Readiness),
        Method::plain("send", "send() result, SIGPIPE", Eyes::Send),
        Method::set("keepalive", "SO_KEEPALIVE", probes_words, probes),
        Method::set("user-timeout", "TCP_USER_TIMEOUT", timeout_words, timeout),
        Method::set("both", "keepalive + user timeout", both_words, both),
        Method {
            settings: format!("every {:.1} s, 3 missed", every.as_secs_f64()),
            ..Method::plain("heartbeat", "application heartbeat", beats)
        },
        Method {
            settings: "IP_RECVERR 1".to_owned(),
            recverr: true,
            ..Method::plain("ip-recverr", "IP_RECVERR", Eyes::Readiness)
        },
    ]
}

/// What deadpeer does itself, without its heartbeat and with it.
fn supervised(deadline: Duration, kernel: &Kernel) -> [Method; 2] {
    let supervision = Supervision::within(deadline);
    let options = supervision.options(kernel);
    let alone = Eyes::Supervised(supervision);
    let beside = Eyes::TwoWitnesses(supervision);
    [
        Method {
            settings: words(&options),
            options,
            ..Method::plain("supervised", "deadpeer supervised", alone)
        },
        Method {
            settings: format!("the same, heartbeat {} s", nominal_s(deadline)),
            options,
            ..Method::plain("supervised-heartbeat", "deadpeer heartbeat", beside)
        },
    ]
}

impl Method {
    /// One that sets nothing.
    fn plain(name: &'static str, title: &'static str, eyes: Eyes) -> Self {
        Self {
            name,
            title,
            settings: "none".to_owned(),
            options: SocketOptions::default(),
            recverr: false,
            eyes,
        }
    }

    /// One that sets options, and lets the kernel decide.
    fn set(
        name: &'static str,
        title: &'static str,
        settings: String,
        options: SocketOptions,
    ) -> Self {
        Self {
            settings,
            options,
            ..Self::plain(name, title, Eyes::Readiness)
        }
    }

    /// The connection that it watches; `place` is its own among all methods.
    pub(crate) fn wants(&self, place: usize) -> Wanted<'_> {
        Wanted {
            method: place,
            options: &self.options,
            recverr: self.recverr,
            beats: matches!(self.eyes, Eyes::TwoWitnesses(_)),
        }
    }
}

/// Nine tenths of the deadline in whole seconds, at least four.
pub(crate) fn nominal_s(deadline: Duration) -> u32 {
    u32::try_from(deadline.as_secs() * 9 / 10)
        .unwrap_or(u32::MAX)
        .clamp(4, 30_000)
}

/// Three probes, the whole in so many seconds.
fn keepalive_for(nominal_s: u32) -> Keepalive {
    let interval_s = (nominal_s / 6).max(1);
    Keepalive {
        idle_s: (nominal_s - 3 * interval_s).max(1),
        interval_s,
        count: 3,
    }
}

/// Options in a few words.
fn words(options: &SocketOptions) -> String {
    let mut words = String::new();
    if let (Some(idle), Some(interval), Some(count)) =
        (options.keepidle_s, options.keepintvl_s, options.keepcnt)
    {
        words += &format!("keepalive {idle}/{interval}/{count}");
    }
    const DAY_MS: u32 = 86_400_000;
    match options.user_timeout_ms {
        Some(0) | None => {}
        Some(ms @ DAY_MS..) => words += &format!(", user timeout {} days", ms / DAY_MS),
        Some(ms) => words += &format!(", user timeout {ms} ms"),
    }
    if let Some(ms) = options.rto_max_ms {
        words += &format!(", RTO_MAX {ms} ms");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_method_and_fits_the_deadline() {
        for seconds in 5..=120 {
            let deadline = Duration::from_secs(seconds);
            let (methods, unavailable) = all(deadline, &Kernel::modern(Some(250)), None);
            let mut names: Vec<&str> = methods.iter().map(|method| method.name).collect();
            names.extend(unavailable.iter().map(|method| method.name));
            names.sort_unstable();
            let mut known = NAMES;
            known.sort_unstable();
            assert_eq!(names, known);
            let probing = keepalive_for(nominal_s(deadline));
            let sum = probing.idle_s + probing.interval_s * probing.count;
            assert!(u64::from(sum) <= seconds, "{seconds}: {probing:?}");
        }
    }
}
