//! The answer to a policy: options, and what they promise.

use std::fmt;
use std::time::Duration;

use super::{Policy, SlowReaders};
use crate::forecast::{Forecast, Notice, Silence};
use crate::kernel::Kernel;
use crate::options::{Effective, SocketOptions};

/// Sysctls to set in a network namespace. `None` leaves one as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct SysctlSettings {
    /// `tcp_retries2`: every connection of the namespace with data in flight is given up sooner.
    #[doc(alias = "tcp_retries2")]
    pub retries2: Option<u32>,
}

impl SysctlSettings {
    /// Each that is to be set, by the name that sysctl(8) takes.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u32)> + use<> {
        self.retries2
            .map(|value| ("net.ipv4.tcp_retries2", value))
            .into_iter()
    }

    /// The kernel with these in force.
    #[must_use]
    pub fn on(&self, kernel: &Kernel) -> Kernel {
        let mut kernel = *kernel;
        if let Some(retries2) = self.retries2 {
            kernel.sysctls.retries2 = retries2;
        }
        kernel
    }
}

/// Socket options that keep a policy's deadline, with the forecast that proves it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    pub(super) policy: Policy,
    pub(super) options: SocketOptions,
    pub(super) sysctls: SysctlSettings,
    pub(super) forecast: Forecast,
}

impl Plan {
    /// What to set on the socket.
    #[must_use]
    pub fn options(&self) -> &SocketOptions {
        &self.options
    }

    /// What to set in the network namespace; nothing unless the policy allows it
    /// ([`Policy::sysctls`]).
    #[must_use]
    pub fn sysctls(&self) -> &SysctlSettings {
        &self.sysctls
    }

    /// When connections of the namespace that nobody set anything on are given up with data in
    /// flight to a peer that vanished: on `kernel` as it is, and once the plan's sysctls are set
    /// there.
    #[must_use]
    pub fn for_everybody(&self, kernel: &Kernel) -> (Notice, Notice) {
        let rto = self.assumed_rto().unwrap_or(self.policy.path_rto);
        let in_flight = |kernel: &Kernel| {
            let untouched = Effective::untouched(&kernel.sysctls);
            Forecast::promised(&untouched, rto, kernel).in_flight.worst
        };
        (in_flight(kernel), in_flight(&self.sysctls.on(kernel)))
    }

    /// What these options promise.
    #[must_use]
    pub fn forecast(&self) -> &Forecast {
        &self.forecast
    }

    /// What was asked for.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The largest retransmission timeout for which the promise holds; `None`: it holds on every
    /// path, because `TCP_RTO_MAX_MS` bounds the RTO.
    #[must_use]
    pub fn assumed_rto(&self) -> Option<Duration> {
        self.options
            .rto_max_ms
            .is_none()
            .then_some(self.policy.path_rto)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        if let (Some(idle), Some(interval)) = (options.keepidle_s, options.keepintvl_s) {
            write!(f, "probe after {idle} s idle, then every {interval} s")?;
        }
        match (
            options.user_timeout_ms.filter(|ms| *ms > 0),
            options.keepcnt,
        ) {
            (Some(ms), _) => write!(f, ", user timeout {} s", seconds(u64::from(ms)))?,
            (None, Some(count)) => write!(f, " x{count}")?,
            (None, None) => {}
        }
        if let Some(ms) = options.rto_max_ms {
            write!(
                f,
                ", retransmit at least every {} s",
                seconds(u64::from(ms))
            )?;
        }
        for (name, value) in self.sysctls.iter() {
            write!(f, ", sysctl {name} = {value}")?;
        }
        write!(f, ": ")?;
        for silence in Silence::ALL
            .into_iter()
            .filter(|s| self.policy.promises(*s))
        {
            if let Notice::Within(span) = self.forecast.outlook(silence).worst {
                write!(f, "{silence} <= {:.1} s, ", span.latest.as_secs_f64())?;
            }
        }
        if let Some(lost) = self.forecast.lost_probes_survived {
            write!(f, "survives {lost} lost probes")?;
        }
        match self.policy.slow_readers {
            SlowReaders::Keep => {}
            SlowReaders::Drop => write!(f, ", may drop slow readers")?,
        }
        let outage = self.forecast.after_close.outage_survived;
        write!(
            f,
            "; after close() what was written last survives an outage of {:.1} s",
            tenths_down(outage)
        )
    }
}

/// Seconds to a tenth: no more than there are.
fn tenths_down(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).floor() / 10.0
}

/// Milliseconds as seconds, without idle zeros.
fn seconds(ms: u64) -> String {
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
