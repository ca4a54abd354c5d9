//! What is asked of `deadpeer protect`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use deadpeer_host::cgroup;
use deadpeer_host::filter::Container;

use super::goal::Goal;
use crate::confirm::Consent;
use crate::exit::Stop;
use crate::filter_args::Chosen;
use crate::flags::{ConsentArgs, DeadlineArgs, RespectArgs};
use crate::policy_args::PolicyArgs;
use crate::table_args::TableArgs;

/// Make running programs notice a vanished peer within a deadline, without restarting them
///
/// Sets socket options on open connections, and on listeners, whose future connections inherit
/// them. Shows the settings before and after, and asks for confirmation. Sockets that already keep
/// the deadline are left alone, and no setting is ever loosened. The current settings are saved to
/// an undo file first.
///
/// Needs CAP_BPF and CAP_PERFMON, or, without eBPF, CAP_SYS_PTRACE or to run as the same user as
/// the programs; root has all of them. Only eBPF reaches connections waiting to be accepted.
/// --new-connections needs CAP_BPF and CAP_NET_ADMIN, Linux 6.1 and a mounted BPF file system.
///
/// With --new-connections, a cgroup, a container or, with --all, the whole machine stays protected
/// until --remove: every connection that its programs make or accept from now on, in whichever
/// network namespace.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
#[command(mut_arg("within", |within| within.required(false).required_unless_present_any(["undo", "list", "remove", "forget"])))]
pub(crate) struct ProtectArgs {
    #[command(flatten)]
    deadline: Option<DeadlineArgs>,
    #[command(flatten)]
    consent: ConsentArgs,
    /// Proceed even if so many connections within this machine would probe in the same tick that
    /// live ones may be lost
    #[arg(long, conflicts_with_all = ["undo", "list", "remove", "new_connections"])]
    force: bool,
    /// Include connections whose peer has closed and whose program has not (CLOSE_WAIT): a probe
    /// ends them, and the leak no longer shows
    #[arg(long, conflicts_with_all = ["undo", "list", "remove", "forget", "new_connections"])]
    close_wait: bool,
    #[command(flatten)]
    respect: RespectArgs,
    /// Also set tcp_retries2 of the network namespace where the deadline needs it; this affects
    /// every connection in the namespace, and is shown, recorded and undone like the rest
    #[arg(long, conflicts_with_all = ["undo", "list", "remove", "new_connections"])]
    sysctl: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Write the undo file here instead of to /var/lib/deadpeer or $XDG_STATE_HOME/deadpeer
    #[arg(long, value_name = "FILE")]
    undo_file: Option<PathBuf>,
    /// Restore the settings saved in this undo file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["within", "list", "remove", "new_connections", "undo_file"])]
    undo: Option<PathBuf>,
    /// Protect future connections: of the cgroup given by --cgroup, of the container or pod given
    /// by --container or, with --all, of the whole machine
    #[arg(long, conflicts_with_all = ["undo_file", "list", "remove"])]
    new_connections: bool,
    /// List what can be undone, and what protects future connections
    #[arg(long, conflicts_with_all = ["within", "remove", "undo_file"])]
    list: bool,
    /// Remove the protection of future connections with this name (see --list); "all" removes all
    #[arg(long, value_name = "NAME", conflicts_with_all = ["within", "undo_file"])]
    remove: Option<String>,
    /// Forget an undo file without undoing it; "gone" forgets all with nothing left to undo:
    /// their sockets are closed, or their network namespace or boot is over
    #[arg(long, value_name = "FILE", conflicts_with_all = ["within", "undo", "undo_file", "list", "remove", "new_connections", "sysctl", "force"])]
    forget: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
}

const AFTER_HELP: &str = "\
Examples:
  deadpeer protect --process redis-server --within 30s --dry-run
  deadpeer protect --port 5432 --within 30s --yes
  deadpeer protect --all --within 30s --sysctl --except zero-window --dry-run   (before Linux 6.15)
  deadpeer protect --undo /var/lib/deadpeer/protect-1760000000-4711.undo.json
  deadpeer protect --cgroup system.slice/nginx.service --within 1m --new-connections

Exit codes:
  0  everything chosen keeps the deadline now (or would: --dry-run); undone, listed, removed,
     forgotten
  1  something still misses the deadline, or no options can keep it; refused without --force
  2  usage or run-time error: not permitted, or the kernel can't
  3  can't tell: some settings, or undo files, could not be seen, nothing matches, or a listener
     has no open connection that shows what its program sets itself";

/// What is asked.
#[derive(Debug)]
pub(crate) enum Request {
    Change(Change),
    NewConnections(NewConnections),
    Undo(Undo),
    Forget(Forget),
    List,
    /// By name; "all" for all.
    Remove(String),
}

/// Bring open connections and listeners under a deadline.
#[derive(Debug)]
pub(crate) struct Change {
    pub(super) goal: Goal,
    pub(super) chosen: Chosen,
    pub(super) consent: Consent,
    pub(super) force: bool,
    /// Whether CLOSE_WAIT is changed, too.
    pub(super) close_wait: bool,
    /// Whether a sysctl may be set as well.
    pub(super) sysctl: bool,
    pub(super) bpf: bool,
    /// Where the undo file goes, if it was said.
    pub(super) undo_file: Option<PathBuf>,
}

/// Keep what a cgroup's programs are still going to connect under a deadline.
#[derive(Debug)]
pub(crate) struct NewConnections {
    pub(super) goal: Goal,
    /// Its path below the root.
    pub(super) cgroup: PathBuf,
    pub(super) consent: Consent,
}

/// Put back what a file says.
#[derive(Debug)]
pub(crate) struct Undo {
    pub(super) file: PathBuf,
    pub(super) chosen: Chosen,
    pub(super) consent: Consent,
    pub(super) bpf: bool,
}

/// Take undo files away.
#[derive(Debug)]
pub(crate) struct Forget {
    pub(super) which: Forgotten,
    pub(super) consent: Consent,
}

/// Which undo files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Forgotten {
    /// This one.
    File(PathBuf),
    /// All of which nothing is left.
    Gone,
}

impl ProtectArgs {
    /// As plain values, once what is named has been looked up.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        Ok(match (&self.undo, &self.remove) {
            (Some(file), _) => Request::Undo(Undo {
                file: file.clone(),
                chosen: self.table.filters.chosen()?,
                consent: self.consent.consent()?,
                bpf: self.table.means.bpf(),
            }),
            (None, _) if self.list => Request::List,
            (None, _) if let Some(file) = &self.forget => Request::Forget(self.forget(file)?),
            (None, Some(name)) => Request::Remove(name.clone()),
            (None, None) if self.new_connections => Request::NewConnections(NewConnections {
                goal: self.goal(),
                cgroup: self.cgroup()?,
                consent: self.consent.consent()?,
            }),
            (None, None) => Request::Change(Change {
                goal: self.goal(),
                chosen: self.table.filters.chosen_or(
                    "no connections selected: use a filter such as --process, --port or --cgroup, or --all (nothing was changed)",
                )?,
                consent: self.consent.consent()?,
                force: self.force,
                close_wait: self.close_wait,
                sysctl: self.sysctl,
                bpf: self.table.means.bpf(),
                undo_file: self.undo_file.clone(),
            }),
        })
    }

    fn forget(&self, file: &Path) -> Result<Forget, Stop> {
        Ok(match file == Path::new("gone") {
            // Nothing is lost, so nobody has to be asked.
            true => Forget {
                which: Forgotten::Gone,
                consent: self.consent.rehearsed_or_given(),
            },
            false => Forget {
                which: Forgotten::File(file.to_owned()),
                consent: self.consent.consent()?,
            },
        })
    }

    fn goal(&self) -> Goal {
        // clap refuses the verb without it, but for what needs none.
        let within = self
            .deadline
            .map_or(Duration::ZERO, |deadline| deadline.within);
        Goal {
            policy: self.policy.within(within).sysctls(self.sysctl),
            keep_app_settings: self.respect.keep_app_settings,
        }
    }

    /// A rule holds in a cgroup: which ports and processes future connections will have, nobody
    /// knows.
    fn cgroup(&self) -> Result<PathBuf, Stop> {
        match (
            self.table.filters.is_all(),
            self.table.filters.only_cgroup(),
        ) {
            (true, _) => Ok(PathBuf::from("/")),
            (false, Some(path)) if cgroup::directory(Path::new(path)).is_some() => {
                Ok(below_root(path))
            }
            (false, Some(path)) => Err(Stop::because(format!(
                "--cgroup {path}: there is no such cgroup (nothing was changed)"
            ))),
            (false, None) => match self.table.filters.only_container() {
                Some(container) => cgroup_of(&container),
                None => Err(Stop::because(
                    "--new-connections takes a single --cgroup or --container, or --all for the whole machine, and no other filter: future connections have neither a port nor a process yet (nothing was changed)",
                )),
            },
        }
    }
}

/// That of a container. A rule belongs to one.
fn cgroup_of(container: &Container) -> Result<PathBuf, Stop> {
    let mut cgroups = container.cgroups();
    match (cgroups.pop(), cgroups.len()) {
        (Some(directory), 0) => Ok(below_root(&directory.to_string_lossy())),
        (Some(_), others) => Err(Stop::because(format!(
            "--container {container} is {} containers or pods: name one, or give a --cgroup (nothing was changed)",
            others + 1
        ))),
        (None, _) => Err(Stop::because(format!(
            "--container {container}: there is no such container in a cgroup of version 2 (nothing was changed)"
        ))),
    }
}

/// The path below the root of cgroup v2, however it was typed.
fn below_root(path: &str) -> PathBuf {
    let bare = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .iter()
        .find_map(|root| path.strip_prefix(root))
        .unwrap_or(path);
    Path::new("/").join(bare.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_may_be_typed_in_many_ways() {
        for typed in [
            "system.slice/nginx.service",
            "/system.slice/nginx.service",
            "/sys/fs/cgroup/system.slice/nginx.service",
            "/sys/fs/cgroup/unified/system.slice/nginx.service",
        ] {
            let path = below_root(typed);
            assert_eq!(path, Path::new("/system.slice/nginx.service"), "{typed}");
        }
    }
}
