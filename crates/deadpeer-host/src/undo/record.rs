//! What an undo file says.

use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use deadpeer_core::{Effective, SocketOptions};
use serde::{Deserialize, Serialize};

use super::sysctl::SysctlChange;

/// The version of the format that this program writes and reads.
const FORMAT: u32 = 1;

/// What was changed, and what was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The version of this format.
    pub(super) format: u32,
    /// The boot in which the cookies mean something (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
    /// The number of the network namespace, as `/proc/PID/ns/net` shows it.
    pub network_namespace: u64,
    /// When it was begun, seconds since 1970.
    pub begun_unix_s: u64,
    /// The same, nanoseconds since the machine was started (`CLOCK_BOOTTIME`): of two records, the
    /// order.
    #[serde(default)]
    pub begun_boot_ns: u64,
    /// The deadline that the connections were brought under, milliseconds; `None`: their options
    /// were only lent to questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
    /// What was set for everybody in the namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sysctls: Vec<SysctlChange>,
    /// Sockets that had the same settings and got the same.
    pub groups: Vec<Group>,
}

/// Sockets that had the same settings and got the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The name of their processes, where that was known.
    pub process: Option<String>,
    /// Whether they are listeners.
    pub listeners: bool,
    /// Whether what was set was only lent to a question.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lent: bool,
    /// What they had, of the options that were set.
    #[serde(with = "super::values")]
    pub before: SocketOptions,
    /// What was set.
    #[serde(with = "super::values")]
    pub after: SocketOptions,
    /// Whether a keepalive time or count that was set followed a sysctl before, where that was
    /// seen: there is no way back to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed_sysctl: Option<bool>,
    /// When the record of this change was begun, if another one has handed it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_from_boot_ns: Option<u64>,
    /// The sockets (`SO_COOKIE`).
    pub cookies: Vec<u64>,
}

impl Group {
    /// Sockets on which these options were set, and what those were before.
    pub(crate) fn new(before: SocketOptions, after: SocketOptions, cookies: Vec<u64>) -> Self {
        Self {
            process: None,
            listeners: false,
            lent: false,
            before,
            after,
            followed_sysctl: None,
            handed_from_boot_ns: None,
            cookies,
        }
    }

    /// Sockets with these settings in force, of which some options are lent to questions.
    pub(crate) fn lent(process: Option<String>, before: &Effective, cookies: Vec<u64>) -> Self {
        let after = deadpeer::lent_to_ping();
        Self {
            process,
            lent: true,
            ..Self::new(before.of_those(&after), after, cookies)
        }
    }
}

/// The number of this boot (random(4)).
///
/// # Errors
/// `/proc` is not mounted.
pub fn boot_id() -> io::Result<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(id.trim_end().to_owned())
}

impl Record {
    /// Nothing was changed so far.
    #[must_use]
    pub fn new(boot_id: String, network_namespace: u64, within_ms: Option<u64>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            format: FORMAT,
            boot_id,
            network_namespace,
            begun_unix_s: now.map_or(0, |since| since.as_secs()),
            begun_boot_ns: boot_ns(),
            within_ms,
            sysctls: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// How many sockets it knows.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.groups.iter().map(|group| group.cookies.len()).sum()
    }

    /// Fills in what earlier versions left out.
    pub(super) fn complete(&mut self) {
        let lent = self.within_ms.is_none();
        for group in &mut self.groups {
            group.lent |= lent;
        }
    }

    /// It begins now: what was written before by others comes before it.
    pub(super) fn begin_now(&mut self) {
        self.begun_boot_ns = boot_ns();
    }

    /// Of two records of one boot, the later one has more.
    pub(crate) fn order(&self) -> (u64, u64) {
        (self.begun_boot_ns, self.begun_unix_s)
    }

    /// Whether its sockets may be those of another record.
    pub(crate) fn is_of_same_namespace(&self, other: &Self) -> bool {
        self.boot_id == other.boot_id && self.network_namespace == other.network_namespace
    }

    /// Whether this program can read it.
    pub(super) fn is_known(&self) -> bool {
        self.format == FORMAT
    }
}

fn boot_ns() -> u64 {
    let since = deadpeer_sys::clock::boottime();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
