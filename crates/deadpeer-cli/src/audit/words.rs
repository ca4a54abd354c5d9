//! What was found, in the few words a table cell has room for.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use deadpeer_core::{Effective, TcpState};
use deadpeer_host::{Role, TimerKind};
use deadpeer_report::duration::{Lower, Upper};

use deadpeer_host::audit::{Basis, Bound, GivenUp};

use super::doing::Doing;

/// The options in force: "keepalive 120/30/4, user timeout off".
pub(crate) struct SettingsWords<'a>(pub(crate) &'a Effective);

impl fmt::Display for SettingsWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(options) = self;
        if options.keepalive {
            let (idle, intvl, cnt) = (options.keepidle_s, options.keepintvl_s, options.keepcnt);
            write!(f, "keepalive {idle}/{intvl}/{cnt}")?;
        } else {
            f.write_str("keepalive off")?;
        }
        match options.user_timeout_ms {
            Some(ms) => write!(f, ", user timeout {}", Upper(millis(ms)))?,
            None => f.write_str(", user timeout off")?,
        }
        match options.rto_max_ms {
            Some(ms) if ms < 120_000 => write!(f, ", rto max {}", Upper(millis(ms))),
            Some(_) | None => Ok(()),
        }
    }
}

/// Where settings come from, and what they are.
pub(super) struct BasisWords<'a>(pub(super) &'a Basis);

impl fmt::Display for BasisWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Basis::Read(options) => write!(f, "{}", SettingsWords(options)),
            Basis::Inherited(options) => write!(f, "{} (its listener's)", SettingsWords(options)),
            Basis::Unread(Some(why)) => write!(f, "? ({})", why.reason()),
            Basis::Unread(None) => f.write_str("? (not looked for)"),
            Basis::Nobody | _ => f.write_str("- (no process holds it)"),
        }
    }
}

/// When a vanished peer is noticed, in the words of a table cell.
pub(super) struct BoundWords(pub(super) Bound);

impl fmt::Display for BoundWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Bound::Never => f.write_str("never"),
            Bound::By(at) => write!(f, "{}", Upper(at)),
            Bound::NotBefore(at) => write!(f, "> {}", Lower(at)),
            Bound::Unknown | _ => f.write_str("?"),
        }
    }
}

/// What the connections of a service have in common: "0.0.0.0:6379", "to :443".
pub(crate) struct RoleWords(pub(crate) Role);

impl fmt::Display for RoleWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Role::Listening(address) => write!(f, "{address}"),
            Role::Accepted(port) => write!(f, ":{port} (accepted)"),
            Role::Outgoing(port) => write!(f, "to :{port}"),
            _ => f.write_str("other"),
        }
    }
}

/// The other end, where there is one.
pub(super) struct PeerWords(pub(super) SocketAddr);

impl fmt::Display for PeerWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.port() {
            0 => f.write_str("*"),
            _ => write!(f, "{}", self.0),
        }
    }
}

/// What a connection is doing now: "heard 3.2 s ago, next probe in 12 s".
impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut part = |f: &mut fmt::Formatter<'_>, words: fmt::Arguments<'_>| {
            write!(f, "{separator}{words}")?;
            separator = ", ";
            Ok(())
        };
        if self.state == TcpState::Listen {
            return write!(f, "{} of {} waiting for accept", self.received, self.queued);
        }
        if let Some(ago) = self.heard_ago {
            part(f, format_args!("heard {} ago", Upper(ago)))?;
        }
        if self.queued > 0 {
            part(f, format_args!("{} unacknowledged", Bytes(self.queued)))?;
        }
        if let Some(timer) = self.timer {
            let next = Upper(millis(timer.expires_in_ms));
            match timer.kind {
                TimerKind::Retransmit if timer.unanswered > 0 => part(
                    f,
                    format_args!("sent again {} times, next in {next}", timer.unanswered),
                )?,
                TimerKind::Retransmit => part(f, format_args!("sends again in {next}"))?,
                TimerKind::Keepalive if self.state == TcpState::FinWait2 => {
                    part(f, format_args!("ends in {next}"))?;
                }
                TimerKind::Keepalive if timer.unanswered > 0 => part(
                    f,
                    format_args!("{} probes unanswered, next in {next}", timer.unanswered),
                )?,
                TimerKind::Keepalive => part(f, format_args!("next probe in {next}"))?,
                TimerKind::ZeroWindowProbe => part(
                    f,
                    format_args!("peer does not read, next window probe in {next}"),
                )?,
                TimerKind::TimeWait => part(f, format_args!("ends in {next}"))?,
                TimerKind::Other(_) | _ => {}
            }
        }
        let ends_in_told = self.state == TcpState::FinWait2 && self.timer.is_some();
        if let Some(given_up) = self.given_up.filter(|_| !ends_in_told) {
            part(f, format_args!("{}", GivenUpWords(given_up)))?;
        }
        Ok(())
    }
}

/// When the kernel gives up what a program has closed.
pub(super) struct GivenUpWords(pub(super) GivenUp);

impl fmt::Display for GivenUpWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(given_up) = self;
        write!(f, "given up within {}", Upper(given_up.within))?;
        match given_up.assumed {
            true => f.write_str(" by the kernel's defaults"),
            false => Ok(()),
        }
    }
}

/// A number of bytes, three digits at most.
struct Bytes(u32);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n @ 0..=999 => write!(f, "{n} B"),
            n @ 1000..=9_999 => write!(f, "{}.{} kB", n / 1000, n % 1000 / 100),
            n @ 10_000..=999_999 => write!(f, "{} kB", n / 1000),
            n @ 1_000_000..=9_999_999 => {
                write!(f, "{}.{} MB", n / 1_000_000, n % 1_000_000 / 100_000)
            }
            n => write!(f, "{} MB", n / 1_000_000),
        }
    }
}

fn millis(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

#[cfg(test)]
mod tests {
    use deadpeer_core::Sysctls;
    use deadpeer_host::ArmedTimer;

    use super::*;

    #[test]
    fn settings_in_short() {
        let mut options = Effective::untouched(&Sysctls::DEFAULT);
        let words = |options: &Effective| SettingsWords(options).to_string();
        assert_eq!(words(&options), "keepalive off, user timeout off");
        options.keepalive = true;
        (options.keepidle_s, options.keepintvl_s, options.keepcnt) = (120, 30, 4);
        options.user_timeout_ms = Some(1_500);
        options.rto_max_ms = Some(3_000);
        assert_eq!(
            words(&options),
            "keepalive 120/30/4, user timeout 1.5 s, rto max 3 s"
        );
    }

    #[test]
    fn what_a_connection_is_doing() {
        let idle = Doing {
            state: TcpState::Established,
            timer: None,
            queued: 0,
            received: 0,
            heard_ago: Some(millis(3_150)),
            given_up: None,
        };
        assert_eq!(idle.to_string(), "heard 3.2 s ago");
        let timer = |kind, unanswered| {
            Some(ArmedTimer {
                kind,
                expires_in_ms: 1_600,
                unanswered,
            })
        };
        let sending = Doing {
            timer: timer(TimerKind::Retransmit, 3),
            queued: 4_200,
            ..idle
        };
        assert_eq!(
            sending.to_string(),
            "heard 3.2 s ago, 4.2 kB unacknowledged, sent again 3 times, next in 1.6 s"
        );
        let probing = Doing {
            timer: timer(TimerKind::Keepalive, 2),
            ..idle
        };
        assert_eq!(
            probing.to_string(),
            "heard 3.2 s ago, 2 probes unanswered, next in 1.6 s"
        );
        let listening = Doing {
            state: TcpState::Listen,
            received: 2,
            queued: 128,
            ..idle
        };
        assert_eq!(listening.to_string(), "2 of 128 waiting for accept");
    }

    #[test]
    fn bytes_have_few_digits() {
        for (n, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (64_999, "64 kB"),
            (3_700_000, "3.7 MB"),
            (u32::MAX, "4294 MB"),
        ] {
            assert_eq!(Bytes(n).to_string(), shown);
        }
    }
}
