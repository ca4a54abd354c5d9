//! A machine with many connections, its faults, and a guard's heart that sweeps it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use deadpeer_guard::config::Config;
use deadpeer_guard::heart::{Action, Census, Heart, Key, ServiceId, Sighting, Terms};
use deadpeer_guard::{Mode, WhySpared};

use crate::connection::{Connection, Doing, Path};
use crate::weather::Chance;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const SWEEP: Duration = Duration::from_secs(5);
/// Suspects are looked at so often, and a sweep comes early if one of them is to be decided about.
/// A daemon looks more often.
const LOOK: Duration = Duration::from_millis(2_500);
const SERVICES: usize = 8;
/// A path of which more questions have failed is not known to lose nothing.
const KNOWN_TO_FAIL: f64 = 0.1;
/// So many questions go out in a deadline about what is in flight.
const IN_A_DEADLINE: u32 = 7;

/// What is on it.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) now: Duration,
    pub(crate) heart: Heart,
    chance: Chance,
    places: Vec<Place>,
    peers: Vec<Peer>,
    /// When connections have their next question unanswered.
    trouble: BinaryHeap<Reverse<(Duration, usize, u32)>>,
    active: BTreeSet<usize>,
    /// The last outage, and a deadline more.
    outage: (Duration, Duration),
    census: Census,
    pub(crate) count: Count,
}

/// What came of it.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Count {
    pub(crate) died: u32,
    pub(crate) killed: u32,
    /// Live ones that were killed: never.
    pub(crate) killed_alive: u32,
    /// Dead ones that the kernel gave up first.
    pub(crate) by_kernel: u32,
    /// Live ones that the kernel gave up.
    pub(crate) by_kernel_alive: u32,
    /// From death to kill, of those whose path is known to lose next to nothing and that no hold
    /// kept.
    pub(crate) slowest: Duration,
    /// The same on paths that lose some, or are not known yet.
    pub(crate) slowest_unknown: Duration,
    /// The same of those behind a closed window whose paths lose next to nothing.
    pub(crate) slowest_blocked: Duration,
    pub(crate) held: u32,
    pub(crate) suspected: u64,
}

#[derive(Debug)]
struct Place {
    connection: Connection,
    peer: usize,
    /// Which plan is valid.
    generation: u32,
    /// Which of the connections that have been in this place.
    life: u32,
    lossy: bool,
    /// When its peer died.
    died: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Peer {
    alive: bool,
    reachable: bool,
}

impl Machine {
    pub(crate) fn new(seed: u64, connections: usize) -> Self {
        let config = Config::default();
        let terms = Terms {
            deadline: DEADLINE,
            kill: Mode::Enforce,
            kills_per_minute: u32::MAX,
        };
        let peers = connections.div_ceil(3);
        let mut machine = Self {
            now: Duration::from_secs(1_000),
            heart: Heart::new(config.brake, vec![terms]),
            chance: Chance::seeded(seed),
            places: Vec::new(),
            peers: vec![
                Peer {
                    alive: true,
                    reachable: true
                };
                peers
            ],
            trouble: BinaryHeap::new(),
            active: BTreeSet::new(),
            outage: (Duration::ZERO, Duration::ZERO),
            census: Census::default(),
            count: Count::default(),
        };
        for place in 0..connections {
            let peer = place % peers;
            let (lossy, connection) = machine.fresh(place);
            machine.places.push(Place {
                connection,
                peer,
                generation: 0,
                life: 0,
                lossy,
                died: None,
            });
            machine.census.add(service(place), address(peer), None);
            machine.plan(place);
        }
        machine
    }

    fn fresh(&mut self, place: usize) -> (bool, Connection) {
        // Loss each way: 25 %, 5 %, 1 %, none.
        let loss = match place % 200 {
            0 => 0.25,
            1 | 2 => 0.05,
            3..=6 => 0.01,
            _ => 0.0,
        };
        let late = match place % 297 {
            7 => Duration::from_millis(2_500),
            _ => Duration::from_millis(1 + self.chance.below(80)),
        };
        let doing = match place % 10 {
            3 => Doing::Writing,
            6 => Doing::Blocked,
            _ => Doing::Nothing,
        };
        let fails = 1.0 - (1.0 - loss) * (1.0 - loss);
        let path = Path {
            open: true,
            fails,
            late,
        };
        let begun = self.now - self.chance.between(Duration::ZERO, crate::connection::IDLE);
        (loss > 0.0, Connection::new(begun, doing, path))
    }

    /// Whether an outage gave one that died then more time.
    fn disturbed(&self, died: Duration) -> bool {
        died <= self.outage.1 && self.now >= self.outage.0
    }

    /// Some of our peers can't be reached for a while, by our own fault.
    pub(crate) fn outage(&mut self, time: Duration, cut: impl Fn(usize) -> bool) {
        self.outage = (self.now, self.now + time + 2 * DEADLINE);
        self.reach(cut);
        self.run(time);
        self.reach(|_| false);
    }

    fn plan(&mut self, index: usize) {
        let place = &mut self.places[index];
        let at = place.connection.rest(&mut self.chance);
        place.generation += 1;
        self.trouble.push(Reverse((at, index, place.generation)));
    }

    /// Cuts peers off, or brings them back.
    fn reach(&mut self, cut: impl Fn(usize) -> bool) {
        for peer in 0..self.peers.len() {
            self.set(peer, |known| known.reachable = !cut(peer));
        }
    }

    /// A peer loses power. It takes all of its connections with it.
    pub(crate) fn kill_peer(&mut self, peer: usize) {
        self.set(peer, |known| known.alive = false);
    }

    /// Some peer that is there.
    pub(crate) fn some_peer(&mut self) -> usize {
        loop {
            let peer = self.chance.below(self.peers.len() as u64) as usize;
            if self.peers[peer].alive {
                return peer;
            }
        }
    }

    fn set(&mut self, peer: usize, change: impl Fn(&mut Peer)) {
        let before = self.peers[peer];
        change(&mut self.peers[peer]);
        let after = self.peers[peer];
        let (was_open, open) = (
            before.alive && before.reachable,
            after.alive && after.reachable,
        );
        let dies = before.alive && !after.alive;
        let mut index = peer;
        while index < self.places.len() {
            let place = &mut self.places[index];
            if dies && place.died.is_none() {
                place.died = Some(self.now);
                self.count.died += 1;
            }
            let open = open && place.died.is_none();
            if was_open != open {
                if self.active.contains(&index) {
                    place.connection.path.open = open;
                } else {
                    place.connection.calm_until(self.now);
                    let path = Path {
                        open,
                        ..place.connection.path
                    };
                    place.connection.disturb(self.now, path);
                    self.plan(index);
                }
            }
            index += self.peers.len();
        }
    }

    /// Lets the time pass, sweep by sweep.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            let next_sweep = until.min(self.now + SWEEP);
            loop {
                self.now += LOOK;
                if self.now >= next_sweep || self.is_to_decide() {
                    break;
                }
            }
            self.sweep();
        }
    }

    /// Looks at suspects between two sweeps.
    fn is_to_decide(&mut self) -> bool {
        let is_suspect = |index: &usize| self.heart.suspects(self.key(*index));
        let suspects: Vec<usize> = self.active.iter().copied().filter(is_suspect).collect();
        for index in suspects {
            let key = self.key(index);
            let connection = &mut self.places[index].connection;
            connection.step(self.now, &mut self.chance);
            if !connection.ended {
                self.heart
                    .observe_again(self.now, key, &connection.info(self.now));
            }
        }
        self.heart.is_to_decide(self.now)
    }

    fn sweep(&mut self) {
        let now = self.now;
        while let Some(Reverse((at, index, generation))) = self.trouble.peek().copied() {
            if at > now {
                break;
            }
            self.trouble.pop();
            let place = &mut self.places[index];
            if place.generation == generation {
                place.connection.calm_until(at);
                self.active.insert(index);
            }
        }
        for index in self.active.clone() {
            self.look(index);
        }
        for action in self.heart.end_sweep(now, &self.census) {
            self.act(action);
        }
    }

    fn look(&mut self, index: usize) {
        let now = self.now;
        let place = &mut self.places[index];
        place.connection.step(now, &mut self.chance);
        if place.connection.ended {
            match place.died {
                Some(_) => self.count.by_kernel += 1,
                None => self.count.by_kernel_alive += 1,
            }
            self.replace(index);
            return;
        }
        let key = self.key(index);
        let place = &mut self.places[index];
        // As it was found in the sweep before.
        place.connection.patience = self.heart.patience(key);
        let place = &self.places[index];
        if place.connection.open > 0 || self.heart.suspects(key) {
            let sighting = Sighting {
                key,
                policy: 0,
                service: service(index),
                peer: address(place.peer),
                far: true,
                ours: false,
            };
            self.count.suspected += u64::from(!self.heart.suspects(key));
            self.heart
                .observe(now, &sighting, &place.connection.info(now));
        }
        if place.connection.is_calm() && !self.heart.suspects(key) {
            self.active.remove(&index);
            self.plan(index);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Kill { key, .. } => {
                let index = (key.cookie >> 32) as usize;
                let info = self.places[index].connection.info(self.now);
                if self.heart.last_check(self.now, key, &info).is_none() {
                    return;
                }
                let place = &self.places[index];
                // What went unanswered in outages counts as lost, and takes more questions.
                let known = self.heart.evidence(key);
                let failing = known.map_or(1.0, |known| known.failing);
                let many = known.is_some_and(|known| known.needed > IN_A_DEADLINE);
                match place.died {
                    Some(died) if !self.disturbed(died) => {
                        let unknown = place.lossy || place.connection.is_young(died);
                        let blocked = place.connection.doing == Doing::Blocked;
                        let slowest = match unknown || failing > KNOWN_TO_FAIL {
                            true => &mut self.count.slowest_unknown,
                            false if blocked => &mut self.count.slowest_blocked,
                            false if many => &mut self.count.slowest_unknown,
                            false => &mut self.count.slowest,
                        };
                        *slowest = (*slowest).max(self.now - died);
                    }
                    Some(_) => {}
                    None => self.count.killed_alive += 1,
                }
                self.count.killed += 1;
                self.heart.over(key);
                self.replace(index);
            }
            Action::Spare { why, .. } => self.count.held += u32::from(why == WhySpared::Holding),
        }
    }

    /// Its program connects again, to a peer that is there.
    fn replace(&mut self, index: usize) {
        self.active.remove(&index);
        let peer = self.places[index].peer;
        self.peers[peer].alive = true;
        let (lossy, mut connection) = self.fresh(index);
        connection.path.open = self.peers[peer].reachable;
        let place = &mut self.places[index];
        (place.lossy, place.connection) = (lossy, connection);
        place.died = None;
        place.life += 1;
        self.plan(index);
    }

    fn key(&self, index: usize) -> Key {
        Key {
            namespace: 1,
            cookie: (index as u64) << 32 | u64::from(self.places[index].life),
        }
    }
}

fn service(place: usize) -> ServiceId {
    ServiceId((place % SERVICES) as u32)
}

fn address(peer: usize) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0001 + peer as u32).into()
}
