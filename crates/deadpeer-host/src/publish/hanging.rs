//! What hangs and what leaks, as records.

use deadpeer_report::duration::milliseconds;
use deadpeer_report::raw::RawText;
use deadpeer_report::record;

use super::place::place;
use crate::audit::{Hanging, Leak};
use crate::table::Role;

impl From<&Hanging> for record::Hanging {
    fn from(hanging: &Hanging) -> Self {
        Self {
            place: place(hanging.netns.as_deref(), hanging.workload.as_deref()),
            process: hanging.process.as_deref().map(RawText::from),
            role: role(hanging.role).into(),
            address: address(hanging.role),
            port: hanging.role.port(),
            peer: hanging.peer.map(|peer| peer.to_string()),
            awaited: hanging.wait.name().into(),
            connections: hanging.count,
            longest_ms: milliseconds(hanging.longest),
            last_ends: hanging.last_ends.map(Into::into),
            unread_bytes: hanging.unread_bytes,
        }
    }
}

impl From<&Leak> for record::Leak {
    fn from(leak: &Leak) -> Self {
        Self {
            place: place(leak.netns.as_deref(), leak.workload.as_deref()),
            process: leak.process.as_deref().map(RawText::from),
            role: leak.role.map(|of| role(of).into()),
            address: leak.role.and_then(address),
            port: leak.port,
            close_wait: leak.unclosed.count,
            oldest_ms: milliseconds(leak.unclosed.oldest),
            last_minute: leak.unclosed.last_minute,
            last_hour: leak.unclosed.last_hour,
            over: leak.over,
        }
    }
}

/// A word for what connections are to their program.
pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::Listening(_) => "listening",
        Role::Accepted(_) => "accepted",
        Role::Outgoing(_) => "outgoing",
    }
}

fn address(role: Role) -> Option<String> {
    role.listening().map(|address| address.to_string())
}
