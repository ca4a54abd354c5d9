//! `cargo xtask check-guard`: ten thousand live connections under a guard that destroys, of which
//! none may go, and dead ones, which must, within the deadline and a sweep; behind closed windows
//! within four deadlines as a rule, and six and a half at the most.
//!
//! Live peers are behind paths that lose up to a quarter of all packets each way; links flap,
//! theirs and ours; half of the peers can't be reached for twice the deadline, by our own fault.
//! Dead ones lose their power in between.

mod guard;
mod peers;
mod server;
mod stage;

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::lab_peer;
use stage::{Destroyed, Stage, Whose};

/// Guard ten thousand live connections without harm, and destroy dead ones in time; eight minutes.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Live connections, evenly in each of seven states.
    #[arg(long, default_value_t = 10_000)]
    live: usize,
    /// Dead ones, evenly in those of the states in which a peer is asked.
    #[arg(long, default_value_t = 300)]
    dead: usize,
    /// The deadline, seconds.
    #[arg(long, default_value_t = 30)]
    deadline: u64,
    /// The seed of everything random on the wire.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program under guard.
    #[arg(long, hide = true)]
    server: bool,
}

/// Hosts with live peers, and with those that die: fewer than would make the brake hold.
const LIVE_HOSTS: usize = 40;
const DEAD_HOSTS: usize = 5;
/// How many of 100 packets are lost each way to live hosts, in turn.
const LOSSES: [f64; 5] = [0.0, 0.05, 0.10, 0.20, 0.25];
/// How long the loss is there before anything else goes wrong: in the first seconds of heavy loss
/// nobody could tell it from death.
const LIFE: Duration = Duration::from_secs(100);
/// How long a link is down, how often, and how long it is up in between.
const FLAP: Duration = Duration::from_secs(3);
const FLAPS: usize = 3;
const BETWEEN_FLAPS: Duration = Duration::from_secs(5);

/// Returns whether no live connection ended and every dead one in time.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    if arguments.server {
        return server::serve().map(|()| true);
    }
    if let Some(done) = lab_peer::done_elsewhere(false)? {
        return Ok(done);
    }
    lab_peer::raise_the_limit_of_descriptors()?;
    let deadline = Duration::from_secs(arguments.deadline);
    let stage = Stage::set(arguments.live, arguments.dead, deadline, arguments.seed)?;
    stage.lose()?;
    stage.live_for(LIFE)?;

    let vanished = stage.cut_the_dead()?;
    stage.flap(FLAPS, FLAP, BETWEEN_FLAPS, Whose::Theirs)?;
    stage.live_for(deadline * 4)?;
    let ended = |closed_window| stage.destroyed_since(vanished, closed_window).count;
    if ended(false) + ended(true) < stage.dead() {
        // Its path has lost something before, and the kernel asks no more than fifteen times.
        stage.live_for(deadline * 5 / 2)?;
    }
    let after_deaths = stage.harmed();
    stage.cut_half(deadline * 2)?;
    stage.live_for(deadline * 2)?;
    stage.flap(FLAPS, FLAP, BETWEEN_FLAPS, Whose::Ours)?;
    stage.live_for(deadline * 2)?;

    println!(
        "deadline {deadline:?}, a sweep every {:?}; the guard: {}",
        stage.sweep(),
        stage.status()?
    );
    println!("after loss, deaths of others, and flaps of their links: {after_deaths:?}");
    let harmed = stage.harmed();
    println!(
        "of {} live connections at the end: {harmed:?}",
        stage.live()
    );
    let bound = deadline + stage.sweep();
    let in_time = stage.destroyed_since(vanished, false);
    let met = tell("dead ones", &in_time, bound);
    let behind = stage.destroyed_since(vanished, true);
    let usual = deadline * 4 + stage.sweep();
    let latest = deadline * 13 / 2;
    let met =
        tell("dead ones behind a closed window", &behind, latest) && behind.median <= usual && met;
    let unharmed = harmed.destroyed == 0 && harmed.given_up == harmed.given_up_on_lossy;
    Ok(unharmed && met && in_time.count + behind.count == stage.dead())
}

fn tell(who: &str, destroyed: &Destroyed, bound: Duration) -> bool {
    let met = destroyed.slowest <= bound;
    println!(
        "{} {who} ended, in the middle after {:.1} s, at most {:.1} s; at most {:.1} s: {}",
        destroyed.count,
        destroyed.median.as_secs_f64(),
        destroyed.slowest.as_secs_f64(),
        bound.as_secs_f64(),
        if met { "met" } else { "MISSED" },
    );
    met
}
