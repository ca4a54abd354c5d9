//! What could not be seen or done, why, and what to do about it.

mod burst;
mod sentence;
mod unreached;

use std::net::SocketAddr;
use std::time::Duration;

pub use burst::Burst;
pub use unreached::{Privilege, Unreached, Unreadable};

use crate::record;

/// Something that an answer leaves out, or that was not done. As text it is a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gap {
    /// Settings could not be read.
    SettingsUnread(Unreached, Privilege),
    /// Peers could not be asked.
    NotAsked(Unreached, Privilege),
    /// Processes are meant, and which connections are theirs can't be told.
    OwnersHidden {
        /// How many.
        processes: u64,
        /// Who looked.
        privilege: Privilege,
    },
    /// The kernel's table changed each time it was read.
    DumpInterrupted {
        /// Times it was read.
        times: u64,
    },
    /// The kernel answered what this program doesn't know.
    UnknownAnswers(u64),
    /// With eBPF the settings could be read that could not.
    UnreadWithoutEbpf {
        /// Why there is none.
        why: String,
    },
    /// With eBPF sockets could be changed that can't be.
    OutOfReachWithoutEbpf {
        /// How many.
        sockets: u64,
        /// Why there is none.
        why: String,
    },
    /// There are connections in other network namespaces.
    OtherNamespaces {
        /// How many.
        namespaces: u64,
        /// A process in one of them.
        pid: u32,
    },
    /// Network namespaces that were meant could not be read.
    NamespacesUnread {
        /// How many.
        namespaces: u64,
        /// How one of them is known.
        known_as: String,
        /// Why that one could not.
        why: String,
    },
    /// A question is sent that could end what it asks about: the peer closed, and may have
    /// forgotten the connection.
    QuestionsMayEnd {
        /// How many are asked.
        connections: u64,
    },
    /// Nothing says what was borrowed, should this process be killed.
    NotOnRecord {
        /// Why not.
        why: String,
    },
    /// Something that was borrowed could not be given back.
    NotGivenBack {
        /// The file that knows what it was.
        file: String,
    },
    /// An undo file can't be read.
    UndoFileUnread {
        /// Which, and why.
        why: String,
    },
    /// Something of this machine's own network went while a peer that was given up had not been
    /// heard.
    LocalNetwork {
        /// "link eth0 went down".
        what: String,
        /// How long before the connection died, milliseconds.
        ago_ms: u64,
    },
    /// A program sets the options of what it accepts itself.
    Overwritten {
        /// Its name.
        process: Option<String>,
        /// The port that it listens on.
        port: u16,
        /// Open connections that show it.
        connections: u64,
        /// What it sets.
        sets: String,
        /// The rule for new connections that sets this, if it is not the program.
        rule: Option<String>,
        /// When its new connections notice a vanished peer; `None`: never.
        notices_in: Option<Duration>,
        /// Whether they don't survive a single lost probe.
        one_lost_probe_is_fatal: bool,
    },
    /// A program has set options itself on what it accepted, and all of its open connections have
    /// others since, by `deadpeer protect`: what it sets on new ones can't be seen.
    NotShownYet {
        /// Its name.
        process: Option<String>,
        /// The port that it listens on.
        port: u16,
        /// Connections that had it.
        connections: u64,
        /// What it had set.
        sets: String,
        /// When connections that have it notice a vanished peer; `None`: never.
        notices_in: Option<Duration>,
    },
    /// Nobody knows whether a program sets the options of what it accepts.
    NothingAccepted {
        /// Listeners without a connection.
        listeners: u64,
        /// Programs among theirs that are known to do that.
        known: Vec<String>,
    },
    /// A listener of a cgroup's program was made in another cgroup, so that a rule for connections
    /// still to come does not hold for what it accepts.
    MadeElsewhere {
        /// The name of the program.
        process: String,
        /// Where it listens.
        listener: SocketAddr,
        /// The other cgroup, by its path below the root; `None` if it is gone.
        cgroup: Option<String>,
        /// The deadline of the rule, as it is written.
        within: String,
    },
    /// Timers of connections are armed so far ahead that they are late this time.
    ArmedAhead {
        /// How many.
        connections: u64,
        /// When the last of the timers runs out.
        fires_in: Duration,
        /// When the last of them is given up.
        ends_in: Duration,
    },
    /// Connections whose peer has closed are left alone.
    CloseWait {
        /// Of which program.
        process: Option<String>,
        /// How many.
        connections: u64,
    },
    /// So many ends within this machine are changed in batches.
    InBatches {
        /// The burst that would come otherwise.
        burst: Burst,
        /// How long that takes.
        takes: Duration,
    },
    /// So many ends within this machine are not changed: live connections would be lost.
    TooManyInOneTick(Burst),
}

impl Gap {
    /// A word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SettingsUnread(..) => "settings-unread",
            Self::NotAsked(..) => "not-asked",
            Self::OwnersHidden { .. } => "owners-hidden",
            Self::DumpInterrupted { .. } => "dump-interrupted",
            Self::UnknownAnswers(_) => "unknown-answers",
            Self::UnreadWithoutEbpf { .. } | Self::OutOfReachWithoutEbpf { .. } => "no-ebpf",
            Self::OtherNamespaces { .. } => "other-namespaces",
            Self::NamespacesUnread { .. } => "namespaces-unread",
            Self::QuestionsMayEnd { .. } => "questions-may-end",
            Self::NotOnRecord { .. } => "not-on-record",
            Self::NotGivenBack { .. } => "not-given-back",
            Self::UndoFileUnread { .. } => "undo-file-unread",
            Self::LocalNetwork { .. } => "local-network",
            Self::Overwritten { .. } => "overwritten",
            Self::NotShownYet { .. } => "not-shown-yet",
            Self::NothingAccepted { .. } => "nothing-accepted",
            Self::MadeElsewhere { .. } => "made-elsewhere",
            Self::ArmedAhead { .. } => "armed-ahead",
            Self::CloseWait { .. } => "close-wait",
            Self::InBatches { .. } => "in-portions",
            Self::TooManyInOneTick(_) => "too-many-in-one-tick",
        }
    }

    /// How many connections it concerns, where that can be told.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::SettingsUnread(unreached, _) | Self::NotAsked(unreached, _) => {
                Some(unreached.sockets)
            }
            Self::UnknownAnswers(count) => Some(*count),
            Self::Overwritten { connections, .. }
            | Self::NotShownYet { connections, .. }
            | Self::ArmedAhead { connections, .. }
            | Self::CloseWait { connections, .. } => Some(*connections),
            Self::NothingAccepted { listeners, .. } => Some(*listeners),
            Self::OutOfReachWithoutEbpf { sockets, .. } => Some(*sockets),
            Self::OtherNamespaces { namespaces, .. }
            | Self::NamespacesUnread { namespaces, .. } => Some(*namespaces),
            Self::QuestionsMayEnd { connections } => Some(*connections),
            Self::InBatches { burst, .. } | Self::TooManyInOneTick(burst) => Some(burst.sockets),
            Self::OwnersHidden { .. }
            | Self::DumpInterrupted { .. }
            | Self::UnreadWithoutEbpf { .. }
            | Self::NotOnRecord { .. }
            | Self::NotGivenBack { .. }
            | Self::MadeElsewhere { .. }
            | Self::LocalNetwork { .. }
            | Self::UndoFileUnread { .. } => None,
        }
    }

    /// Whether nothing was done because of it.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::TooManyInOneTick(_))
    }
}

impl From<&Gap> for record::Warning {
    fn from(gap: &Gap) -> Self {
        Self {
            code: gap.code().into(),
            count: gap.count(),
            text: gap.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(why: Unreadable, users: &[&str], sockets: u64, privilege: Privilege) -> String {
        let users = users.iter().map(ToString::to_string).collect();
        let unreached = Unreached {
            sockets,
            why,
            users,
        };
        Gap::SettingsUnread(unreached, privilege).to_string()
    }

    #[test]
    fn the_way_out_is_named() {
        assert_eq!(
            unread(
                Unreadable::NoVisibleOwner,
                &["root"],
                3,
                Privilege::Unprivileged
            ),
            "The settings of 3 sockets could not be read: owner not visible; run as root."
        );
        assert_eq!(
            unread(
                Unreadable::NotPermitted,
                &["4000000001"],
                1,
                Privilege::Unprivileged
            ),
            "The settings of 1 socket could not be read: not permitted; run as root or as user 4000000001."
        );
        let several = unread(
            Unreadable::NotPermitted,
            &["root", "www"],
            2,
            Privilege::Unprivileged,
        );
        assert!(several.contains("each of the users root, www"), "{several}");
    }

    #[test]
    fn root_is_not_told_to_run_as_root() {
        for why in [Unreadable::NotPermitted, Unreadable::NoVisibleOwner] {
            let said = unread(why, &["root"], 1, Privilege::Root);
            assert!(!said.contains("run as root"), "{said}");
        }
    }

    #[test]
    fn who_cannot_be_asked_is_said_in_words_of_its_own() {
        for (why, said) in [
            (Unreadable::Gone, "gone meanwhile"),
            (
                Unreadable::NoDescriptor,
                "no descriptor, since no program has accepted them yet",
            ),
        ] {
            let unreached = Unreached {
                sockets: 1,
                why,
                users: Vec::new(),
            };
            assert_eq!(
                Gap::NotAsked(unreached, Privilege::Root).to_string(),
                format!("The peers of 1 socket could not be asked: {said}.")
            );
        }
    }

    #[test]
    fn who_is_meant_and_cannot_be_looked_into_is_no_nobody() {
        let hidden = |processes, privilege| {
            Gap::OwnersHidden {
                processes,
                privilege,
            }
            .to_string()
        };
        assert_eq!(
            hidden(1, Privilege::Unprivileged),
            "No permission to read the descriptors of 1 selected process, so its connections are missing; run as root."
        );
        let said = hidden(2, Privilege::Root);
        assert!(said.ends_with("CAP_SYS_PTRACE."), "{said}");
    }

    #[test]
    fn a_record_says_the_same() {
        let gap = Gap::DumpInterrupted { times: 4 };
        let record = record::Warning::from(&gap);
        assert_eq!(
            (record.code.as_ref(), record.count),
            ("dump-interrupted", None)
        );
        assert!(record.text.contains("4 times in a row"), "{}", record.text);
    }
}
