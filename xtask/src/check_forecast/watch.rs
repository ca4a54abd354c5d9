//! Waiting for the deaths, without reading a byte.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use deadpeer_core::Notice;
use deadpeer_sys::clock;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;

use super::report::{Outcome, Report};
use super::stage::{Actor, Stage};

/// How long after its forecast a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the watch looks whether the play is over.
const ROUND: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Plays all cues and waits until every connection is dead or overdue.
pub(super) fn until_all_are_dead(mut stage: Stage) -> Result<Report> {
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    let over = AtomicBool::new(false);
    let deaths = thread::scope(|scope| {
        // A thread of its own: playing a cue may take longer than a tick.
        let (sender, deaths) = mpsc::channel();
        scope.spawn(|| watch(&poll, &over, sender));
        let played = play(&mut stage, &poll, &deaths);
        over.store(true, Ordering::Relaxed);
        played
    })?;
    let tick = stage.clock.tick();
    let outcomes = stage.actors.iter().zip(deaths);
    let outcomes = outcomes.map(|(actor, death)| Outcome::of(actor, death, tick));
    Ok(Report::new(outcomes.collect()))
}

/// An actor's connection died at this moment of `CLOCK_MONOTONIC`.
type Death = (usize, Duration);

/// Tells each death once.
fn watch(poll: &OwnedFd, over: &AtomicBool, deaths: Sender<Death>) -> Result<(), Errno> {
    let mut events = Vec::with_capacity(256);
    while !over.load(Ordering::Relaxed) {
        events.clear();
        match epoll::wait(
            poll,
            rustix::buffer::spare_capacity(&mut events),
            Some(&ROUND),
        ) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let at = clock::monotonic();
        for event in &events {
            let told = deaths.send((event.data.u64() as usize, at));
            if told.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn play(
    stage: &mut Stage,
    poll: &OwnedFd,
    told: &mpsc::Receiver<Death>,
) -> Result<Vec<Option<Duration>>> {
    let mut deaths = vec![None; stage.actors.len()];
    loop {
        let now = clock::monotonic();
        let due = stage.cues.first_key_value().map(|((due, _), _)| *due);
        if due.is_some_and(|due| due <= now) {
            if let Some(((_, n), cue)) = stage.cues.pop_first()
                && stage.play(n, cue)?
            {
                // No event is asked for: ERR and HUP come unasked, and here once.
                let ours = &stage.actors[n].connection()?.ours;
                epoll::add(
                    poll,
                    ours,
                    EventData::new_u64(n as u64),
                    EventFlags::ONESHOT,
                )?;
            }
            continue;
        }
        let waiting = stage.actors.iter().zip(&deaths);
        let waiting = waiting.filter(|(_, death)| death.is_none());
        let last = waiting.filter_map(|(actor, _)| overdue(actor)).max();
        if due.is_none() && last.is_none_or(|last| now > last) {
            return Ok(deaths);
        }
        let wait = due.map_or(Duration::from_secs(1), |due| due - now);
        if let Ok((n, at)) = told.recv_timeout(wait) {
            deaths[n] = Some(at);
        }
    }
}

fn overdue(actor: &Actor) -> Option<Duration> {
    let prediction = actor.prediction.as_ref()?;
    let notice = prediction.blurred.outlook(actor.scenario.act.silence()).now;
    let latest = notice.and_then(Notice::latest).unwrap_or_default();
    Some(prediction.at + latest + PATIENCE)
}
