//! What was found, in the few words a table cell has room for.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use deadpeer_core::Effective;
use deadpeer_host::{Netns, Role, Target, Workload};
use deadpeer_report::duration::{Lower, Upper};
use deadpeer_report::sanitize::sanitize;

use deadpeer_host::audit::{Basis, Bound, GivenUp};

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
            Basis::Nobody => f.write_str("- (no process holds it)"),
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
            Bound::ByProgram => f.write_str("program"),
            Bound::RuledOut => f.write_str("-"),
            Bound::Unknown => f.write_str("?"),
        }
    }
}

/// Where a program runs: its container, a network namespace that isn't ours, or its unit.
pub(crate) struct PlaceWords<'a> {
    pub(crate) netns: Option<&'a Netns>,
    pub(crate) workload: Option<&'a Workload>,
}

impl<'a> PlaceWords<'a> {
    /// That of a connection.
    pub(crate) fn of(target: &'a Target) -> Self {
        Self {
            netns: target.netns.as_deref(),
            workload: target.workload.as_deref(),
        }
    }

    /// Whether it is anywhere but here.
    pub(crate) fn is_elsewhere(&self) -> bool {
        let contained = self.workload.is_some_and(Workload::is_contained);
        contained || self.netns.is_some_and(|netns| !netns.is_own)
    }
}

impl fmt::Display for PlaceWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.netns, self.workload) {
            (_, Some(workload)) if workload.is_contained() => {
                f.write_str(&sanitize(&workload.to_string()))
            }
            (Some(netns), _) if !netns.is_own => match &netns.name {
                Some(name) => write!(f, "netns {}", sanitize(name)),
                None => netns.fmt(f),
            },
            (_, Some(workload)) => f.write_str(&sanitize(&workload.to_string())),
            (_, None) => f.write_str("-"),
        }
    }
}

/// " in shop/web-0/nginx", where that is elsewhere.
pub(crate) struct In<'a>(pub(crate) PlaceWords<'a>);

impl fmt::Display for In<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_elsewhere() {
            true => write!(f, " in {}", self.0),
            false => Ok(()),
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

/// When the kernel gives up what a program has closed.
pub(super) struct GivenUpWords(pub(super) GivenUp);

impl fmt::Display for GivenUpWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(given_up) = self;
        write!(f, "given up within {}", Upper(given_up.latest))?;
        match given_up.assumed {
            true => f.write_str(" by the kernel's defaults"),
            false => Ok(()),
        }
    }
}

pub(super) fn millis(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

#[cfg(test)]
mod tests {
    use deadpeer_core::Sysctls;

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
}
