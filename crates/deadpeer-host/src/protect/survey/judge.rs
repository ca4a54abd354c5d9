//! One socket judged: what is to be done with it, in view of the timers that are armed.

use deadpeer_core::{Effective, Snapshot, Supervision, TcpState};
use rustc_hash::FxHashMap;

use super::part::{ArmedEnds, Fate};
use crate::protect::aim::{Aim, Step};
use crate::protect::armed::ArmedAhead;
use crate::table::{Connection, Settings, Unreadable};

/// What was found of one socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) fate: Fate,
    pub(super) armed: ArmedEnds,
}

impl From<Fate> for Found {
    fn from(fate: Fate) -> Self {
        Self {
            fate,
            armed: ArmedEnds::default(),
        }
    }
}

/// Judges sockets one by one. A machine's connections are of few kinds: the answers so far are
/// remembered.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    aim: &'a Aim,
    known: FxHashMap<(Effective, Snapshot, bool), Step>,
    ahead: ArmedAhead,
}

/// So many answers are kept.
const KNOWN: usize = 2_048;

impl<'a> Judge<'a> {
    pub(super) fn new(aim: &'a Aim) -> Self {
        Self {
            aim,
            known: FxHashMap::default(),
            ahead: ArmedAhead::default(),
        }
    }

    /// Those whose timers are armed too far ahead, of all that were judged.
    pub(super) fn armed_ahead(&self) -> ArmedAhead {
        self.ahead
    }

    /// `None` for what concerns nobody.
    pub(super) fn found(&mut self, connection: &Connection<'_>) -> Option<Found> {
        let socket = connection.socket;
        if !connection.chosen {
            return None;
        }
        let open = socket.state.may_send() || socket.state == TcpState::Listen;
        if socket.inode.is_none() && !open || socket.state == TcpState::TimeWait {
            return None;
        }
        let unclosed = socket.state == TcpState::CloseWait && socket.inode.is_some();
        if unclosed && !self.aim.changes_close_wait() {
            return Some(Fate::CloseWait.into());
        }
        match &connection.settings {
            Settings::Known(before) if self.is_supervised(socket.cookie, before) => {
                Some(Fate::Supervised.into())
            }
            Settings::Known(before) => {
                let info = connection.tcp_info();
                let moment = connection.snapshot(info.as_ref());
                Some(self.judged(socket.cookie, before, &moment))
            }
            Settings::Unknown(Unreadable::Gone) | Settings::NotAsked => None,
            Settings::Unknown(why) => Some(Fate::Unseen(*why).into()),
        }
    }

    /// By its own program, and not by what we have set.
    fn is_supervised(&self, cookie: u64, before: &Effective) -> bool {
        let recognized = |settings| Supervision::recognizes(settings, self.aim.kernel());
        recognized(before) && recognized(&self.aim.by_program(cookie, before))
    }

    fn judged(&mut self, cookie: u64, before: &Effective, moment: &Snapshot) -> Found {
        let aim = self.aim;
        let timers = aim.timers(before, moment);
        let own_choice = aim.is_choice_of_program(cookie, before);
        let step = self.step(before, moment, own_choice);
        let step = aim.rearming(step, before, &timers);
        let late = aim.armed_ahead(&step, before, moment);
        if let Some((ahead, _)) = late {
            self.ahead.add(ahead);
        }
        Found {
            fate: Fate::Judged(step),
            armed: ArmedEnds {
                before: timers.latest(),
                after: late.map(|(_, ends)| ends),
            },
        }
    }

    /// As [`Aim::step_knowing`]; a moment that differs from a known one in nothing that a worst
    /// case depends on is not judged again.
    fn step(&mut self, before: &Effective, snapshot: &Snapshot, own_choice: bool) -> Step {
        let aim = self.aim;
        let kind = (*before, aim.for_worst_cases(snapshot), own_choice);
        if self.known.len() >= KNOWN && !self.known.contains_key(&kind) {
            self.known.clear();
        }
        *self
            .known
            .entry(kind)
            .or_insert_with(|| aim.step_knowing(before, &kind.1, own_choice))
    }
}
