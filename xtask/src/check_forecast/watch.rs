//! Waiting for the deaths, without reading a byte.

use std::time::Duration;

use anyhow::Result;
use deadpeer_core::Notice;
use deadpeer_sys::clock;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::Timespec;

use super::report::{Outcome, Report};
use super::stage::{Actor, Stage};

/// How long after its forecast a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Plays all cues and waits until every connection is dead or overdue.
pub(super) fn until_all_are_dead(mut stage: Stage) -> Result<Report> {
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut deaths: Vec<Option<Duration>> = vec![None; stage.actors.len()];
    let mut events = Vec::with_capacity(256);
    loop {
        let now = clock::monotonic();
        if let Some((&(due, n), &cue)) = stage.cues.first_key_value()
            && due <= now
        {
            stage.cues.remove(&(due, n));
            if stage.play(n, cue)? {
                let ours = &stage.actors[n].connection()?.ours;
                // No event is asked for: ERR and HUP come unasked.
                epoll::add(
                    &poll,
                    ours,
                    EventData::new_u64(n as u64),
                    EventFlags::empty(),
                )?;
            }
            continue;
        }
        let waiting = stage
            .actors
            .iter()
            .zip(&deaths)
            .filter(|(_, death)| death.is_none());
        let Some(overdue) = waiting.filter_map(|(actor, _)| overdue(actor)).max() else {
            if stage.cues.is_empty() {
                break;
            }
            wait_for_cue(&stage, &poll, &mut events)?;
            continue;
        };
        if now > overdue && stage.cues.is_empty() {
            break;
        }
        wait_for_cue(&stage, &poll, &mut events)?;
        let at = clock::monotonic();
        for event in &events {
            let n = usize::try_from(event.data.u64())?;
            epoll::delete(&poll, &stage.actors[n].connection()?.ours)?;
            deaths[n] = Some(at);
        }
    }
    let tick = stage.clock.tick();
    let outcomes = stage
        .actors
        .iter()
        .zip(deaths)
        .map(|(actor, death)| Outcome::of(actor, death, tick));
    Ok(Report::new(outcomes.collect()))
}

fn overdue(actor: &Actor) -> Option<Duration> {
    let prediction = actor.prediction.as_ref()?;
    let notice = prediction.blurred.outlook(actor.scenario.act.silence()).now;
    let latest = notice.and_then(Notice::latest).unwrap_or_default();
    Some(prediction.at + latest + PATIENCE)
}

/// Waits for deaths, up to the next cue and at most a second.
fn wait_for_cue(
    stage: &Stage,
    poll: &std::os::fd::OwnedFd,
    events: &mut Vec<epoll::Event>,
) -> Result<()> {
    let next = stage.cues.first_key_value().map(|((due, _), _)| *due);
    let wait = next
        .map_or(Duration::from_secs(1), |due| {
            due.saturating_sub(clock::monotonic())
        })
        .min(Duration::from_secs(1));
    events.clear();
    let timeout = Timespec::try_from(wait)?;
    match epoll::wait(poll, rustix::buffer::spare_capacity(events), Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
