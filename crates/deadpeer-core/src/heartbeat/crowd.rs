//! The compact machine: very many connections of one pace.

mod pursuit;
mod record;

use std::time::Duration;

use self::record::{Phase, Record};
use super::event::{Event, Standing, Violation};
use super::message::{Hello, Transmit};
use super::settings::Settings;
use super::strikes::{Toll, gap, toll};
use crate::alarms::{ROOM, SLOTS, Slots, Ticks, is_after};

/// Ticks in a deadline, at least: none is missed by more than a thousandth. At most it is 2000, so
/// that a deadline fits into the circle of slots.
const TICKS_PER_DEADLINE: u32 = 1_000;
/// The end of the list of free places.
const END: u32 = u32::MAX;

/// A connection in its [`Crowd`]. The number is small and used again after [`leave`](Crowd::leave).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member(u32);

impl Member {
    /// Its number, for tables of one's own.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

/// Whoever owns the connections of a [`Crowd`].
pub trait Owner {
    /// Sends a ping ([`Transmit::Ping`]) and tells whether the transport took it. A ping that it
    /// did not take is offered again.
    fn send(&mut self, member: Member, ping: Transmit) -> bool;

    /// Something changed: [`Event::Silent`], [`Event::Recovered`], [`Event::Stuck`] or
    /// [`Event::Unstuck`].
    fn tell(&mut self, member: Member, event: Event);
}

/// Heartbeats of up to millions of connections in some 25 bytes each, and one store for each
/// message heard.
///
/// A [`Heartbeat`](super::Heartbeat) per connection takes some 700 bytes and a timer. A crowd takes
/// little because its members share what each machine has of its own: the settings, the clock and
/// its lateness, and the timer wheel. What it leaves out:
/// - one pace: a peer whose [`Hello`] doesn't [suit](Self::suits) it needs a machine of its own;
/// - it promises nothing, because it doesn't know when its members last spoke: they are asked when
///   they are silent, that is all;
/// - round trips are told by the echo, which the peer could forge, because no time of sending is
///   kept;
/// - moments are told in ticks, thousandths of the deadline or finer.
#[derive(Debug, Clone)]
pub struct Crowd {
    settings: Settings,
    ticks: Ticks,
    /// All up to this tick has been looked at.
    reached: u64,
    slots: Slots,
    pace: PaceInTicks,
    /// No conviction before this tick: we came late.
    not_before: u64,
    put_off: u8,
    /// The tick in which each member was heard last, low bits. On its own, because it is all that a
    /// message touches.
    heard: Vec<u32>,
    /// A bit for each member whose phase is not [`Phase::Quiet`], so that a look at a quiet one
    /// reads no record.
    restless: Vec<u64>,
    records: Vec<Record>,
    free: u32,
}

#[derive(Debug, Clone, Copy)]
struct PaceInTicks {
    every: u32,
    deadline: u32,
    answer_time: u32,
    gap: u32,
}

impl Crowd {
    /// A crowd without members. Its settings hold for all of them, whether made by
    /// [`Settings::within`] or not: a crowd asks.
    #[must_use]
    pub fn new(settings: Settings, now: Duration) -> Self {
        let every = settings.every.unwrap_or(settings.deadline / 3);
        let ticks = Ticks::new(settings.deadline / TICKS_PER_DEADLINE);
        let in_ticks = |time| ticks.spanning(time).max(1);
        Self {
            ticks,
            reached: ticks.of(now),
            slots: Slots::new(),
            pace: PaceInTicks {
                every: in_ticks(every),
                deadline: in_ticks(settings.deadline),
                answer_time: in_ticks(settings.deadline.saturating_sub(every)),
                gap: in_ticks(gap(settings.floor)),
            },
            settings,
            not_before: 0,
            put_off: 0,
            heard: Vec::new(),
            restless: Vec::new(),
            records: Vec::new(),
            free: END,
        }
    }

    /// What the crowd says of itself to each peer.
    #[must_use]
    pub fn hello(&self) -> Hello {
        Hello {
            every: None,
            floor: self.settings.floor,
        }
    }

    /// Whether a peer bears the pace of this crowd.
    #[must_use]
    pub fn suits(&self, hello: Hello) -> bool {
        self.settings
            .every
            .is_some_and(|every| hello.floor <= every)
    }

    /// A connection joins; that counts as hearing it.
    pub fn join(&mut self, now: Duration) -> Member {
        let now = self.ticks.of(now).max(self.reached);
        let record = Record {
            phase: Phase::Quiet,
            since: now as u32,
            sequence: 0,
            quiet_at: now as u32,
            complaints: 0,
            owed: 0,
            unanswered: 0,
        };
        let number = self.free;
        let number = if let Some(place) = self.records.get_mut(number as usize) {
            self.free = std::mem::replace(place, record).since;
            self.heard[number as usize] = now as u32;
            number
        } else {
            self.records.push(record);
            self.heard.push(now as u32);
            let number = (self.records.len() - 1) as u32;
            self.restless.resize(self.records.len().div_ceil(64), 0);
            number
        };
        self.mark_restless(number, false);
        self.file(number, now as u32, self.interval(number, now as u32));
        Member(number)
    }

    /// A connection is closed. Its number must not be used after that.
    pub fn leave(&mut self, member: Member) {
        if let Some(record) = self.records.get_mut(member.0 as usize)
            && record.phase != Phase::Free
        {
            record.phase = Phase::Left;
            self.mark_restless(member.0, true);
        }
    }

    /// Bytes came from a member: one store. Whatever they are, call this; for pings and pongs the
    /// functions below do.
    #[inline]
    pub fn heard(&mut self, member: Member, now: Duration) {
        if let Some(heard) = self.heard.get_mut(member.0 as usize) {
            *heard = self.ticks.of(now) as u32;
        }
    }

    /// A ping came. Answer it with a pong that repeats it; a [`Transmit::TooOften`] that is
    /// returned goes out as well.
    ///
    /// # Errors
    /// The member pings too often, in spite of complaints: close the connection.
    pub fn ping(&mut self, member: Member, now: Duration) -> Result<Option<Transmit>, Violation> {
        self.heard(member, now);
        let floor = self.settings.floor;
        let now = self.ticks.of(now) as u32;
        let Some(record) = self.records.get_mut(member.0 as usize) else {
            return Ok(None);
        };
        let mut level = match is_after(record.quiet_at, now) {
            true => record.quiet_at.wrapping_sub(now).into(),
            false => 0,
        };
        let complaints = &mut record.complaints;
        let toll = toll(
            &mut level,
            complaints,
            self.pace.gap.into(),
            self.settings.strikes,
        );
        record.quiet_at = now.wrapping_add(level as u32);
        match toll {
            Toll::Fine => Ok(None),
            Toll::Complain => Ok(Some(Transmit::TooOften)),
            Toll::Refuse => Err(Violation::TooManyPings { floor }),
        }
    }

    /// A pong came; returns how long the answer took, if the echo tells.
    ///
    /// # Errors
    /// The pong was never asked for, or carries a time that is still to come: close the connection.
    pub fn pong(
        &mut self,
        member: Member,
        sequence: u64,
        echo: Option<u64>,
        now: Duration,
    ) -> Result<Option<Duration>, Violation> {
        self.heard(member, now);
        let Some(record) = self.records.get_mut(member.0 as usize) else {
            return Ok(None);
        };
        let sent = u64::from(record.sequence);
        if sequence > sent || sequence + u64::from(record.owed) <= sent {
            return Err(Violation::UnaskedPong { sequence });
        }
        let round_trip = echo.map(|echo| now.checked_sub(Duration::from_nanos(echo)));
        if round_trip == Some(None) {
            return Err(Violation::WrongEcho { sequence });
        }
        record.owed = (sent - sequence) as u8;
        Ok(round_trip.flatten())
    }

    /// What is known of a member now.
    #[must_use]
    pub fn standing(&self, member: Member, now: Duration) -> Option<Standing> {
        let record = self.records.get(member.0 as usize)?;
        let heard = *self.heard.get(member.0 as usize)?;
        let now = self.ticks.of(now) as u32;
        let age = self.time(heard, now);
        let since = self.time(record.since, now);
        let unanswered = record.unanswered.into();
        let is_heard = !is_after(record.since, heard);
        Some(match record.phase {
            Phase::Left | Phase::Free => return None,
            Phase::Quiet | Phase::Blocked => Standing::Alive { age },
            Phase::Asked | Phase::Silent | Phase::Stuck if is_heard => Standing::Alive { age },
            Phase::Asked => Standing::Waiting { age, unanswered },
            Phase::Silent => Standing::Silent { age, unanswered },
            Phase::Stuck => Standing::Stuck { since, age },
        })
    }

    /// When to call [`expire`](Self::expire). `None`: the crowd has no members.
    #[must_use]
    pub fn next_check(&self) -> Option<Duration> {
        Some(self.ticks.begin(self.slots.first_after(self.reached)?))
    }

    /// Looks at the members whose time has come: asks them, or tells what became of them.
    ///
    /// Read what has arrived first. Coming late is noticed, and puts convictions off.
    pub fn expire(&mut self, now: Duration, owner: &mut impl Owner) {
        self.note_lateness(now);
        let tick = self.ticks.of(now);
        let first = (self.reached + 1).max((tick + 1).saturating_sub(SLOTS));
        for slot in first..=tick {
            self.reached = slot;
            let mut batch = self.slots.take(slot);
            while let Some(numbers) = self.slots.next(&mut batch) {
                // All reads of a line before any decision, so that the memory answers them
                // together.
                let mut heard = [0; ROOM];
                for (heard, &number) in heard.iter_mut().zip(numbers.as_slice()) {
                    *heard = self.heard[number as usize];
                }
                for (&number, &heard) in numbers.as_slice().iter().zip(&heard) {
                    self.visit(number, heard, tick as u32, now, owner);
                }
            }
        }
    }
}
