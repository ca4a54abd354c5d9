//! The lab with everybody in it, and what is done to them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use deadpeer_lab::router::{Action, Condition, Rule};
use deadpeer_lab::state::State;
use deadpeer_lab::{Host, Lab, Process};
use rustix::io::Errno;

use super::guard::{self, Guard};
use super::peers::Peers;
use super::server::STATES;
use super::{DEAD_HOSTS, LIVE_HOSTS, LOSSES};

/// How long all may take to connect.
const CONNECT: Duration = Duration::from_secs(120);

/// Whose link is pulled.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    Ours,
    /// That of every third live host.
    Theirs,
}

pub(super) struct Stage {
    guard: Guard,
    told: Arc<Mutex<Told>>,
    live: usize,
    dead: usize,
    deadline: Duration,
    _peers: Peers,
    _server: Process,
    lab: Lab,
}

/// What the server has told so far.
#[derive(Default)]
struct Told {
    listens: bool,
    accepted: usize,
    /// By their peers and states: a peer may have the same port at several of ours.
    over: BTreeMap<(SocketAddr, String), End>,
}

/// How a connection ended.
struct End {
    at: Instant,
    /// By somebody, and not by the kernel's own clock.
    destroyed: bool,
}

/// How the dead went.
#[derive(Default)]
pub(super) struct Destroyed {
    pub(super) count: usize,
    pub(super) slowest: Duration,
    pub(super) median: Duration,
}

/// Live connections that ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Harmed {
    /// By the guard.
    pub(super) destroyed: usize,
    /// By the kernel, which asked in vain for as long as the guard has it ask.
    pub(super) given_up: usize,
    /// The same, on paths that lose a fifth of all packets each way or more.
    pub(super) given_up_on_lossy: usize,
}

impl Stage {
    /// Everybody is connected, and the guard has begun.
    pub(super) fn set(live: usize, dead: usize, deadline: Duration, seed: u64) -> Result<Self> {
        let deadpeer = guard::build()?;
        let names = (0..LIVE_HOSTS).map(|host| format!("live{host}"));
        let names = names.chain((0..DEAD_HOSTS).map(|host| format!("dead{host}")));
        let lab = Lab::with_hosts(["server".to_owned()].into_iter().chain(names));
        let lab = lab.seed(seed).start()?;
        let told = Arc::default();
        let server = start_server(&lab.hosts()[0], &told)?;
        until(CONNECT, || lock(&told).listens)?;
        let peers = Peers::none()?;
        let (live_hosts, dead_hosts) = lab.hosts()[1..].split_at(LIVE_HOSTS);
        // A peer that has closed its end is not asked.
        let asked =
            |state: &State| !matches!(state, State::HalfClosedByUs | State::HalfClosedByPeer);
        let mortal: Vec<State> = STATES.into_iter().filter(asked).collect();
        populate(&peers, &lab.hosts()[0], live_hosts, live, &STATES)?;
        populate(&peers, &lab.hosts()[0], dead_hosts, dead, &mortal)?;
        until(CONNECT, || lock(&told).accepted == live + dead)?;
        let asked = STATES.iter().cycle().take(live.div_ceil(LIVE_HOSTS));
        let asked = asked.filter(|state| mortal.contains(state)).count();
        let guard = Guard::start(
            deadpeer,
            &lab.hosts()[0],
            deadline,
            asked * (live / live.div_ceil(LIVE_HOSTS)) * 9 / 10 + dead,
        )?;
        Ok(Self {
            guard,
            told,
            live,
            dead,
            deadline,
            _peers: peers,
            _server: server,
            lab,
        })
    }

    pub(super) fn live(&self) -> usize {
        self.live
    }

    pub(super) fn dead(&self) -> usize {
        self.dead
    }

    /// How far apart sweeps are.
    pub(super) fn sweep(&self) -> Duration {
        (self.deadline / 6).min(Duration::from_secs(10))
    }

    /// From now on paths to live hosts lose their shares.
    pub(super) fn lose(&self) -> Result<()> {
        for (host, loss) in self.live_hosts().iter().zip(LOSSES.iter().cycle()) {
            for when in both_ways(host).map(|when| when.chance(*loss)) {
                self.lab.wire().add(Rule::new("loss", when, Action::Drop))?;
            }
        }
        Ok(())
    }

    /// Lets time pass.
    pub(super) fn live_for(&self, time: Duration) -> Result<()> {
        eprintln!("{time:?}; {}", self.status()?);
        thread::sleep(time);
        Ok(())
    }

    /// Those that are to die do. Returns when.
    pub(super) fn cut_the_dead(&self) -> Result<Instant> {
        let at = Instant::now();
        for host in &self.lab.hosts()[1 + LIVE_HOSTS..] {
            self.cut(host)?;
        }
        Ok(at)
    }

    fn cut(&self, host: &Host) -> Result<Vec<deadpeer_lab::router::RuleId>> {
        let rules = both_ways(host).map(|when| Rule::new("cut", when, Action::Drop));
        let rules = rules.into_iter().map(|rule| Ok(self.lab.wire().add(rule)?));
        rules.collect()
    }

    /// Half of the live hosts can't be reached for so long.
    pub(super) fn cut_half(&self, time: Duration) -> Result<()> {
        let half = self.live_hosts().iter().take(LIVE_HOSTS / 2);
        let rules = half
            .map(|host| self.cut(host))
            .collect::<Result<Vec<_>>>()?;
        self.live_for(time)?;
        for rule in rules.into_iter().flatten() {
            self.lab.wire().remove(rule)?;
        }
        Ok(())
    }

    /// Links go down and come back.
    pub(super) fn flap(
        &self,
        times: usize,
        down: Duration,
        up: Duration,
        whose: Whose,
    ) -> Result<()> {
        let ends: Vec<_> = match whose {
            Whose::Ours => vec![self.lab.hosts()[0].end()],
            Whose::Theirs => self.live_hosts().iter().step_by(3).map(Host::end).collect(),
        };
        for _ in 0..times {
            for end in &ends {
                self.lab.wire().unplug(*end)?;
            }
            thread::sleep(down);
            for end in &ends {
                self.lab.wire().plug(*end)?;
            }
            thread::sleep(up);
        }
        Ok(())
    }

    /// Live connections that have ended.
    pub(super) fn harmed(&self) -> Harmed {
        let mut harmed = Harmed::default();
        for ((peer, _), end) in &lock(&self.told).over {
            let host = self
                .live_hosts()
                .iter()
                .position(|host| host.v4() == peer.ip());
            let Some(host) = host else { continue };
            let is_lossy = LOSSES[host % LOSSES.len()] >= 0.2;
            harmed.destroyed += usize::from(end.destroyed);
            harmed.given_up += usize::from(!end.destroyed);
            harmed.given_up_on_lossy += usize::from(!end.destroyed && is_lossy);
        }
        harmed
    }

    /// The dead that have been destroyed, and how long after this: those behind a closed window, or
    /// the others.
    pub(super) fn destroyed_since(&self, vanished: Instant, closed_window: bool) -> Destroyed {
        let told = lock(&self.told);
        let is_dead =
            |peer: &SocketAddr| !self.live_hosts().iter().any(|host| host.v4() == peer.ip());
        let dead = told.over.iter().filter(|((peer, _), _)| is_dead(peer));
        let dead =
            dead.filter(|((_, state), _)| (state == State::ZeroWindow.name()) == closed_window);
        let mut times: Vec<Duration> = dead.map(|(_, end)| end.at - vanished).collect();
        times.sort_unstable();
        Destroyed {
            count: times.len(),
            slowest: times.last().copied().unwrap_or_default(),
            median: times.get(times.len() / 2).copied().unwrap_or_default(),
        }
    }

    /// What the guard says of itself.
    pub(super) fn status(&self) -> Result<String> {
        let status = self.guard.status()?;
        let holding: Vec<_> = status.holding.iter().map(|hold| &hold.reason).collect();
        Ok(format!(
            "{} sweeps, {} destroyed, {} times one was let live, holding {holding:?}",
            status.sweeps, status.destroyed, status.spared
        ))
    }

    fn live_hosts(&self) -> &[Host] {
        &self.lab.hosts()[1..=LIVE_HOSTS]
    }
}

fn both_ways(host: &Host) -> [Condition; 2] {
    [
        Condition::any().from(host.end()),
        Condition::any().to(host.end()),
    ]
}

fn populate(
    peers: &Peers,
    server: &Host,
    hosts: &[Host],
    connections: usize,
    states: &[State],
) -> Result<()> {
    let mut left = connections;
    for (place, host) in hosts.iter().enumerate() {
        let share = left.div_ceil(hosts.len() - place);
        left -= share;
        peers.add(
            host,
            server.v4(),
            states.iter().copied().cycle().take(share),
        )?;
    }
    Ok(())
}

fn start_server(host: &Host, told: &Arc<Mutex<Told>>) -> Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["check-guard", "--server"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = host.spawn(&mut command)?;
    let out = server.child().stdout.take().context("its output")?;
    let told = Arc::clone(told);
    thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let mut told = lock(&told);
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["listens"] => told.listens = true,
                ["accepted", number] => told.accepted = number.parse().unwrap_or(0),
                ["over", peer, state, errno] => {
                    if let Ok(peer) = peer.parse() {
                        let end = End {
                            at: Instant::now(),
                            destroyed: errno.parse() == Ok(Errno::CONNABORTED.raw_os_error()),
                        };
                        told.over.insert((peer, state.to_owned()), end);
                    }
                }
                _ => {}
            }
        }
    });
    Ok(server)
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

fn until(bound: Duration, holds: impl Fn() -> bool) -> Result<()> {
    let bound = Instant::now() + bound;
    while !holds() {
        ensure!(Instant::now() < bound, "it takes too long");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
