//! A gap in a sentence.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::unreached::{Because, Unreadable};
use super::{Gap, Privilege};
use crate::duration::Upper;
use crate::plural::{plural, plural_of};
use crate::sanitize::sanitize;

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SettingsUnread(unreached, privilege) => write!(
                f,
                "The settings of {} could not be read: {}.",
                plural(unreached.sockets, "socket"),
                Because(unreached, *privilege)
            ),
            Self::NotAsked(unreached, privilege) => {
                let sockets = plural(unreached.sockets, "socket");
                write!(f, "The peers of {sockets} could not be asked: ")?;
                match unreached.why == Unreadable::NoDescriptor {
                    true => f.write_str("no descriptor, since no program has accepted them yet."),
                    false => write!(f, "{}.", Because(unreached, *privilege)),
                }
            }
            Self::OwnersHidden {
                processes,
                privilege,
            } => owners_hidden(f, *processes, *privilege),
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
            Self::UnreadWithoutEbpf { why } => write!(
                f,
                "eBPF could read them, but is unavailable: {}.",
                sanitize(why)
            ),
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
                its(*namespaces),
                sanitize(known_as),
                sanitize(why)
            ),
            Self::QuestionsMayEnd { connections } => write!(
                f,
                "The peers of {} have closed. A kernel that has forgotten such a connection answers a probe with an RST, which ends it.",
                plural(*connections, "connection")
            ),
            Self::NotOnRecord { why } => write!(
                f,
                "The options that are changed for each probe are not on record: {}. If this is killed by SIGKILL meanwhile, keepalive stays on.",
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
                "On this side, {} {} earlier: what has died of silence since then may have lost that, and not its peer.",
                sanitize(what),
                Upper(Duration::from_millis(*ago_ms))
            ),
            Self::Overwritten {
                process,
                port,
                sets,
                rule,
                notices_in,
                one_lost_probe_is_fatal,
                ..
            } => {
                let name = name(process.as_deref());
                match rule {
                    None => write!(
                        f,
                        "{name} on port {port} sets {sets} itself after accept(): "
                    ),
                    Some(rule) => write!(
                        f,
                        "The rule {} sets {sets} on what {name} accepts on port {port}: ",
                        sanitize(rule)
                    ),
                }?;
                new_connections(f, *notices_in, *one_lost_probe_is_fatal)?;
                match rule {
                    None => f.write_str(
                        "; set that in its configuration, or protect them with --new-connections.",
                    ),
                    Some(rule) => write!(
                        f,
                        "; remove it with --remove {}, and make one for this deadline with --new-connections.",
                        sanitize(rule)
                    ),
                }
            }
            Self::NotShownYet {
                process,
                port,
                connections,
                sets,
                notices_in,
            } => {
                write!(
                    f,
                    "{} on port {port} had set {sets} itself on {} that deadpeer protect has changed since: what it sets on new ones shows once one comes; with the same they would ",
                    name(process.as_deref()),
                    plural(*connections, "connection")
                )?;
                match notices_in {
                    Some(at) => write!(f, "notice a vanished peer after {}.", Upper(*at)),
                    None => f.write_str("never notice a vanished peer."),
                }
            }
            Self::NothingAccepted { listeners, known } => nothing_accepted(f, *listeners, known),
            Self::MadeElsewhere {
                process,
                listener,
                cgroup,
                within,
            } => made_elsewhere(f, process, *listener, cgroup.as_deref(), within),
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
                "{} of {} {} in CLOSE_WAIT and left alone: the peer has closed, the program has not. A keepalive probe would end them, and a leak would no longer show; --close-wait protects them all the same.",
                plural(*connections, "connection"),
                process
                    .as_deref()
                    .map_or_else(|| "an unknown program".into(), sanitize),
                if *connections == 1 { "is" } else { "are" }
            ),
            Self::InBatches { burst, takes } => burst.write_in_batches(f, *takes),
            Self::TooManyInOneTick(burst) => burst.write_refusal(f),
        }
    }
}

fn owners_hidden(f: &mut fmt::Formatter<'_>, processes: u64, privilege: Privilege) -> fmt::Result {
    write!(
        f,
        "No permission to read the descriptors of {}, so {} connections are missing; {}.",
        plural_of(processes, "selected process", "selected processes"),
        its(processes),
        match privilege {
            Privilege::Root => "that needs CAP_SYS_PTRACE",
            Privilege::Unprivileged => "run as root",
        }
    )
}

/// What new connections of a program get that sets their options itself.
fn new_connections(
    f: &mut fmt::Formatter<'_>,
    notices_in: Option<Duration>,
    one_lost_probe_is_fatal: bool,
) -> fmt::Result {
    match (one_lost_probe_is_fatal, notices_in) {
        (true, _) => f.write_str("a single lost probe would end new connections"),
        (false, Some(at)) => write!(
            f,
            "new connections would notice a vanished peer after {}",
            Upper(at)
        ),
        (false, None) => f.write_str("new connections would never notice a vanished peer"),
    }
}

fn nothing_accepted(f: &mut fmt::Formatter<'_>, listeners: u64, known: &[String]) -> fmt::Result {
    write!(
        f,
        "{} no open connection: whether the program sets its own keepalive after accept() could not be seen",
        match listeners {
            1 => "1 listener has".to_owned(),
            n => format!("{} have", plural(n, "listener")),
        }
    )?;
    match known {
        [] => f.write_str("."),
        known => write!(f, " ({} is known to).", sanitize(&known.join(", "))),
    }
}

fn made_elsewhere(
    f: &mut fmt::Formatter<'_>,
    process: &str,
    listener: SocketAddr,
    cgroup: Option<&str>,
    within: &str,
) -> fmt::Result {
    write!(
        f,
        "The rule does not hold for what {} accepts on {listener}: that listener was made in ",
        sanitize(process)
    )?;
    let Some(path) = cgroup else {
        return f.write_str("a cgroup that is gone. Start the program again.");
    };
    write!(
        f,
        "cgroup {}. For those connections: deadpeer protect --new-connections {} --within {within}",
        sanitize(path),
        match path {
            "/" => "--all".to_owned(),
            path => format!("--cgroup {}", sanitize(path.trim_start_matches('/'))),
        }
    )
}

fn name(process: Option<&str>) -> String {
    sanitize(process.unwrap_or("The program")).into_owned()
}

fn its(count: u64) -> &'static str {
    if count == 1 { "its" } else { "their" }
}
