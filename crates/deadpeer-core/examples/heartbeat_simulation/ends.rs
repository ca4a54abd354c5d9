//! Two ends with heartbeats on a bad path, in virtual time.

use std::collections::VecDeque;
use std::time::Duration;

use deadpeer_core::heartbeat::{Event, Heartbeat, Received, Sent, Settings, Transmit};

use crate::path::{Link, Path};

/// What a simulated time brought.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    /// Times that an end called its live peer silent.
    pub(crate) false_alarms: u32,
    /// How long these lasted in all.
    pub(crate) mistaken: Duration,
    pub(crate) pings: u64,
}

/// A connection and its two ends.
pub(crate) struct World {
    dice: fastrand::Rng,
    now: Duration,
    ends: [End; 2],
    tally: Tally,
}

struct End {
    heartbeat: Heartbeat,
    /// The way to this end, a stream, and the frames on it.
    link: Link,
    flying: VecDeque<(Duration, Received)>,
    lives: bool,
}

impl World {
    /// Two ends that ask, or one that asks and one that answers.
    pub(crate) fn new(settings: [Settings; 2], path: Path, seed: u64) -> Self {
        let end = |place: usize| End {
            heartbeat: Heartbeat::new(
                settings[place].seed(seed * 2 + place as u64),
                Duration::ZERO,
            ),
            link: Link::new(path),
            flying: VecDeque::new(),
            lives: true,
        };
        let mut world = Self {
            dice: fastrand::Rng::with_seed(seed),
            now: Duration::ZERO,
            ends: [end(0), end(1)],
            tally: Tally::default(),
        };
        world.transmit(0);
        world.transmit(1);
        world
    }

    /// Lets time pass with two live ends.
    pub(crate) fn live_for(&mut self, time: Duration) -> Tally {
        let end = self.now + time;
        while self.now < end {
            let Some((_, event)) = self.step() else {
                continue;
            };
            if let Event::Silent { .. } = event {
                self.tally.false_alarms += 1;
            } else if let Event::Recovered { mistaken } = event {
                self.tally.mistaken += mistaken;
            }
        }
        self.tally
    }

    /// The second end dies; returns how long it takes until the first calls it silent for good.
    pub(crate) fn die(&mut self) -> Duration {
        let died = self.now;
        self.ends[1].lives = false;
        let mut noticed = Duration::ZERO;
        // What was on its way may take a conviction back. In the end all questions are asked and
        // nothing more is awaited.
        while self.ends[0].next().is_some() {
            if let Some((0, Event::Silent { .. })) = self.step() {
                noticed = self.now - died;
            }
        }
        noticed
    }

    /// The next arrival or wake-up, and what the end says to it.
    fn step(&mut self) -> Option<(usize, Event)> {
        let next = |place: usize| self.ends[place].next().map(|at| (at, place));
        let (at, place) = next(0).into_iter().chain(next(1)).min()?;
        self.now = self.now.max(at);
        self.ends[place].act(self.now);
        self.transmit(place);
        let event = self.ends[place].heartbeat.poll_event()?;
        Some((place, event))
    }

    fn transmit(&mut self, place: usize) {
        while let Some(frame) = self.ends[place].heartbeat.poll_transmit(self.now) {
            let sent = Sent::from(&frame);
            self.ends[place].heartbeat.handle_sent(self.now, sent);
            self.tally.pings += u64::from(matches!(frame, Transmit::Ping { .. }));
            let other = &mut self.ends[1 - place];
            if let Some(arrival) = other.link.carry(self.now, &mut self.dice) {
                other.flying.push_back((arrival, received(frame)));
            }
        }
    }
}

impl End {
    /// When something happens here. Nothing happens to the dead.
    fn next(&self) -> Option<Duration> {
        let arrival = self.flying.front().map(|(at, _)| *at);
        let wake = self.heartbeat.poll_timeout().map(|wake| wake.at);
        arrival.into_iter().chain(wake).min().filter(|_| self.lives)
    }

    fn act(&mut self, now: Duration) {
        match self.flying.front() {
            Some((at, received)) if *at <= now => {
                let heard = self.heartbeat.handle_received(now, *received);
                heard.expect("both ends keep the rules");
                self.flying.pop_front();
            }
            Some(_) | None => self.heartbeat.handle_timeout(now),
        }
    }
}

/// A frame as the other end sees it.
fn received(frame: Transmit) -> Received {
    match frame {
        Transmit::Hello(hello) => Received::Hello(hello),
        Transmit::Ping { sequence, echo } => Received::Ping {
            sequence,
            echo: Some(echo),
        },
        Transmit::Pong { sequence, echo } => Received::Pong { sequence, echo },
        Transmit::TooOften | _ => Received::TooOften,
    }
}
