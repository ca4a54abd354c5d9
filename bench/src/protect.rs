//! `deadpeer protect` on a namespace full of connections, and the way back.

use anyhow::{Context as _, Result, ensure};

use super::beside::{self, Beside, Peers};
use super::sample::Sample;
use super::target::at_most;

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each way is gone; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Numbers of established sockets.
    #[arg(long, value_delimiter = ',', default_value = "1000,200000")]
    sockets: Vec<usize>,
}

/// CPU seconds for protecting 200,000 sockets: a look at all of them, the record, setting, and
/// another look, for connections that were accepted meanwhile. By `bench host`, a look takes 0.35 s
/// and setting 0.22 s of it.
const MOST_CPU: f64 = 1.4;
const AT: usize = 200_000;
/// Every socket misses it before, and none is silent for long enough to be probed while the
/// benchmark runs.
const DEADLINE: &str = "12m";

pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    let Arguments { rounds, sockets } = arguments;
    beside::run("protect-beside", Peers::Far, *rounds, sockets)
}

pub(super) fn beside(beside: &Beside) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("undo.json");
    let file = file.to_str().context("a path in UTF-8")?;
    let protect = [beside.deadpeer()?, "protect", "--yes"];
    let to = ["--all", "--within", DEADLINE, "--undo-file", file];
    let there = [&protect[..], &to].concat();
    let back = [&protect[..], &["--undo", file]].concat();
    let descriptors = |command: &[_]| [command, &["--no-bpf"]].concat();
    let ways = [
        ("protect, from within the kernel", there.clone()),
        ("undo, from within the kernel", back.clone()),
        ("protect, through descriptors", descriptors(&there)),
        ("undo, through descriptors", descriptors(&back)),
    ];
    let commands = ways.each_ref().map(|(_, command)| &command[..]);
    let medians = Sample::medians(&commands, beside.rounds)?;
    let left = established()?;
    ensure!(
        left >= beside.sockets,
        "only {left} sockets are left: the peers, which don't exist, were noticed"
    );
    let fastest = medians[0].cpu_ms.min(medians[2].cpu_ms) / 1e3;
    let names = ways.map(|(name, _)| name.to_owned());
    beside.print(&names.into_iter().zip(medians).collect::<Vec<_>>());
    Ok(beside.sockets < AT || at_most("protect, CPU s", fastest, MOST_CPU))
}

/// Sockets of this network namespace that are not over.
fn established() -> Result<usize> {
    let text = std::fs::read_to_string("/proc/net/sockstat")?;
    let mut words = text.split_whitespace().skip_while(|word| *word != "TCP:");
    let count = words.nth(2).context("no count of TCP sockets")?;
    Ok(count.parse()?)
}
