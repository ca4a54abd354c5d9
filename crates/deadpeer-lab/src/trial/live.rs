//! A case in which clients live, and make it hard.

use std::time::{Duration, Instant};

use super::client::Party;
use super::control::Control;
use super::seen::Seen;
use super::stage::{Hitch, Played, Stage};
use super::{Case, Living, judge};
use crate::host::Host;

/// The share of packets that a lossy path loses, each way.
const LOSS: f64 = 0.05;

/// What a long path adds, each way.
const DELAY: Duration = Duration::from_millis(300);
const JITTER: Duration = Duration::from_millis(50);

/// How much of the deadline an outage takes.
const OUTAGE: f64 = 1.0 / 3.0;

/// How a slow reader reads: so often, and so many bytes until the deadline. Less than a segment's
/// worth, so that its window stays closed (net/ipv4/tcp_output.c, `__tcp_select_window`).
const PAUSE: Duration = Duration::from_millis(100);
const SIPPED: f64 = 1024.0;

/// The receive buffer of a slow reader, in bytes.
const SMALL: usize = 4096;

/// How much it asks for at a time until then, in bytes.
const FLOOD: usize = 16 * 1024;

/// How long it may take until a slow reader's window is closed.
const STUCK: Duration = Duration::from_secs(10);

/// Makes it hard for as long as the deadline, and sees whether the connections stand.
pub(super) fn play(stage: &Stage<'_>, host: &Host, living: Living) -> Result<Played, Hitch> {
    let window = (living == Living::SlowReader).then_some(SMALL);
    let mut party = stage.gather(host, window)?;
    let control = Control::open(stage.server, host, stage.address.ip())?;
    let mut path = stage.path(host);
    let began = Instant::now();
    match living {
        Living::Untouched | Living::Outage => {}
        Living::Lossy => path.lose(LOSS)?,
        Living::Delayed => path.delay(DELAY, JITTER)?,
        Living::SlowReader => fill(stage, host, &mut party)?,
    }
    if living != Living::SlowReader {
        stage.converse(&mut party, host)?;
    }
    let seen = stage.standing(host);
    let known = stage.known(&seen, Case::Live(living));
    let lives = || stage.again(host, &seen).iter().all(Seen::stands);
    let end = began + stage.trial.within;
    let bites = match living {
        Living::Untouched => true,
        Living::Lossy | Living::Delayed => {
            control.chatter(|| path.acted().is_ok_and(|packets| packets > 0))
        }
        Living::Outage => {
            let over = Instant::now() + stage.trial.within.mul_f64(OUTAGE);
            path.silence()?;
            let bites = control.loses();
            stage.until(left(over), || !lives())?;
            path.mend()?;
            bites
        }
        Living::SlowReader => {
            sip(stage, &mut party, end, lives)?;
            true
        }
    };
    stage.until(left(end), || !lives())?;
    let verdict = judge::lived(&stage.again(host, &seen), began, known.circumstances());
    if let Some((status, words)) = party.ended() {
        return Err(Hitch::because(format!(
            "the client's command ended by itself ({status}) {words}"
        )));
    }
    match bites {
        true => Ok(Played {
            verdict,
            known,
            connections: seen.len(),
        }),
        false => Err(Hitch::because(
            "the fault of the path had no effect: a control connection shows none of it",
        )),
    }
}

/// Asks and does not read until the server is stuck.
fn fill(stage: &Stage<'_>, host: &Host, party: &mut Party) -> Result<(), Hitch> {
    let words = stage.trial.send.as_deref().unwrap_or_default();
    let filled = stage.until(STUCK, || {
        party.say_much(words, FLOOD);
        let standing = stage.standing(host);
        !standing.is_empty() && standing.iter().all(Seen::is_stuck)
    })?;
    match filled {
        true => Ok(()),
        false => Err(Hitch::because(
            "the server's answers do not fill the client's window",
        )),
    }
}

/// Reads a few bytes, and pauses.
fn sip(
    stage: &Stage<'_>,
    party: &mut Party,
    end: Instant,
    lives: impl Fn() -> bool,
) -> Result<(), Hitch> {
    let share = PAUSE.as_secs_f64() / stage.trial.within.as_secs_f64();
    let few = (SIPPED * share).max(1.0) as usize;
    while lives() && !left(end).is_zero() {
        party.read(few);
        stage.until(PAUSE.min(left(end)), || false)?;
    }
    Ok(())
}

fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}
