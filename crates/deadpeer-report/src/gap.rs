//! What could not be seen or done, why, and what to do about it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::duration::Upper;
use crate::plural::{plural, plural_of};
use crate::record;
use crate::sanitize::sanitize;

/// Why the options of a socket could not be read, or its peer not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unreadable {
    /// The owner is somebody else's process, or may not be traced: pidfd_getfd(2) takes root's
    /// rights (`CAP_SYS_PTRACE`), or the same user and a process that allows it.
    NotPermitted,
    /// No process that we may look into holds the socket, so somebody else's does, or the kernel
    /// itself.
    NoVisibleOwner,
    /// No process holds the socket: it waits in a listener's queue, or its descriptor is closed.
    NoDescriptor,
    /// It was closed, or its owner ended, while we looked.
    Gone,
    /// It is a part of a Multipath TCP connection, whose descriptor stands for all of its parts.
    Multipath,
    /// The kernel has no pidfd_getfd(2) (Linux 5.6).
    KernelTooOld,
    /// As many files are open as this process may have, or the machine (`RLIMIT_NOFILE`,
    /// `fs.file-max`).
    TooManyFiles,
    /// The kernel refused for another reason.
    Refused,
}

impl Unreadable {
    /// The reason in a few words: "not permitted".
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotPermitted => "not permitted",
            Self::NoVisibleOwner => "owner not visible",
            Self::NoDescriptor => "no descriptor",
            Self::Gone => "gone meanwhile",
            Self::Multipath => "Multipath TCP",
            Self::KernelTooOld => "needs Linux 5.6",
            Self::TooManyFiles => "too many open files (ulimit -n)",
            Self::Refused => "refused by the kernel",
        }
    }
}

/// Sockets that could not be reached, all for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// How many.
    pub sockets: u64,
    /// Why.
    pub why: Unreadable,
    /// The users whose they are: names, or numbers where there is none.
    pub users: Vec<String>,
}

/// Something that an answer leaves out, or that was not done. As text it is a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gap {
    /// Settings could not be read.
    SettingsUnread(Unreached, Looker),
    /// Peers could not be asked.
    NotAsked(Unreached, Looker),
    /// Processes are meant, and which connections are theirs can't be told.
    OwnersHidden {
        /// How many.
        processes: u64,
        /// Who looked.
        looker: Looker,
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

/// Who looks, and so what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looker {
    /// Root.
    Root,
    /// Anybody else.
    Nobody,
}

/// Ends of connections within this machine that would probe in the same tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// How many.
    pub sockets: u64,
    /// What the receive backlog holds, packets (net.core.netdev_max_backlog).
    pub backlog: u64,
    /// How many are changed at a time.
    pub batch: u64,
    /// Whether no probe is lost that way.
    pub fits: bool,
    /// The most sockets of which none is lost.
    pub most_sockets: u64,
    /// The backlog that all of them need.
    pub backlog_needed: u64,
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

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SettingsUnread(unreached, looker) => write!(
                f,
                "The settings of {} could not be read: {}.",
                plural(unreached.sockets, "socket"),
                Because(unreached, *looker)
            ),
            Self::NotAsked(unreached, looker) => write!(
                f,
                "The peers of {} could not be asked: {}.",
                plural(unreached.sockets, "socket"),
                Because(unreached, *looker)
            ),
            Self::OwnersHidden { processes, looker } => {
                let selected = plural_of(*processes, "selected process", "selected processes");
                write!(
                    f,
                    "No permission to read the descriptors of {selected}, so {} connections are missing; {}.",
                    if *processes == 1 { "its" } else { "their" },
                    match looker {
                        Looker::Root => "that needs CAP_SYS_PTRACE",
                        Looker::Nobody => "run as root",
                    }
                )
            }
            Self::DumpInterrupted { times } => write!(
                f,
                "The kernel's table changed while it was read, {} in a row: connections may be missing.",
                plural(*times, "time")
            ),
            Self::UnknownAnswers(count) => write!(
                f,
                "{} from the kernel could not be decoded: it may be newer than this program.",
                plural(*count, "answer")
            ),
            Self::UnreadWithoutEbpf { why } => {
                write!(
                    f,
                    "eBPF could read them, but is unavailable: {}.",
                    sanitize(why)
                )
            }
            Self::OutOfReachWithoutEbpf { why, .. } => write!(
                f,
                "eBPF would reach these, but is unavailable: {}.",
                sanitize(why)
            ),
            Self::OtherNamespaces { namespaces, pid } => write!(
                f,
                "{} with connections of their own, such as containers, were not examined; --netns all shows all of them, --netns {pid} one.",
                plural(*namespaces, "other network namespace")
            ),
            Self::NamespacesUnread {
                namespaces,
                known_as,
                why,
            } => write!(
                f,
                "{} could not be read, so {} connections are missing: {}: {}.",
                plural(*namespaces, "network namespace"),
                if *namespaces == 1 { "its" } else { "their" },
                sanitize(known_as),
                sanitize(why)
            ),
            Self::NotGivenBack { file } => write!(
                f,
                "Not all options that were changed for asking could be restored; to try again: deadpeer protect --undo {}",
                sanitize(file)
            ),
            Self::UndoFileUnread { why } => {
                write!(f, "An undo file can't be read: {}.", sanitize(why))
            }
            Self::LocalNetwork { what, ago_ms } => write!(
                f,
                "On this side {} {} before: what died of silence since may have lost that, and not its peer.",
                sanitize(what),
                Upper(Duration::from_millis(*ago_ms))
            ),
            Self::QuestionsMayEnd { connections } => write!(
                f,
                "The peers of {} have closed. A kernel that has forgotten such a connection answers the question with an RST, which ends it.",
                plural(*connections, "connection")
            ),
            Self::Overwritten {
                process,
                port,
                sets,
                notices_in,
                one_lost_probe_is_fatal,
                ..
            } => {
                let name = sanitize(process.as_deref().unwrap_or("The program")).into_owned();
                write!(
                    f,
                    "{name} on port {port} sets {sets} itself after accept(): "
                )?;
                match (one_lost_probe_is_fatal, notices_in) {
                    (true, _) => f.write_str("a single lost probe would end new connections")?,
                    (false, Some(at)) => write!(
                        f,
                        "new connections would notice a vanished peer after {}",
                        Upper(*at)
                    )?,
                    (false, None) => {
                        f.write_str("new connections would never notice a vanished peer")?;
                    }
                }
                f.write_str(
                    "; set that in its configuration, or protect them with --new-connections.",
                )
            }
            Self::NotShownYet {
                process,
                port,
                connections,
                sets,
                notices_in,
            } => {
                let name = sanitize(process.as_deref().unwrap_or("The program")).into_owned();
                write!(
                    f,
                    "{name} on port {port} had set {sets} itself on {} that deadpeer protect has changed since: what it sets on new ones shows once one comes; with the same they would ",
                    plural(*connections, "connection")
                )?;
                match notices_in {
                    Some(at) => write!(f, "notice a vanished peer after {}.", Upper(*at)),
                    None => f.write_str("never notice a vanished peer."),
                }
            }
            Self::NothingAccepted { listeners, known } => {
                write!(
                    f,
                    "{} no open connection: whether the program sets its own keepalive after accept() could not be seen",
                    match listeners {
                        1 => "1 listener has".to_owned(),
                        n => format!("{} have", plural(*n, "listener")),
                    }
                )?;
                match known.as_slice() {
                    [] => f.write_str("."),
                    known => write!(f, " ({} is known to).", sanitize(&known.join(", "))),
                }
            }
            Self::MadeElsewhere {
                process,
                listener,
                cgroup,
                within,
            } => {
                let process = sanitize(process);
                write!(
                    f,
                    "The rule does not hold for what {process} accepts on {listener}: that listener was made in "
                )?;
                match cgroup.as_deref() {
                    None => f.write_str("a cgroup that is gone. Start the program again."),
                    Some(path) => write!(
                        f,
                        "cgroup {}. For those connections: deadpeer protect --new-connections {} --within {within}",
                        sanitize(path),
                        match path {
                            "/" => "--all".to_owned(),
                            path => format!("--cgroup {}", sanitize(path.trim_start_matches('/'))),
                        }
                    ),
                }
            }
            Self::ArmedAhead {
                connections,
                fires_in,
                ends_in,
            } => write!(
                f,
                "{} already waiting for a retransmission in up to {}, which no setting shortens: if the peer is gone, that is noticed within {}; 'deadpeer kill --unreachable' ends such connections now.",
                match connections {
                    1 => "1 connection is".to_owned(),
                    n => format!("{} are", plural(*n, "connection")),
                },
                Upper(*fires_in),
                Upper(*ends_in)
            ),
            Self::CloseWait {
                process,
                connections,
            } => write!(
                f,
                "{} of {} in CLOSE_WAIT and left alone: the peer has closed, the program has not. A keepalive probe would end them, and a leak would no longer show; --close-wait protects them all the same.",
                plural(*connections, "connection"),
                match (process, connections) {
                    (Some(name), 1) => format!("{} is", sanitize(name)),
                    (Some(name), _) => format!("{} are", sanitize(name)),
                    (None, 1) => "an unknown program is".to_owned(),
                    (None, _) => "an unknown program are".to_owned(),
                }
            ),
            Self::NotOnRecord { why } => write!(
                f,
                "The options that are changed for each question are not on record: {}. If this is killed by SIGKILL during one, keepalive stays on.",
                sanitize(why)
            ),
            Self::InBatches { burst, takes } => write!(
                f,
                "{} of these are ends of connections within this machine. Changed all at once, they would probe in the same tick, but the receive backlog holds only {} packets. So they are changed {} at a time, which takes about {}.{}",
                burst.sockets,
                burst.backlog,
                burst.batch,
                Upper(*takes),
                match burst.fits {
                    true => "",
                    false => " Even so, probes will be lost, and live connections may be.",
                }
            ),
            Self::TooManyInOneTick(burst) => write!(
                f,
                "Refused: {} of these are ends of connections within this machine that would probe in the same ticks, but the receive backlog holds only {} packets, so live connections would be lost (nothing was changed). Select at most {} of them with a filter, raise net.core.netdev_max_backlog to {} or more, try another --within, or use --force to do it anyway.",
                burst.sockets, burst.backlog, burst.most_sockets, burst.backlog_needed
            ),
        }
    }
}

/// The reason, and what to do.
struct Because<'a>(&'a Unreached, Looker);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(unreached, looker) = self;
        f.write_str(unreached.why.reason())?;
        match (unreached.why, looker) {
            (Unreadable::NotPermitted, Looker::Root) => f.write_str(
                "; this needs CAP_SYS_PTRACE, and no security module that forbids it",
            ),
            (Unreadable::NotPermitted | Unreadable::NoVisibleOwner, Looker::Nobody) => {
                match unreached.users.as_slice() {
                    [user] if user != "root" => write!(f, "; run as root or as user {user}"),
                    [_] => f.write_str("; run as root"),
                    users => write!(
                        f,
                        "; run as root, or as each of the users {}",
                        users.join(", ")
                    ),
                }
            }
            (Unreadable::NoVisibleOwner, Looker::Root) => f.write_str(
                "; they belong to the kernel, to a process that only CAP_SYS_PTRACE can inspect, or to one outside this PID namespace",
            ),
            (Unreadable::NoDescriptor, _) => {
                f.write_str("; they are waiting in the queue of a listener whose settings are unknown too")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(why: Unreadable, users: &[&str], sockets: u64, looker: Looker) -> String {
        let users = users.iter().map(ToString::to_string).collect();
        let unreached = Unreached {
            sockets,
            why,
            users,
        };
        Gap::SettingsUnread(unreached, looker).to_string()
    }

    #[test]
    fn the_way_out_is_named() {
        assert_eq!(
            unread(Unreadable::NoVisibleOwner, &["root"], 3, Looker::Nobody),
            "The settings of 3 sockets could not be read: owner not visible; run as root."
        );
        assert_eq!(
            unread(Unreadable::NotPermitted, &["4000000001"], 1, Looker::Nobody),
            "The settings of 1 socket could not be read: not permitted; run as root or as user 4000000001."
        );
        let several = unread(
            Unreadable::NotPermitted,
            &["root", "www"],
            2,
            Looker::Nobody,
        );
        assert!(several.contains("each of the users root, www"), "{several}");
    }

    #[test]
    fn root_is_not_told_to_run_as_root() {
        for why in [Unreadable::NotPermitted, Unreadable::NoVisibleOwner] {
            let said = unread(why, &["root"], 1, Looker::Root);
            assert!(!said.contains("run as root"), "{said}");
        }
    }

    #[test]
    fn who_cannot_be_asked_is_said_in_words_of_its_own() {
        let unreached = Unreached {
            sockets: 1,
            why: Unreadable::Gone,
            users: Vec::new(),
        };
        assert_eq!(
            Gap::NotAsked(unreached, Looker::Root).to_string(),
            "The peers of 1 socket could not be asked: gone meanwhile."
        );
    }

    #[test]
    fn who_is_meant_and_cannot_be_looked_into_is_no_nobody() {
        let hidden = |processes, looker| Gap::OwnersHidden { processes, looker }.to_string();
        assert_eq!(
            hidden(1, Looker::Nobody),
            "No permission to read the descriptors of 1 selected process, so its connections are missing; run as root."
        );
        let said = hidden(2, Looker::Root);
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
