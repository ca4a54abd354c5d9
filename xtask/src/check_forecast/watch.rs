//! Waiting for the ends, without reading a byte.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use deadpeer_core::Notice;
use deadpeer_sys::clock;
use deadpeer_sys::sock_diag::{SockDiag, SocketId};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;

use super::report::{Outcome, Report};
use super::stage::{Actor, Stage};

/// How long after its forecast a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the kernel's table is looked into for sockets without a descriptor, and whether the
/// play is over.
const ROUND: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 1_000_000,
};
/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(10);

/// Plays all cues and waits until every connection is dead or overdue.
pub(super) fn until_all_are_dead(mut stage: Stage) -> Result<Report> {
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    let table = stage.paths.near()?.enter(SockDiag::open)??;
    let over = AtomicBool::new(false);
    let deaths = thread::scope(|scope| {
        // A thread of its own: playing a cue may take longer than a tick.
        let (tell, told) = mpsc::channel();
        let (leave, left) = mpsc::channel();
        let watch = Watch {
            poll: &poll,
            over: &over,
            tell,
            left,
            table,
        };
        scope.spawn(|| watch.run());
        let played = play(&mut stage, &poll, &leave, &told);
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
struct Watch<'a> {
    poll: &'a OwnedFd,
    over: &'a AtomicBool,
    tell: Sender<Death>,
    /// Sockets without a descriptor.
    left: Receiver<(usize, SocketId)>,
    table: SockDiag,
}

impl Watch<'_> {
    fn run(mut self) -> Result<()> {
        let mut events = Vec::with_capacity(256);
        let mut unheld = Vec::new();
        while !self.over.load(Ordering::Relaxed) {
            events.clear();
            match epoll::wait(
                self.poll,
                rustix::buffer::spare_capacity(&mut events),
                Some(&ROUND),
            ) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let at = clock::monotonic();
            for event in &events {
                self.tell.send((event.data.u64() as usize, at))?;
            }
            unheld.extend(self.left.try_iter());
            let mut still = Vec::with_capacity(unheld.len());
            for (n, socket) in unheld {
                if self.table.state_between(&socket)?.is_some() {
                    still.push((n, socket));
                } else {
                    self.tell.send((n, clock::monotonic()))?;
                }
            }
            unheld = still;
        }
        Ok(())
    }
}

fn play(
    stage: &mut Stage,
    poll: &OwnedFd,
    leave: &Sender<(usize, SocketId)>,
    told: &Receiver<Death>,
) -> Result<Vec<Option<Duration>>> {
    let mut deaths = vec![None; stage.actors.len()];
    let mut progress = clock::monotonic() + PROGRESS;
    loop {
        let now = clock::monotonic();
        if now >= progress {
            let dead = deaths.iter().flatten().count();
            eprintln!("{dead} of {} are over", deaths.len());
            progress = now + PROGRESS;
        }
        let due = stage.due();
        if due.is_some_and(|due| due <= now) {
            if let Some(n) = stage.play(now)? {
                wait_for(&stage.actors[n], n, poll, leave)?;
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

/// Has the end of an actor's connection told.
fn wait_for(
    actor: &Actor,
    n: usize,
    poll: &OwnedFd,
    leave: &Sender<(usize, SocketId)>,
) -> Result<()> {
    if actor.is_unheld() {
        let prediction = actor.prediction.as_ref().context("no forecast")?;
        leave
            .send((n, prediction.socket))
            .context("nobody watches")?;
    } else {
        // No event is asked for: ERR and HUP come unasked, and here once.
        let ours = actor.connection()?.ours().context("no descriptor")?;
        epoll::add(
            poll,
            ours,
            EventData::new_u64(n as u64),
            EventFlags::ONESHOT,
        )?;
    }
    Ok(())
}

fn overdue(actor: &Actor) -> Option<Duration> {
    let prediction = actor.prediction.as_ref()?;
    let notice = prediction
        .blurred
        .outlook(actor.scenario.kind.silence())
        .now;
    let latest = notice.and_then(Notice::latest).unwrap_or_default();
    Some(prediction.at + latest + PATIENCE)
}
