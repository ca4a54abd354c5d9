//! What is asked of `deadpeer kill`.

use std::time::Duration;

use clap::Args;
use deadpeer_host::kill::Selection;
use deadpeer_report::duration;

use crate::confirm::Consent;
use crate::exit::Stop;
use crate::filter_args::{Chosen, FilterArgs};
use crate::flags::ConsentArgs;
use crate::output::OutputArgs;

/// Destroy half-open connections, those whose peer is gone
///
/// First asks the peer of every chosen connection, with up to three keepalive probes, and destroys
/// the connections whose peer does not answer. Their programs find out at once, by ECONNABORTED
/// from the pending or next call (by ENOTCONN if it was the last part of a Multipath TCP
/// connection), instead of after minutes, hours or never. A connection whose peer answers, or could
/// not be asked, is left alone unless --force is given. Shows what would be done, and asks for
/// confirmation. --dry-run sends nothing at all: it shows which peers would have to be asked.
///
/// Where a program has closed a connection and the kernel still retransmits its last data, no probe
/// and no descriptor is needed: three unanswered retransmissions are enough. The same holds for the
/// SYNs of connections being made. On some kernels before Linux 6.12, such a closed connection
/// stays for good once it is destroyed: if kill sees that happen, it leaves the others to the
/// kernel.
///
/// A probe can end a dead connection, because a kernel that no longer knows it answers with an RST.
/// Where that can be foreseen, for a peer that closed long ago (CLOSE_WAIT), kill says so and asks
/// for confirmation first. That a peer has rebooted can't be foreseen, and is said afterwards.
///
/// The parts of a Multipath TCP connection are asked one by one, and none is destroyed while one of
/// them answers.
///
/// Needs CAP_NET_ADMIN to destroy, CAP_SYS_PTRACE or the same user to ask (CAP_BPF and CAP_PERFMON
/// for Multipath TCP), and a kernel with CONFIG_INET_DIAG_DESTROY.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["silent_for", "unreachable", "all_matching"]))]
pub(crate) struct KillArgs {
    /// Connections whose peer has not been heard from for this long
    #[arg(long, value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true)]
    silent_for: Option<Duration>,
    /// Connections whose peer leaves three probes or retransmissions in a row unanswered, ours or
    /// the kernel's own
    #[arg(long)]
    unreachable: bool,
    /// Every connection that the filters choose
    #[arg(long)]
    all_matching: bool,
    /// Include connections whose peer has just answered, or could not be asked
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    filters: FilterArgs,
}

const AFTER_HELP: &str = "\
Examples:
  deadpeer kill --process postgres --silent-for 10m --dry-run
  deadpeer kill --port 6379 --unreachable --yes

Exit codes:
  0  every connection to be destroyed is gone (or would be: --dry-run), or there was none
  1  some connections to be destroyed are still there, or you said no
  2  usage or run-time error: not permitted, or the kernel can't
  3  can't tell: nothing matches, peers could not be asked, or with --dry-run would have to be
     asked first";

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) chosen: Chosen,
    pub(super) selection: Selection,
    pub(super) force: bool,
    pub(super) consent: Consent,
}

impl KillArgs {
    /// As plain values, once what is named has been looked up.
    pub(crate) fn request(&self) -> Result<Request, Stop> {
        Ok(Request {
            chosen: self.filters.chosen_or(
                "no connections selected: use a filter such as --process, --port or --peer, or --all (nothing was changed)",
            )?,
            consent: self.consent.consent()?,
            selection: match self.silent_for {
                Some(time) => Selection::SilentFor(time),
                None if self.unreachable => Selection::Unreachable,
                None => Selection::AllMatching,
            },
            force: self.force,
        })
    }
}
