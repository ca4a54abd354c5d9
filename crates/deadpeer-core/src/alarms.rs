//! Timers for a million connections whose deadline moves at every message.
//!
//! A timer that is re-armed at each message costs a removal and an insertion each time, and nearly
//! all that work is for nothing: the connection is heard again long before. Here hearing is one
//! store. Each timer has *one* entry in a circle of slots, and it stays where it is when the
//! deadline moves; only when its slot comes up is the deadline looked at, and the entry filed
//! again. (Varghese, Lauck: Hashed and Hierarchical Timing Wheels, SOSP 1987, scheme 4, made lazy.)
//!
//! Not to be confused with [`wheel`](crate::wheel), which is the arithmetic of the kernel's timers.

mod slots;
mod ticks;

pub(crate) use slots::{ROOM, SLOTS, Slots};
pub(crate) use ticks::{Ticks, is_after};

use std::time::Duration;

use ticks::REACH;

/// The number has no entry.
const UNFILED: u16 = u16::MAX;

/// Timers by number, each with a deadline. Choose the numbers densely from 0: the memory is that of
/// the largest.
///
/// A timer never rings early, and late by at most one resolution and the wait for
/// [`expire`](Self::expire).
///
/// ```
/// use std::time::Duration;
/// use deadpeer_core::alarms::Alarms;
///
/// let ms = Duration::from_millis;
/// let mut alarms = Alarms::new(ms(10), ms(0));
/// alarms.set(7, ms(500));
/// alarms.postpone(7, ms(900)); // Heard: one store.
/// let mut rang = Vec::new();
/// for now in [600, 900, 920] {
///     alarms.expire(ms(now), |number| {
///         rang.push((now, number));
///         None
///     });
/// }
/// assert_eq!(rang, [(920, 7)]);
/// ```
#[derive(Debug, Clone)]
pub struct Alarms {
    ticks: Ticks,
    /// All up to this tick has been looked at.
    reached: u64,
    slots: Slots,
    /// The first tick at which the deadline has passed, low bits.
    due: Vec<u32>,
    /// The slot that holds the number's entry. Entries elsewhere are left over.
    filed: Vec<u16>,
}

impl Alarms {
    /// No timers yet. The resolution is rounded down to a power of two of nanoseconds, at most 4 s.
    /// Deadlines may lie 2^31 of it ahead, which is 24 days for a millisecond; those set later are
    /// cut to that.
    #[must_use]
    pub fn new(resolution: Duration, now: Duration) -> Self {
        let ticks = Ticks::new(resolution);
        Self {
            ticks,
            reached: ticks.of(now),
            slots: Slots::new(),
            due: Vec::new(),
            filed: Vec::new(),
        }
    }

    /// Sets a timer, new or not, to any deadline. One that has passed rings at the next
    /// [`expire`](Self::expire) but for the resolution.
    pub fn set(&mut self, number: u32, deadline: Duration) {
        self.set_after(self.reached, number, deadline);
    }

    /// Moves the deadline of a timer that is set to a *later* one: one store. An earlier one would
    /// be noticed late.
    #[inline]
    pub fn postpone(&mut self, number: u32, deadline: Duration) {
        if let Some(due) = self.due.get_mut(number as usize) {
            *due = (self.ticks.of(deadline) as u32).wrapping_add(1);
        }
    }

    /// Takes a timer away. Its number may be used again at once.
    pub fn remove(&mut self, number: u32) {
        if let Some(filed) = self.filed.get_mut(number as usize) {
            *filed = UNFILED;
        }
    }

    /// Calls `ring` for every timer whose deadline has passed. Its answer is the timer's next
    /// deadline; after `None` the timer is no longer set.
    pub fn expire(&mut self, now: Duration, mut ring: impl FnMut(u32) -> Option<Duration>) {
        let now = self.ticks.of(now);
        // After a long pause once around is enough.
        let first = (self.reached + 1).max((now + 1).saturating_sub(SLOTS));
        for tick in first..=now {
            self.reached = tick;
            let mut batch = self.slots.take(tick);
            while let Some(numbers) = self.slots.next(&mut batch) {
                // All reads of a line before any decision, so that the memory answers them
                // together.
                let numbers = numbers.as_slice();
                let mut read = [(UNFILED, 0); ROOM];
                for (read, &number) in read.iter_mut().zip(numbers) {
                    *read = (self.filed[number as usize], self.due[number as usize]);
                }
                for (&number, &(filed, due)) in numbers.iter().zip(&read) {
                    if filed == Slots::of(tick) {
                        self.visit(number, due, now, &mut ring);
                    }
                }
            }
        }
    }

    /// When [`expire`](Self::expire) next has something to look at, which may turn out to be
    /// nothing. `None`: no timer is set.
    #[must_use]
    pub fn next_check(&self) -> Option<Duration> {
        Some(self.ticks.begin(self.slots.first_after(self.reached)?))
    }

    #[inline]
    fn visit(
        &mut self,
        number: u32,
        due: u32,
        now: u64,
        ring: &mut impl FnMut(u32) -> Option<Duration>,
    ) {
        // A timer that was taken away and set again may have two entries here.
        if self.filed[number as usize] != Slots::of(self.reached) {
            return;
        }
        if is_after(due, now as u32) {
            let left = due.wrapping_sub(self.reached as u32);
            self.file(number, self.reached + u64::from(left));
            return;
        }
        self.filed[number as usize] = UNFILED;
        if let Some(deadline) = ring(number) {
            self.set_after(now, number, deadline);
        }
    }

    /// Sets a timer that rings after `tick` and not before.
    fn set_after(&mut self, tick: u64, number: u32, deadline: Duration) {
        let place = number as usize;
        if self.due.len() <= place {
            self.due.resize(place + 1, 0);
            self.filed.resize(place + 1, UNFILED);
        }
        let furthest = self.reached + u64::from(REACH);
        let due = (self.ticks.of(deadline) + 1).clamp(tick + 1, furthest);
        self.due[place] = due as u32;
        let filed = self.filed[place];
        if filed == UNFILED || self.comes_up(filed) > due {
            self.file(number, due);
        }
    }

    /// Files the number's entry where it comes up when it is due, or as late as the circle goes.
    fn file(&mut self, number: u32, due: u64) {
        let tick = due.min(self.reached + SLOTS - 1);
        self.filed[number as usize] = Slots::of(tick);
        self.slots.file(tick, number);
    }

    /// The tick at which a slot is next looked at.
    fn comes_up(&self, slot: u16) -> u64 {
        let next = self.reached + 1;
        next + (u64::from(slot) + SLOTS - next % SLOTS) % SLOTS
    }
}
