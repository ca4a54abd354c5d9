//! A case in which clients vanish.

use std::time::{Duration, Instant};

use super::client::Party;
use super::control::Control;
use super::ending::Circumstances;
use super::path::Path;
use super::seen::Seen;
use super::stage::{Hitch, Played, Stage};
use super::{Case, CaseVerdict, Fault, State, judge};
use crate::host::Host;

/// How long it may take until the server's answers are on their way, or stuck.
const STUCK: Duration = Duration::from_secs(10);

/// The receive buffer of a client that is going to stop reading, in bytes.
const SMALL: usize = 4096;

/// How much they say at a time meanwhile, in bytes.
const FLOOD: usize = 16 * 1024;

/// For so long a server sends one answer after the other, and they are read.
const FLOW: Duration = Duration::from_secs(1);

/// A server that has not answered after so long does not answer at once.
const AT_ONCE: Duration = Duration::from_millis(300);

/// Brings the clients into the state, lets them vanish, and waits for the server.
pub(super) fn play(
    stage: &Stage<'_>,
    host: &Host,
    fault: Fault,
    state: State,
) -> Result<Played, Hitch> {
    let mut path = stage.path(host);
    let window = matches!(state, State::ZeroWindow).then_some(SMALL);
    let mut party = stage.gather(host, window)?;
    let control = Control::open(stage.server, host, stage.address.ip())?;
    // Read before the fault: a borrowed descriptor would keep the connection open.
    let before = stage.known(&stage.standing(host), Case::Vanish { fault, state });
    let seen = reach(stage, host, &mut party, &mut path, state)?;
    let known = match state {
        // Some servers set their options only after the first request.
        State::Idle => stage.known(&seen, Case::Vanish { fault, state }),
        State::InFlight | State::ZeroWindow | State::Sending | State::LateWrite => before,
    };
    let struck = Instant::now();
    fault.strike(&mut path, false)?;
    let party = match fault.is_clients() {
        true => {
            party.leave(fault == Fault::Abort);
            None
        }
        false => Some(party),
    };
    let bites = fault.is_clients() || control.loses();
    if let Some(later) = fault.second_act() {
        stage.until(later.saturating_sub(struck.elapsed()), || false)?;
        fault.strike(&mut path, true)?;
    }
    let circumstances = Circumstances {
        resets: fault.resets(),
        ..known.circumstances()
    };
    let verdict = wait(stage, host, &seen, struck, circumstances)?;
    drop(party);
    // What draws a RST at once is never seen waiting for its acknowledgement.
    let drew = |seen: &Seen| fault.resets() && seen.ended().is_some();
    let wrote = |seen: &Seen| seen.last.unacknowledged > 0 || seen.orphaned || drew(seen);
    if state == State::LateWrite && !stage.again(host, &seen).iter().all(wrote) {
        return Err(Hitch::because(
            "the server wrote nothing after the clients had vanished: send something that it answers later, yet in time",
        ));
    }
    match bites {
        true => Ok(Played {
            verdict,
            known,
            connections: seen.len(),
        }),
        false => Err(Hitch::because(
            "the fault had no effect: a control connection still works",
        )),
    }
}

/// Brings the connections into a state, and says which they are. For data in flight the server's
/// packets are cut already when this returns.
fn reach(
    stage: &Stage<'_>,
    host: &Host,
    party: &mut Party,
    path: &mut Path<'_>,
    state: State,
) -> Result<Vec<Seen>, Hitch> {
    let seen = stage.standing(host);
    match state {
        State::Idle => {
            stage.converse(party, host)?;
            return Ok(stage.standing(host));
        }
        State::InFlight => {
            let words = words(stage)?;
            // Whatever is in flight afterwards is so because of the cut.
            stage.hear_out(party, host)?;
            path.cut()?;
            party.say(words);
            // A server that closes after its answer has it in flight all the same.
            let sent = |seen: &Seen| seen.last.unacknowledged > 0 || seen.closed.is_some();
            arrived(stage, &seen, host, sent, "the server answers nothing")?;
        }
        State::ZeroWindow => {
            let words = words(stage)?;
            let stuck = |seen: &Seen| {
                party.say_much(words, FLOOD);
                seen.is_stuck()
            };
            let otherwise = "the server's answers do not fill the client's window";
            arrived(stage, &seen, host, stuck, otherwise)?;
        }
        State::Sending => {
            let words = words(stage)?;
            stage.until(FLOW, || {
                party.say_much(words, FLOOD);
                party.read(1 << 16);
                false
            })?;
            path.cut()?;
            // Requests still arrive, and the answers pile up.
            let sent = |seen: &Seen| {
                party.say_much(words, FLOOD);
                seen.stands() && seen.last.unacknowledged > 0
            };
            let otherwise = "the server does not go on sending";
            arrived(stage, &seen, host, sent, otherwise)?;
        }
        State::LateWrite => {
            party.say(words(stage)?);
            let heard = stage.until(STUCK, || party.is_heard())?;
            let answered = stage.until(AT_ONCE, || party.read(1 << 16) > 0)?;
            if answered || !heard {
                return Err(Hitch::because(
                    "the server answers at once: send something that it answers later, such as a blocking read",
                ));
            }
        }
    }
    Ok(seen)
}

/// What makes the server answer.
fn words<'a>(stage: &Stage<'a>) -> Result<&'a [u8], Hitch> {
    let words = stage.trial.send.as_deref();
    words.ok_or_else(|| Hitch::because("needs something to send"))
}

/// Waits until something holds for all of these connections.
fn arrived(
    stage: &Stage<'_>,
    mine: &[Seen],
    host: &Host,
    mut holds: impl FnMut(&Seen) -> bool,
    otherwise: &str,
) -> Result<(), Hitch> {
    let reached = stage.until(STUCK, || {
        let now = stage.again(host, mine);
        !now.is_empty() && now.iter().all(&mut holds)
    })?;
    match reached {
        true => Ok(()),
        false => Err(Hitch::because(otherwise)),
    }
}

/// Waits until all connections have ended or the deadline is over.
fn wait(
    stage: &Stage<'_>,
    host: &Host,
    mine: &[Seen],
    struck: Instant,
    circumstances: Circumstances,
) -> Result<CaseVerdict, Hitch> {
    let within = stage.trial.within;
    // What the watcher saw last may be a little older than the deadline.
    let bound = (within + super::watch::TICK * 3).saturating_sub(struck.elapsed());
    stage.until(bound, || {
        let now = stage.again(host, mine);
        now.iter().all(|seen| seen.ended().is_some())
    })?;
    let now = stage.again(host, mine);
    Ok(judge::vanished(&now, struck, within, circumstances))
}
