//! `deadpeer audit` beside a namespace full of connections: against `ss` where they are many, and
//! by the better of its own means where they are few. As `ss` does, of this namespace alone. Then
//! of many namespaces, against one.

mod namespaces;

use anyhow::Result;

use super::beside::{self, Beside, Peers};
use super::sample::Sample;
use super::target::at_most;

pub(crate) use namespaces::{Arguments as Namespaces, sample};

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each command runs; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Numbers of established sockets.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "50,1000,2000,4000,40000,200000"
    )]
    sockets: Vec<usize>,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool> {
    let alone = beside::run(
        "audit-beside",
        Peers::Here,
        arguments.rounds,
        &arguments.sockets,
    )?;
    Ok(namespaces::run(arguments.rounds)? && alone)
}

/// From so many sockets on `ss` is a fair rival: with fewer, both take no longer than starting a
/// process.
const MANY: usize = 10_000;

pub(super) fn beside(beside: &Beside) -> Result<bool> {
    let deadpeer = beside.deadpeer()?;
    let met = match beside.sockets < MANY {
        true => few(beside, deadpeer)?,
        false => many(beside, deadpeer)?,
    };
    println!();
    Ok(met)
}

/// By what it chooses itself, and by each of its means.
fn few(beside: &Beside, deadpeer: &str) -> Result<bool> {
    let [audit, ebpf, descriptors] = in_turn(
        beside,
        [
            &[deadpeer, "audit", "--netns", "own"],
            &[deadpeer, "audit", "--netns", "own", "--bpf"],
            &[deadpeer, "audit", "--netns", "own", "--no-bpf"],
        ],
    )?;
    let times = audit.cpu_ms / ebpf.cpu_ms.min(descriptors.cpu_ms);
    let met = at_most("audit / the faster of its means", times, 1.2);
    let is_quick = || at_most("audit answers, wall clock in ms", audit.wall_ms, 5.0);
    Ok((beside.sockets >= 1_000 || is_quick()) && met)
}

/// Against `ss`.
fn many(beside: &Beside, deadpeer: &str) -> Result<bool> {
    let [ss_all, ss, audit, each, no_owners] = in_turn(
        beside,
        [
            &["ss", "-tinop"],
            &["ss", "-tino"],
            &[deadpeer, "audit", "--netns", "own"],
            &[deadpeer, "audit", "--netns", "own", "--each"],
            &[deadpeer, "audit", "--netns", "own", "--no-owners"],
        ],
    )?;
    let most = if beside.sockets >= 200_000 { 0.1 } else { 0.5 };
    let nor_setting = "audit / ss -tino, which shows neither owner nor setting";
    let of = |one: Sample, other: Sample| one.cpu_ms / other.cpu_ms;
    Ok(at_most("audit / ss -tinop", of(audit, ss_all), most)
        & at_most(nor_setting, of(audit, ss), 0.45)
        & at_most("audit --each / ss -tino", of(each, ss), 0.8)
        & at_most("audit --no-owners / ss -tino", of(no_owners, ss), 1.0 / 3.0)
        & at_most("audit, peak MiB", audit.peak_mib, 40.0))
}

/// Runs commands in turn, prints the median of each and returns it.
fn in_turn<const N: usize>(beside: &Beside, commands: [&[&str]; N]) -> Result<[Sample; N]> {
    let medians = Sample::medians(&commands, beside.rounds)?;
    let deadpeer = beside.deadpeer()?;
    let names = commands.map(|command| command.join(" ").replace(deadpeer, "deadpeer"));
    beside.print(
        &names
            .into_iter()
            .zip(medians.iter().copied())
            .collect::<Vec<_>>(),
    );
    Ok(std::array::from_fn(|place| medians[place]))
}
