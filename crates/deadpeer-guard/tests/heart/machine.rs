//! A machine with many connections, its faults, and a guard's heart that sweeps it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use deadpeer_guard::config::Config;
use deadpeer_guard::heart::{Action, Census, Heart, Key, ServiceId, Sighting, Terms};
use deadpeer_guard::{Mode, WhySpared};

use crate::connection::{Connection, Doing, Path};
use crate::observer::Observer;
use crate::weather::Chance;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const SWEEP: Duration = Duration::from_secs(5);
/// Suspects are looked at so often, and a sweep comes early if one of them is to be decided about.
/// A daemon looks more often.
const LOOK: Duration = Duration::from_millis(2_500);
const SERVICES: usize = 8;
/// A path of which more questions have failed is not known to lose nothing.
const KNOWN_TO_FAIL: f64 = 0.1;
/// So many questions go out in a deadline about what is in flight, and in four about a window that
/// is closed.
const IN_A_DEADLINE: u32 = 7;
const IN_FOUR: u32 = 9;
/// The loss each way at which the kernel itself gives a live peer up now and then: it asks fifteen
/// times of a closed window, and has a few questions left about data in flight after ten minutes.
const HEAVY: f64 = 0.25;

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
    /// Who only tells.
    pub(crate) observer: Option<Observer>,
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
    /// The same behind heavy loss where it asks seldom, and the rows of unanswered questions there.
    pub(crate) by_kernel_alive_heavy: u32,
    pub(crate) rows_heavy: u64,
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
    /// Of its path, when all is well.
    loss: f64,
    /// When its peer died.
    died: Option<Duration>,
}

impl Place {
    fn is_heavy(&self) -> bool {
        self.connection.doing != Doing::Nothing && self.connection.path.loss >= HEAVY
    }
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
            name: "all".into(),
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
            observer: None,
            count: Count::default(),
        };
        for place in 0..connections {
            let peer = place % peers;
            let connection = machine.fresh(place);
            machine.places.push(Place {
                loss: connection.path.loss,
                connection,
                peer,
                generation: 0,
                life: 0,
                died: None,
            });
            machine.census.add(service(place), address(peer), None);
            machine.plan(place);
        }
        machine
    }

    /// One with an observer beside the heart. What the heart destroys goes on hanging, as it does
    /// where somebody only observes, but the heart is no longer shown it.
    pub(crate) fn observed(seed: u64, connections: usize, kills_per_minute: u32) -> Self {
        let mut machine = Self::new(seed, connections);
        let terms = |kill| {
            vec![Terms {
                name: "all".into(),
                deadline: DEADLINE,
                kill,
                kills_per_minute,
            }]
        };
        let brake = Config::default().brake;
        machine.heart = Heart::new(brake, terms(Mode::Enforce));
        machine.observer = Some(Observer::new(Heart::new(brake, terms(Mode::Observe))));
        machine
    }

    /// Something that both hearts are told.
    pub(crate) fn befall(&mut self, what: impl Fn(&mut Heart, Duration)) {
        what(&mut self.heart, self.now);
        if let Some(observer) = &mut self.observer {
            what(&mut observer.heart, self.now);
        }
    }

    fn fresh(&mut self, place: usize) -> Connection {
        // Loss each way: 25 %, 5 %, 1 %, none.
        let loss = match place % 200 {
            0 | 13 | 16 => HEAVY,
            1 | 2 | 23 | 26 => 0.05,
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
        let path = Path {
            open: true,
            loss,
            late,
        };
        let begun = self.now - self.chance.between(Duration::ZERO, crate::connection::IDLE);
        Connection::new(begun, doing, path, &mut self.chance)
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

    /// The path to a peer comes to lose so much each way at least, from one moment on, or again
    /// what it lost before.
    pub(crate) fn worsen(&mut self, peer: usize, loss: f64) {
        for index in (peer..self.places.len()).step_by(self.peers.len()) {
            let place = &mut self.places[index];
            let is_calm = !self.active.contains(&index);
            if is_calm {
                place.connection.calm_until(self.now);
            }
            place.connection.path.loss = place.loss.max(loss);
            if is_calm {
                self.plan(index);
            }
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
                let info = connection.info(self.now);
                self.heart.observe_again(self.now, key, &info);
                if let Some(observer) = &mut self.observer {
                    observer.heart.observe_again(self.now, key, &info);
                }
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
        let observed = self.count_peers();
        for index in self.active.clone() {
            self.look(index);
        }
        let actions = self.heart.end_sweep(now, &self.census);
        if let Some(observer) = &mut self.observer {
            observer.end_sweep(now, &observed, &self.heart, &actions);
        }
        for action in actions {
            self.act(action);
        }
    }

    /// Counts the peers of connections that are left, and returns what the observer counts.
    fn count_peers(&mut self) -> Census {
        let (mut left, mut observed) = (Census::default(), Census::default());
        let Some(observer) = &self.observer else {
            return observed;
        };
        for (index, place) in self.places.iter().enumerate() {
            let key = self.key(index);
            let info = place.connection.info(self.now);
            let heard = info.heard_ago().filter(|_| self.active.contains(&index));
            let (service, peer) = (service(index), address(place.peer));
            if !observer.destroyed.contains(&key) {
                left.add(service, peer, heard);
            }
            if !(place.connection.shows() > 0 && observer.heart.has_told(key)) {
                observed.add(service, peer, heard);
            }
        }
        self.census = left;
        observed
    }

    fn look(&mut self, index: usize) {
        let now = self.now;
        let place = &mut self.places[index];
        place.connection.step(now, &mut self.chance);
        if place.connection.ended {
            let count = match place.died {
                Some(_) => &mut self.count.by_kernel,
                None if place.is_heavy() => &mut self.count.by_kernel_alive_heavy,
                None => &mut self.count.by_kernel_alive,
            };
            *count += 1;
            self.replace(index);
            return;
        }
        let key = self.key(index);
        let place = &mut self.places[index];
        // As it was found in the sweep before.
        place.connection.patience = self.heart.patience(key);
        if let Some(observer) = &self.observer
            && !observer.destroyed.contains(&key)
        {
            let patience = observer.heart.patience(key);
            assert_eq!(patience, place.connection.patience, "{key:?}");
        }
        let place = &self.places[index];
        if place.connection.shows() > 0 || self.heart.suspects(key) {
            let sighting = Sighting {
                key,
                policy: 0,
                service: service(index),
                peer: address(place.peer),
                far: true,
                ours: false,
            };
            let row = u64::from(!self.heart.suspects(key));
            self.count.suspected += row;
            self.count.rows_heavy += if place.is_heavy() { row } else { 0 };
            let info = place.connection.info(now);
            let mut is_there = true;
            if let Some(observer) = &mut self.observer {
                is_there = !observer.destroyed.contains(&key);
                observer.heart.observe(now, &sighting, &info);
            }
            if is_there {
                self.heart.observe(now, &sighting, &info);
            }
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
                if let Some(observer) = &mut self.observer {
                    observer.destroyed.insert(key);
                    self.heart.over(key);
                    // One whose peer is there after all is made anew.
                    let place = &mut self.places[index];
                    place.connection.ended |= place.died.is_none();
                    return;
                }
                let place = &self.places[index];
                // What went unanswered in outages counts as lost, and takes more questions.
                let known = self.heart.evidence(key);
                let failing = known.map_or(1.0, |known| known.failing);
                let blocked = place.connection.doing == Doing::Blocked;
                let few = if blocked { IN_FOUR } else { IN_A_DEADLINE };
                let many = known.is_some_and(|known| known.needed > few);
                match place.died {
                    Some(died) if !self.disturbed(died) => {
                        let unknown =
                            place.connection.path.loss > 0.0 || place.connection.is_young(died);
                        let slowest = match unknown || many || failing > KNOWN_TO_FAIL {
                            true => &mut self.count.slowest_unknown,
                            false if blocked => &mut self.count.slowest_blocked,
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
        let mut connection = self.fresh(index);
        connection.path.open = self.peers[peer].reachable;
        let place = &mut self.places[index];
        place.connection = connection;
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
