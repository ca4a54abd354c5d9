//! Who takes part, and deadpeer's own two.

use std::hint::black_box;
use std::time::Duration;

use clap::ValueEnum;
use deadpeer_core::alarms::Alarms;
use deadpeer_core::heartbeat::{Crowd, Event, Member, Owner, Settings, Transmit};

/// The silence that ends a connection.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// Ways to keep the deadlines of many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contender {
    Alarms,
    Crowd,
    DelayQueue,
    Tree,
    Tasks,
}

impl Contender {
    pub(super) fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Alarms => "deadpeer, timers alone (Alarms)",
            Self::Crowd => "deadpeer, the whole machine (Crowd)",
            Self::DelayQueue => "tokio-util's DelayQueue",
            Self::Tree => "a BTreeMap of deadlines",
            Self::Tasks => "a task and a tokio::time::sleep each",
        }
    }
}

/// Deadlines that can be kept step by step.
pub(super) trait Deadlines {
    /// What a connection keeps to be found again.
    type Handle: Copy;
    /// A connection was heard.
    fn hear(&mut self, connection: Self::Handle, now: Duration);
    /// Time has passed; returns how many connections fell silent.
    fn pass(&mut self, now: Duration) -> u32;
}

/// The timers alone, as a program with its own heartbeats would use them.
pub(super) struct Timers(Alarms);

impl Timers {
    pub(super) fn new(connections: u32) -> (Self, Vec<u32>) {
        let mut alarms = Alarms::new(Duration::from_millis(10), Duration::ZERO);
        for connection in 0..connections {
            // Joined one after the other within a second.
            let joined = Duration::from_secs(1) / connections * connection;
            alarms.set(connection, joined + DEADLINE);
        }
        (Self(alarms), (0..connections).collect())
    }
}

impl Deadlines for Timers {
    type Handle = u32;

    #[inline]
    fn hear(&mut self, connection: u32, now: Duration) {
        self.0.postpone(connection, now + DEADLINE);
    }

    fn pass(&mut self, now: Duration) -> u32 {
        let mut silent = 0;
        self.0.expire(now, |connection| {
            silent += 1;
            black_box(connection);
            None
        });
        silent
    }
}

/// The whole machine, pings included.
pub(super) struct Machine(Crowd);

impl Machine {
    pub(super) fn new(connections: u32) -> (Self, Vec<Member>) {
        let mut crowd = Crowd::new(Settings::within(DEADLINE).seed(1), Duration::ZERO);
        let join = |connection| crowd.join(Duration::from_secs(1) / connections * connection);
        let members = (0..connections).map(join).collect();
        (Self(crowd), members)
    }
}

impl Deadlines for Machine {
    type Handle = Member;

    #[inline]
    fn hear(&mut self, connection: Member, now: Duration) {
        self.0.heard(connection, now);
    }

    fn pass(&mut self, now: Duration) -> u32 {
        let mut silent = Silent(0);
        self.0.expire(now, &mut silent);
        silent.0
    }
}

struct Silent(u32);

impl Owner for Silent {
    fn send(&mut self, member: Member, ping: Transmit) -> bool {
        black_box((member, ping));
        true
    }

    fn tell(&mut self, member: Member, event: Event) {
        black_box(member);
        self.0 += u32::from(matches!(event, Event::Silent { .. }));
    }
}
