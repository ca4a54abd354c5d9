//! The arguments of `deadpeer protect`.

use crate::exit::Stop;
use crate::filter_args::FilterArgs;
use crate::policy_args::PolicyArgs;
use crate::text::duration;
use crate::text::duration::milliseconds;
use clap::Args;
use deadpeer_core::{Kernel, Policy};
use deadpeer_host::protect::Aim;
use std::path::PathBuf;
use std::time::Duration;

/// Make running programs notice a vanished peer within a deadline, without restarting them
///
/// Sets socket options on open connections and on listeners, whose future connections inherit them. Shows the settings before and
/// after and asks; sockets that keep the deadline already are left alone, and nothing is ever loosened. What was
/// before is written to an undo file first.
///
/// Takes CAP_BPF and CAP_PERFMON, or without eBPF CAP_SYS_PTRACE or the same user as the programs; root has all of them. Only eBPF
/// reaches connections that wait to be accepted. --new-connections takes CAP_BPF and CAP_NET_ADMIN, Linux 6.1 and a mounted BPF file system.
///
/// With --new-connections a cgroup, or with --all the whole machine, stays protected: the connections that its programs are
/// still going to make or accept, until --remove.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct ProtectArgs {
    /// The deadline: 30s, 1m30s, 2h
    #[arg(long, value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    #[arg(required_unless_present_any = ["undo", "list", "remove"])]
    pub(super) within: Option<Duration>,
    /// Only show what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Don't ask
    #[arg(long, short = 'y', conflicts_with = "dry_run")]
    pub(super) yes: bool,
    /// Also when so many connections within this machine would probe in the same tick that live ones may be lost
    #[arg(long, conflicts_with_all = ["undo", "list", "remove", "new_connections"])]
    pub(super) force: bool,
    /// Leave alone what an application has set itself, even if it misses the deadline
    #[arg(long)]
    pub(super) keep_app_settings: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Write the undo file here instead of below /var/lib/deadpeer or $XDG_STATE_HOME/deadpeer
    #[arg(long, value_name = "FILE")]
    pub(super) undo_file: Option<PathBuf>,
    /// Put back what the undo file says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["within", "list", "remove", "new_connections", "undo_file"])]
    pub(super) undo: Option<PathBuf>,
    /// Protect connections still to come, in the cgroup given by --cgroup or, with --all, everywhere
    #[arg(long, conflicts_with_all = ["undo_file", "list", "remove"])]
    pub(super) new_connections: bool,
    /// Show what can be undone, and what protects connections still to come
    #[arg(long, conflicts_with_all = ["within", "remove", "undo_file"])]
    pub(super) list: bool,
    /// End a protection of connections still to come, by its name in --list; "all" ends all
    #[arg(long, value_name = "NAME", conflicts_with_all = ["within", "undo_file"])]
    pub(super) remove: Option<String>,
    /// Don't use eBPF, even where it is faster or reaches more
    #[arg(long)]
    pub(super) no_bpf: bool,
    /// Print JSON lines, see schemas/
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) filters: FilterArgs,
}

const AFTER_HELP: &str = "\
Examples:
  deadpeer protect --process redis-server --within 30s --dry-run
  deadpeer protect --port 5432 --within 30s --yes
  deadpeer protect --undo /var/lib/deadpeer/protect-1760000000-4711.undo.json
  deadpeer protect --cgroup system.slice/nginx.service --within 1m --new-connections

Exit codes:
  0  everything chosen keeps the deadline now (or would: --dry-run); undone, listed, removed
  1  something still misses the deadline, or no options can keep it; refused without --force
  2  usage or run-time error
  3  can't tell: some settings could not be seen, or nothing matches";

impl ProtectArgs {
    /// The policy; its deadline is there unless something else was asked for.
    pub(super) fn policy(&self) -> Policy {
        self.policy.within(self.within.unwrap_or_default())
    }

    /// The deadline in milliseconds.
    pub(super) fn within_ms(&self) -> u64 {
        milliseconds(self.within.unwrap_or_default())
    }

    /// What is to hold on this kernel. A deadline that can't be kept is refused with what could be.
    pub(super) fn aim(&self, kernel: &Kernel) -> Result<Aim, deadpeer_core::Refusal> {
        let aim = Aim::new(&self.policy(), kernel)?;
        Ok(aim.keep_app_settings(self.keep_app_settings))
    }

    /// Whole machines are changed only by those who say so.
    pub(super) fn require_filter(&self) -> Result<(), Stop> {
        match self.filters.is_given() {
            true => Ok(()),
            false => Err(Stop::because(
                "which connections? Name them by a filter such as --process, --port or --cgroup, or say --all (nothing was changed)",
            )),
        }
    }
}
