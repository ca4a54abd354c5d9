//! What was seen, and what could not be: an answer names its gaps.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use deadpeer_report::Unreadable;
use deadpeer_sys::sock_diag::Socket;

use super::bpf::BpfError;
use super::netns::Netns;
use super::over::Over;
use super::owners::Owners;
use super::settings::Settings;
use crate::filter::Filter;
use crate::process::Process;

/// How complete a reading of the connection table was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Connections and listeners that the filter chose.
    pub chosen: u64,
    /// Whether the visitor ended the reading.
    pub stopped: bool,
    /// How often the table was read again because it had changed meanwhile.
    pub repeats: u32,
    /// The last reading was interrupted as well: connections may be missing.
    pub interrupted: bool,
    /// Answers of the kernel that this version doesn't understand.
    pub unknown_answers: u32,
    /// Processes whose descriptors we may not see, by number: their sockets have no visible owner.
    pub unreadable_processes: Vec<u32>,
    /// Those of them that the filter chooses by pid or name: connections of theirs are left out.
    pub hidden_processes: Vec<u32>,
    /// Other network namespaces, by number, with a process in each that holds sockets and that the
    /// filter does not leave out: theirs are not shown here.
    pub other_namespaces: BTreeMap<u64, u32>,
    /// Network namespaces that were meant and could not be read.
    pub closed: Vec<ClosedNetns>,
    /// Chosen connections whose options could not be read, by reason and user.
    pub unread: BTreeMap<(Unreadable, u32), u64>,
    /// Descriptors of connections that are over and not closed; empty if the query did not
    /// [ask](crate::Query::over).
    pub over: Vec<Over>,
    /// Where owners and options were read; `None`: nobody asked for them.
    pub read_by: Option<ReadBy>,
    /// Why the kernel itself could not be asked, where it would have been faster or shown more.
    pub no_ebpf: Option<BpfError>,
}

/// A network namespace that was meant and could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedNetns {
    /// Its number, where that shows.
    pub number: Option<u64>,
    /// How it is known: its name, its file or a process in it.
    pub known_as: String,
    /// Why not.
    pub why: String,
}

impl ClosedNetns {
    /// One that was found, and why it can't be read.
    #[must_use]
    pub fn of(netns: &Netns, why: &dyn fmt::Display) -> Self {
        Self {
            number: Some(netns.number),
            known_as: netns.to_string(),
            why: why.to_string(),
        }
    }
}

/// Where owners and options were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadBy {
    /// Through the descriptors of their owners.
    Descriptors,
    /// By the kernel itself (eBPF).
    Kernel,
    /// Through descriptors, and by the kernel itself what they did not show.
    Both,
}

impl Coverage {
    /// Adds what the owners tell. `read` are the numbers of the namespaces that were read.
    pub(crate) fn add_owners(&mut self, owners: &Owners, filter: &Filter, read: &[u64]) {
        self.unreadable_processes = owners.unreadable().to_vec();
        if filter.needs_owners() {
            let hidden =
                |pid: &u32| filter.matches_owners([&Process::new(*pid, None, Arc::default())]);
            let unreadable = self.unreadable_processes.iter().copied();
            self.hidden_processes = unreadable.filter(hidden).collect();
        }
        for process in owners.processes() {
            let there = process.network_namespace();
            if let Some(other) = there.filter(|there| !read.contains(there))
                && filter.matches_owners([process])
            {
                self.other_namespaces.entry(other).or_insert(process.pid());
            }
        }
    }

    /// Adds what the reading of another namespace's table left out.
    pub(crate) fn join(&mut self, other: Self) {
        self.chosen += other.chosen;
        self.stopped |= other.stopped;
        self.repeats = self.repeats.max(other.repeats);
        self.interrupted |= other.interrupted;
        self.unknown_answers += other.unknown_answers;
        for (why, count) in other.unread {
            *self.unread.entry(why).or_default() += count;
        }
        self.read_by = match (self.read_by, other.read_by) {
            (one, None) => one,
            (None, other) => other,
            (one, other) if one == other => one,
            (Some(_), Some(_)) => Some(ReadBy::Both),
        };
    }

    pub(crate) fn count(&mut self, socket: &Socket<'_>, settings: &Settings) {
        self.chosen += 1;
        if let Settings::Unknown(why) = settings {
            *self.unread.entry((*why, socket.uid)).or_default() += 1;
        }
    }

    /// Whether nothing that was meant is left out because it can't be seen at all.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.hidden_processes.is_empty() && self.closed.is_empty()
    }
}
