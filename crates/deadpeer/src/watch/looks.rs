//! Looks at supervised connections, each at its time.

use std::time::Duration;

use deadpeer_core::{TcpInfo, Verdict};
use deadpeer_sys::clock;

use super::table::Place;
use super::{BATCH, Event, News, Watch};
use crate::died::WatchError;

impl Watch {
    /// Looks at the connections whose turn it is.
    pub(super) fn check_those_due(&mut self, events: &mut Vec<Event>) {
        let now = clock::monotonic();
        let due = self.supervised.as_mut();
        for place in due.map_or_else(Vec::new, |supervised| supervised.due(now, BATCH)) {
            events.extend(self.check(place, now));
        }
        self.search_for_the_lost(now, events);
    }

    /// Looks at one connection, and plans the next look.
    fn check(&mut self, place: Place, now: Duration) -> Option<Event> {
        let entry = self.table.entry(place)?;
        let key = entry.key;
        let Some(info) = entry.socket(place).tcp_info().ok().flatten() else {
            self.lose(place);
            return None;
        };
        let (before, after) = self.observe(place, now, &info)?;
        self.plan_check(place);
        News::of_change(before, after).map(|news| Event { key, news })
    }

    pub(super) fn observe(
        &mut self,
        place: Place,
        now: Duration,
        info: &TcpInfo,
    ) -> Option<(Verdict, Verdict)> {
        let entry = self.table.entry(place)?;
        let socket = entry.socket(place);
        let charge = entry.charge.as_mut()?;
        Some(self.supervised.as_mut()?.observe(charge, socket, now, info))
    }

    pub(super) fn plan_check(&mut self, place: Place) {
        if let Some(supervised) = &mut self.supervised
            && let Some(entry) = self.table.entry(place)
            && let Some(charge) = &entry.charge
        {
            supervised.plan_check(&charge.judge, place);
        }
    }

    pub(super) fn note_alarm(&mut self) {
        if let Some(supervised) = &mut self.supervised {
            supervised.note_alarm();
        }
    }

    pub(super) fn set_alarm(&mut self) -> Result<(), WatchError> {
        let ask_at = self.ask_at();
        match &mut self.supervised {
            Some(supervised) => supervised.set_alarm(ask_at).map_err(WatchError::Call),
            None => Ok(()),
        }
    }
}
