//! Waiting for the ends, without reading a byte.

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use deadpeer_bpf::{Deaths, Watched};
use deadpeer_core::Notice;
use deadpeer_sys::sock_diag::{SockDiag, SocketId};
use deadpeer_sys::{clock, netns};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;

use super::report::{End, Outcome, Report};
use super::stage::{Actor, Prediction, Stage};

/// How long after its forecast a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often is looked whether something happened.
const ROUND: Duration = Duration::from_millis(1);
/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(10);
/// Room for deaths that are not read yet, bytes.
const RING: usize = 1 << 20;

/// Plays all cues and waits until every connection is dead or overdue.
pub(super) fn until_all_are_dead(mut stage: Stage) -> Result<Report> {
    let mut watch = Watch::begin(&stage)?;
    let mut progress = clock::monotonic() + PROGRESS;
    loop {
        let now = clock::monotonic();
        if now >= progress {
            let dead = watch.ended.iter().flatten().count();
            eprintln!("{dead} of {} are over", watch.ended.len());
            progress = now + PROGRESS;
        }
        let due = stage.due();
        if due.is_some_and(|due| due <= now) {
            if let Some(n) = stage.play(now)? {
                watch.wait_for(&stage.actors[n], n)?;
            }
            continue;
        }
        watch.check();
        if due.is_none() && watch.is_over(&stage.actors, now) {
            break;
        }
        thread::sleep(ROUND);
    }
    let killed = killed_for_memory(&stage)?;
    if killed > 0 {
        println!(
            "{killed} closed connections were ended because this machine has too many of them (tcp_max_orphans) or too little memory, which no forecast knows of"
        );
    }
    let tick = stage.tick();
    let outcomes = stage.actors.iter().zip(watch.ended);
    let outcomes = outcomes.map(|(actor, death)| Outcome::of(actor, death, tick));
    Ok(Report::new(outcomes.collect()))
}

/// How many orphans the kernel ended out of turn, whatever namespace the others belong to
/// (net/ipv4/tcp_timer.c, `tcp_out_of_resources`).
fn killed_for_memory(stage: &Stage) -> Result<u64> {
    let near = stage.paths.near()?;
    let text = near.enter(|| fs::read_to_string("/proc/thread-self/net/netstat"))??;
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("TcpExt: "));
    let (names, values) = lines.next().zip(lines.next()).context("no TcpExt")?;
    let mut named = names.split(' ').zip(values.split(' '));
    let (_, value) = named
        .find(|(name, _)| *name == "TCPAbortOnMemory")
        .context("no TCPAbortOnMemory")?;
    Ok(value.parse()?)
}

/// Knows when connections end: from a descriptor or the kernel's table that they have, and, where
/// the kernel itself reports it by eBPF, to the microsecond, however busy the machine is.
struct Watch {
    /// Not every kernel of a hosted machine reports each.
    deaths: Deaths,
    /// Actors by the cookie of their socket.
    actors: HashMap<u64, usize>,
    poller: Poller,
    /// When each actor's connection ended, `CLOCK_MONOTONIC`.
    ended: Vec<Option<End>>,
}

impl Watch {
    fn begin(stage: &Stage) -> Result<Self> {
        let near = stage.paths.near()?;
        let namespace = netns::inode(near.enter(netns::open_current)??)?;
        let watched = Watched::Namespace(u32::try_from(namespace)?);
        Ok(Self {
            deaths: stage.engine.deaths(watched, RING)?,
            actors: HashMap::new(),
            poller: Poller::begin(near.enter(SockDiag::open)??)?,
            ended: vec![None; stage.actors.len()],
        })
    }

    /// Has the end of an actor's connection told.
    fn wait_for(&mut self, actor: &Actor, n: usize) -> Result<()> {
        let prediction = actor.prediction.as_ref().context("no forecast")?;
        let kind = actor.scenario.kind;
        if !kind.outlives_its_connection() {
            self.actors.insert(prediction.cookie, n);
        }
        match actor.connection()?.ours() {
            // No event is asked for: ERR and HUP come unasked, and here once.
            Some(ours) => epoll::add(
                &self.poller.poll,
                ours,
                EventData::new_u64(n as u64),
                EventFlags::ONESHOT,
            )?,
            None => self.poller.left.send((n, prediction.socket))?,
        }
        Ok(())
    }

    fn check(&mut self) {
        for (n, end) in self.poller.told.try_iter() {
            self.ended[n].get_or_insert(end);
        }
        self.deaths.drain(|death| {
            if let Some(n) = self.actors.get(&death.cookie) {
                self.ended[*n] = Some(End::at(death.at));
            }
        });
    }

    /// Whether all are dead or overdue.
    fn is_over(&self, actors: &[Actor], now: Duration) -> bool {
        let waiting = actors.iter().zip(&self.ended);
        let mut waiting = waiting.filter(|(_, ended)| ended.is_none());
        waiting.all(|(actor, _)| {
            let silence = actor.scenario.kind.silence();
            let overdue = |told: &Prediction| {
                let notices = told.blurred.map(|told| told.outlook(silence).now);
                let latest = notices.into_iter().flatten().filter_map(Notice::latest);
                told.at + latest.max().unwrap_or_default() + PATIENCE < now
            };
            actor.prediction.as_ref().is_none_or(overdue)
        })
    }
}

/// Looks for ends in a thread of its own, for what is played may take longer than a tick.
struct Poller {
    poll: Arc<OwnedFd>,
    /// Sockets without a descriptor.
    left: Sender<(usize, SocketId)>,
    told: Receiver<(usize, End)>,
}

impl Poller {
    fn begin(table: SockDiag) -> Result<Self> {
        let poll = Arc::new(epoll::create(CreateFlags::CLOEXEC)?);
        let (left, unheld) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let theirs = Arc::clone(&poll);
        thread::spawn(move || poll_ends(&theirs, table, &unheld, &tell));
        Ok(Self { poll, left, told })
    }
}

/// Until nobody listens.
fn poll_ends(
    poll: &OwnedFd,
    mut table: SockDiag,
    left: &Receiver<(usize, SocketId)>,
    tell: &Sender<(usize, End)>,
) -> Result<()> {
    let round = Timespec::try_from(ROUND)?;
    let mut events = Vec::with_capacity(256);
    // With the moment when each was seen last.
    let mut unheld: Vec<(usize, SocketId, Duration)> = Vec::new();
    let mut polled = clock::monotonic();
    loop {
        events.clear();
        let buffer = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(poll, buffer, Some(&round)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let end = End {
            after: polled,
            before: clock::monotonic(),
        };
        polled = end.before;
        for event in &events {
            tell.send((event.data.u64() as usize, end))?;
        }
        loop {
            match left.try_recv() {
                Ok((n, socket)) => unheld.push((n, socket, polled)),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
        for (n, socket, seen) in std::mem::take(&mut unheld) {
            let asked = clock::monotonic();
            match table.state_between(&socket)? {
                Some(_) => unheld.push((n, socket, asked)),
                None => {
                    let before = clock::monotonic();
                    tell.send((
                        n,
                        End {
                            after: seen,
                            before,
                        },
                    ))?;
                }
            }
        }
    }
}
