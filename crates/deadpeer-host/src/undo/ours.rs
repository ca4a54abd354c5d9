//! What of a socket's settings is ours, and what its program's. Pure.

use deadpeer_core::{Effective, Setting, SocketOptions};
use rustc_hash::FxHashMap;

use super::record::Group;

/// What we have changed, of all sockets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ours {
    sockets: FxHashMap<u64, Changed>,
    /// What listeners had after each change: connections that were accepted then have it, too, and
    /// are in no record.
    handed_on: Vec<Changed>,
}

/// What was changed on a socket, however often: what it had before the first time, and what was set
/// last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Changed {
    before: SocketOptions,
    after: SocketOptions,
}

impl Ours {
    /// What comes after what is known already.
    pub(super) fn then(&mut self, group: &Group) {
        for cookie in &group.cookies {
            let changed = self.sockets.entry(*cookie).or_default();
            changed.then(group);
            if group.listeners && !self.handed_on.contains(changed) {
                self.handed_on.push(*changed);
            }
        }
    }

    /// What a socket with these settings would have without us, and whether its program has set an
    /// option since.
    pub(crate) fn without(&self, cookie: u64, now: &Effective) -> (Effective, bool) {
        let changed = self.sockets.get(&cookie);
        let (before, overtaken) = changed.map_or((*now, false), |it| it.without(now));
        // It may have been accepted between two changes of its listener.
        let mut handed_on = self
            .handed_on
            .iter()
            .map(|changed| changed.without(&before));
        let inherited = handed_on.find(|(theirs, other)| !other && *theirs != before);
        (inherited.map_or(before, |(theirs, _)| theirs), overtaken)
    }
}

impl Changed {
    fn then(&mut self, group: &Group) {
        for old in group.before.settings() {
            if self.before.get(old.option).is_none() {
                self.before.put(old);
            }
        }
        for set in group.after.settings() {
            self.after.put(set);
        }
    }

    fn without(&self, now: &Effective) -> (Effective, bool) {
        let mut before = SocketOptions::default();
        let mut overtaken = false;
        for old in self.before.settings() {
            let set = self.after.get(old.option);
            let set = set.map(|value| Setting::new(old.option, value));
            match (set, now.held(old.option)) {
                (Some(set), Some(held)) if !set.is_held_as(held) => overtaken |= held != old,
                _ => before.put(old),
            }
        }
        (now.with(&before), overtaken)
    }
}

#[cfg(test)]
mod tests {
    use deadpeer_core::Sysctls;

    use super::*;

    fn keepalive(idle: u32) -> SocketOptions {
        SocketOptions::new().keepalive(true).keepidle_s(idle)
    }

    fn plain() -> Effective {
        SocketOptions::default().resolve(&Sysctls::DEFAULT)
    }

    /// A listener, 1, and a connection, 2.
    fn twice_changed() -> Ours {
        let off = SocketOptions::new().keepalive(false).keepidle_s(7200);
        let idle = |s| SocketOptions::new().keepidle_s(s);
        let mut ours = Ours::default();
        for (before, after) in [(off, keepalive(10)), (idle(10), idle(5))] {
            for (cookie, listeners) in [(1, true), (2, false)] {
                ours.then(&Group {
                    listeners,
                    ..Group::new(before, after, vec![cookie])
                });
            }
        }
        ours
    }

    #[test]
    fn what_was_set_last_is_not_the_programs() {
        let now = plain().with(&keepalive(5));
        assert_eq!(twice_changed().without(2, &now), (plain(), false));
        // Undone by hand.
        assert_eq!(twice_changed().without(2, &plain()), (plain(), false));
    }

    #[test]
    fn what_was_set_since_is_the_programs() {
        let now = plain().with(&keepalive(300));
        let (theirs, overtaken) = twice_changed().without(2, &now);
        assert_eq!((theirs.keepidle_s, overtaken), (300, true));
    }

    #[test]
    fn what_was_accepted_meanwhile_has_it_from_its_listener() {
        for idle in [10, 5] {
            let now = plain().with(&keepalive(idle));
            assert_eq!(twice_changed().without(3, &now), (plain(), false), "{idle}");
        }
        let mut ours = twice_changed();
        let once_more = SocketOptions::new().keepidle_s(5);
        let before = SocketOptions::new().keepidle_s(10);
        ours.then(&Group::new(before, once_more, vec![3]));
        let now = plain().with(&keepalive(5));
        assert_eq!(ours.without(3, &now), (plain(), false));
        let own = plain().with(&keepalive(300));
        assert_eq!(twice_changed().without(3, &own), (own, false));
    }
}
