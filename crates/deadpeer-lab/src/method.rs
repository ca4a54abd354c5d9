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
    let mut both = probes;
    both.user_timeout_ms = timeout.user_timeout_ms;
    // The first ping comes one interval after the last answer at the latest, and the third is
    // waited for as long.
    let every = Duration::from_secs(u64::from(nominal)) / 4;
    let supervision = Supervision::within(deadline);
    let plain = |name, title, eyes| Method {
        name,
        title,
        settings: "none".to_owned(),
        options: SocketOptions::default(),
        recverr: false,
        eyes,
    };
    let set = |name, title, settings, options| Method {
        settings,
        options,
        ..plain(name, title, Eyes::Readiness)
    };
    let mut methods = vec![
        plain("recv", "recv() <= 0", Eyes::Recv),
        plain("tcp-info", "TCP_INFO state", Eyes::State),
        plain("epoll", "epoll, nothing read", Eyes::Readiness),
        plain("send", "send() result, SIGPIPE", Eyes::Send),
        set("keepalive", "SO_KEEPALIVE", probes_words.clone(), probes),
        set(
            "user-timeout",
            "TCP_USER_TIMEOUT",
            format!("{nominal} s"),
            timeout,
        ),
        set(
            "both",
            "keepalive + user timeout",
            format!("{probes_words}, {nominal} s"),
            both,
        ),
        Method {
            settings: format!("every {:.1} s, 3 missed", every.as_secs_f64()),
            ..plain(
                "heartbeat",
                "application heartbeat",
                Eyes::Heartbeat { every, missed: 3 },
            )
        },
        Method {
            settings: "IP_RECVERR 1".to_owned(),
            recverr: true,
            ..plain("ip-recverr", "IP_RECVERR", Eyes::Readiness)
        },
    ];
    let mut unavailable = Vec::new();
    match Policy::detect_within(deadline).plan(kernel) {
        Ok(plan) => methods.push(set(
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
    let options = supervision.options(kernel);
    methods.push(Method {
        settings: words(&options),
        options,
        ..plain(
            "supervised",
            "deadpeer supervised",
            Eyes::Supervised(supervision),
        )
    });
    methods.push(Method {
        settings: format!("the same, heartbeat {nominal} s"),
        options,
        ..plain(
            "supervised-heartbeat",
            "deadpeer heartbeat",
            Eyes::TwoWitnesses(supervision),
        )
    });
    (methods, unavailable)
}

impl Method {
    /// Whether the peer's program must speak regularly by itself.
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
