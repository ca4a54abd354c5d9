//! When a member's time has come: it is asked, or told of.

use std::time::Duration;

use super::record::Phase;
use super::{Crowd, Member, Owner};
use crate::alarms::{SLOTS, is_after};
use crate::heartbeat::event::Event;
use crate::heartbeat::jitter::thousandths;
use crate::heartbeat::lateness::is_late;
use crate::heartbeat::message::Transmit;
use crate::heartbeat::questions::MOST_UNANSWERED;

/// After we came late, convictions wait for a full time to answer, but not for ever: so often in a
/// row.
const PUT_OFF_MOST: u8 = 2;

impl Crowd {
    pub(super) fn note_lateness(&mut self, now: Duration) {
        let by = self.next_check().map(|look| now.saturating_sub(look));
        if !by.is_some_and(|by| is_late(by, self.settings.deadline)) {
            self.put_off = 0;
        } else if self.put_off < PUT_OFF_MOST {
            self.put_off += 1;
            self.not_before = self.ticks.of(now) + u64::from(self.pace.answer_time);
        }
    }

    /// A member's entry came up. Nearly always it was heard meanwhile.
    #[inline]
    pub(super) fn visit(
        &mut self,
        number: u32,
        heard: u32,
        tick: u32,
        now: Duration,
        owner: &mut impl Owner,
    ) {
        let interval = self.interval(number, heard);
        let is_recent = is_after(heard.wrapping_add(interval), tick);
        if is_recent && !self.is_restless(number) {
            self.file(number, heard, interval);
        } else {
            self.consider(number, tick, now, owner);
        }
    }

    #[cold]
    fn consider(&mut self, number: u32, tick: u32, now: Duration, owner: &mut impl Owner) {
        let heard = self.within_reach(number, tick);
        if self.settle(number, heard, owner) {
            let wait = self.pursue(number, heard, tick, now, owner);
            self.file(number, tick, wait);
        }
        let phase = self.records[number as usize].phase;
        self.mark_restless(number, phase != Phase::Quiet);
    }

    /// Asks or convicts a member, unless it was heard; returns when to look again.
    fn pursue(
        &mut self,
        number: u32,
        heard: u32,
        tick: u32,
        now: Duration,
        owner: &mut impl Owner,
    ) -> u32 {
        let interval = self.interval(number, heard);
        let quiet_until = heard.wrapping_add(interval);
        if is_after(quiet_until, tick) {
            return quiet_until.wrapping_sub(tick);
        }
        let record = self.records[number as usize];
        let convicts_at = match record.phase {
            Phase::Asked => Some(self.convicts_at(heard, record.since)),
            Phase::Blocked => Some(record.since.wrapping_add(self.pace.deadline)),
            Phase::Quiet | Phase::Stuck | Phase::Silent | Phase::Left | Phase::Free => None,
        };
        if convicts_at.is_some_and(|at| !is_after(at, tick)) {
            self.convict(number, heard, tick, owner);
            return interval;
        }
        self.ask(number, tick, now, owner);
        let left = convicts_at.map(|at| at.wrapping_sub(tick));
        left.map_or(interval, |left| interval.min(left))
    }

    /// When a member was heard; one that has been silent for months is kept within what ticks of 32
    /// bits can tell.
    fn within_reach(&mut self, number: u32, tick: u32) -> u32 {
        const OLDEST: u32 = u32::MAX / 4;
        let heard = &mut self.heard[number as usize];
        let record = &mut self.records[number as usize];
        let age = |then: u32| match is_after(then, tick) {
            true => 0,
            false => tick.wrapping_sub(then),
        };
        if age(*heard) > OLDEST {
            *heard = tick.wrapping_sub(OLDEST);
            if record.phase != Phase::Free && age(record.since) >= OLDEST {
                record.since = heard.wrapping_add(1);
            }
        }
        *heard
    }

    /// Settles what being heard, or leaving, has changed; `false` if it left.
    fn settle(&mut self, number: u32, heard: u32, owner: &mut impl Owner) -> bool {
        let record = &mut self.records[number as usize];
        let since = record.since;
        let is_heard = !is_after(since, heard);
        match record.phase {
            Phase::Left | Phase::Free => {
                record.phase = Phase::Free;
                record.since = std::mem::replace(&mut self.free, number);
                return false;
            }
            Phase::Quiet => return true,
            _ if !is_heard => return true,
            Phase::Asked | Phase::Blocked | Phase::Stuck | Phase::Silent => {}
        }
        let was = std::mem::replace(&mut record.phase, Phase::Quiet);
        record.unanswered = 0;
        if was == Phase::Silent {
            let mistaken = self.time(since, heard);
            owner.tell(Member(number), Event::Recovered { mistaken });
        } else if was == Phase::Stuck {
            owner.tell(Member(number), Event::Unstuck);
        }
        true
    }

    fn ask(&mut self, number: u32, tick: u32, now: Duration, owner: &mut impl Owner) {
        let record = &mut self.records[number as usize];
        if usize::from(record.owed) >= MOST_UNANSWERED {
            // It owes answers to all that may be asked, though it was heard since.
            if record.phase == Phase::Quiet {
                (record.phase, record.since) = (Phase::Asked, tick);
            }
            return;
        }
        let ping = Transmit::Ping {
            sequence: u64::from(record.sequence) + 1,
            echo: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
        };
        let taken = owner.send(Member(number), ping);
        if taken {
            record.sequence += 1;
            record.owed = record.owed.saturating_add(1);
            record.unanswered += 1;
        }
        let phase = match (record.phase, taken) {
            (Phase::Quiet | Phase::Blocked | Phase::Stuck, true) => Phase::Asked,
            (Phase::Quiet, false) => Phase::Blocked,
            (phase, _) => phase,
        };
        let was = std::mem::replace(&mut record.phase, phase);
        if was != phase {
            record.since = tick;
        }
        if was == Phase::Stuck && taken {
            owner.tell(Member(number), Event::Unstuck);
        }
    }

    fn convict(&mut self, number: u32, heard: u32, tick: u32, owner: &mut impl Owner) {
        let record = &mut self.records[number as usize];
        let (blocked, unanswered) = (record.since, record.unanswered.into());
        let event = if record.phase == Phase::Blocked {
            record.phase = Phase::Stuck;
            let since = self.time(blocked, tick);
            Event::Stuck { since }
        } else {
            record.phase = Phase::Silent;
            record.since = tick;
            let since = self.time(heard, tick);
            Event::Silent { since, unanswered }
        };
        owner.tell(Member(number), event);
    }

    /// The later of the deadline, the time that the first question has to be answered in, and what
    /// our own lateness grants.
    fn convicts_at(&self, heard: u32, asked: u32) -> u32 {
        let later = |a: u32, b: u32| if is_after(a, b) { a } else { b };
        let answered = asked.wrapping_add(self.pace.answer_time);
        let at = later(heard.wrapping_add(self.pace.deadline), answered);
        if self.not_before > self.reached {
            later(at, self.not_before as u32)
        } else {
            at
        }
    }

    /// The wait before the next ping: jittered anew whenever the member was heard at another time.
    #[inline]
    pub(super) fn interval(&self, number: u32, heard: u32) -> u32 {
        let seed = self.settings.seed ^ (u64::from(number) << 32 | u64::from(heard));
        let shortened = u64::from(self.pace.every) * u64::from(thousandths(seed)) / 1_000;
        (shortened as u32).max(1)
    }

    #[inline]
    fn is_restless(&self, number: u32) -> bool {
        self.restless[number as usize / 64] >> (number % 64) & 1 != 0
    }

    pub(super) fn mark_restless(&mut self, number: u32, restless: bool) {
        let word = &mut self.restless[number as usize / 64];
        *word = *word & !(1 << (number % 64)) | u64::from(restless) << (number % 64);
    }

    /// Files an entry for `wait` after `tick`, but never in the past.
    #[inline]
    pub(super) fn file(&mut self, number: u32, tick: u32, wait: u32) {
        let ahead = tick.wrapping_add(wait).wrapping_sub(self.reached as u32);
        let ahead = u64::from(if ahead > u32::MAX / 2 { 0 } else { ahead });
        self.slots
            .file(self.reached + ahead.clamp(1, SLOTS - 1), number);
    }

    /// The time between two ticks; nothing if the first is the later one.
    pub(super) fn time(&self, tick: u32, later: u32) -> Duration {
        match is_after(later, tick) {
            true => self.ticks.begin(later.wrapping_sub(tick).into()),
            false => Duration::ZERO,
        }
    }
}
