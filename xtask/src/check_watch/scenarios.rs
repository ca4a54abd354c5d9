//! What the lab does to the connections.

use std::time::Duration;

use anyhow::Result;
use deadpeer_lab::fault::Deed;
use deadpeer_lab::scenario::{self, Fate, Scenario};
use deadpeer_lab::state::State;

/// How long connections live on a path that loses much before they are watched: long enough to have
/// been measured. In the first seconds of heavy loss nobody could tell it from death: within 10 s
/// and at 40 % loss each way, of 20,000 connections 14 are called dead after 40 s of it, and none
/// after 80 s (`cargo run --release -p deadpeer-core --example verdict_simulation`).
const LIFE: Duration = Duration::from_secs(80);

/// A deadline of which connect() survives an outage of four fifths.
const LONGEST_CONNECT: Duration = Duration::from_secs(60);
/// The same, the shortest: the silence of a connect() begins with its first SYN, a second or two
/// before the outage does.
const SHORTEST_CONNECT: Duration = Duration::from_secs(15);
/// The same for a write: up to a second of silence before it, the outage and a second between two
/// retransmissions, which Linux doesn't go below, are as long as a deadline of 10 s. A dead peer
/// looks the same until then.
const SHORTEST_WRITE: Duration = Duration::from_secs(15);
/// Loses 40 of 100 packets each way.
const HEAVIEST: &str = "loss-40";

/// The scenarios of live and of dead peers, with the supervised method and so many connections in
/// each state.
pub(super) fn all(deadline: Duration, live: usize, dead: usize) -> Result<Vec<Scenario>> {
    let mut scenarios = scenario::library()?;
    scenarios.retain(|scenario| {
        scenario.is_in_matrix() && matches!(scenario.peer, Fate::Alive | Fate::Gone)
    });
    for scenario in &mut scenarios {
        scenario.methods = Some(vec!["supervised".to_owned()]);
        scenario.copies = match scenario.peer {
            Fate::Alive => live,
            Fate::Gone | Fate::Finished | Fate::Frozen => dead,
        };
        if matches!(scenario.name.as_str(), "loss-25" | HEAVIEST) {
            lose_from_the_beginning(scenario);
        }
        // Without a watch, connect() itself gives up earlier than that (tcp_syn_retries), and the
        // controls with it.
        let survived = SHORTEST_CONNECT..=LONGEST_CONNECT;
        if scenario.name == "outage-four-fifths" {
            if !survived.contains(&deadline) {
                scenario.except.push(State::Connecting);
            }
            if deadline < SHORTEST_WRITE {
                scenario.except.push(State::OneWrite);
            }
        }
    }
    // The longest first, so that none is waited for at the end.
    scenarios.sort_by_key(|scenario| scenario.life.is_empty());
    Ok(scenarios)
}

/// The loss has been there for a while when the watch begins. Left out are connections that have
/// not been made yet, for of those nothing can have been measured, and at the heaviest loss those
/// behind a closed window: after `tcp_retries2` window probes in a row without an answer the kernel
/// gives them up under any settings (net/ipv4/tcp_timer.c, `tcp_probe_timer`), as it would without
/// a watch.
fn lose_from_the_beginning(scenario: &mut Scenario) {
    scenario.life = std::mem::take(&mut scenario.steps);
    scenario.life.push(Deed::Wait {
        time: Some(LIFE),
        share_of_deadline: None,
    });
    scenario.except.push(State::Connecting);
    if scenario.name == HEAVIEST {
        scenario.except.push(State::ZeroWindow);
    }
}
