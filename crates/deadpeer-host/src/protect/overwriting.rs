//! Programs that set their sockets' options themselves after accept(), so that those of their
//! listeners hold for a moment alone.

use deadpeer_core::{Effective, Notice, Snapshot, SocketOption, SocketOptions, TcpState};

use super::aim::{Aim, Change, Step};
use super::new_connections;
use super::survey::{Fate, Part, Survey};

/// A listener whose program sets the options of what it accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overwriting {
    /// The name of the processes; `None` if no owner is visible.
    pub process: Option<Box<[u8]>>,
    /// The port that it listens on.
    pub port: u16,
    /// Open connections that show it.
    pub connections: u64,
    /// What the program sets.
    pub sets: SocketOptions,
    /// The rule for new connections that sets this in its place, if one does.
    pub rule: Option<String>,
    /// What its new connections then have.
    pub then: Effective,
    /// When those would notice a vanished peer, in the worst silence.
    pub notices: Notice,
    /// Lost probes that they survive.
    pub survives: Option<u32>,
}

/// Listeners of which nothing is known: there is no open connection that they accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NothingAccepted {
    /// How many.
    pub listeners: u64,
    /// Those of programs that are known to set keepalive themselves.
    pub known: Vec<Box<[u8]>>,
}

/// What a program may set after accept().
const SET_AFTER_ACCEPT: [SocketOption; 5] = [
    SocketOption::Keepalive,
    SocketOption::Keepidle,
    SocketOption::Keepintvl,
    SocketOption::Keepcnt,
    SocketOption::UserTimeout,
];

/// Names of programs that set keepalive after accept() as they are configured by default. No more
/// than a hint: what is seen counts.
const KNOWN: [&[u8]; 8] = [
    b"redis-server",
    b"valkey-server",
    b"keydb-server",
    b"etcd",
    b"caddy",
    b"traefik",
    b"prometheus",
    b"node",
];

impl Survey {
    /// Finds the listeners whose program overwrites what it accepts, and takes back from what is to
    /// be set on them whatever would make a lethal mixture with that.
    pub(super) fn find_overwriting(&mut self, aim: &Aim) {
        let listeners = self.parts.iter().enumerate();
        let places: Vec<usize> = listeners
            .filter(|(_, part)| part.are_listeners() && part.before.is_some())
            .map(|(place, _)| place)
            .collect();
        for place in places {
            let Some(part) = self.parts.get(place) else {
                continue;
            };
            if self.accepts_supervised_alone(part) {
                if let Some(part) = self.parts.get_mut(place) {
                    part.fate = Fate::Supervised;
                }
                continue;
            }
            let seen = self.sets(part);
            let accepted = self.parts.iter().any(|other| other.is_accepted_by(part));
            let hinted = !accepted && part.is_known_to_overwrite();
            if !accepted {
                self.nothing_accepted.listeners += part.count;
                self.nothing_accepted
                    .known
                    .extend(part.process.clone().filter(|_| hinted));
            }
            let fate = match (part.fate, part.before) {
                (Fate::Judged(Step::Change(change)), Some(before)) if seen.is_some() || hinted => {
                    let sets = seen.map(|(sets, _)| sets);
                    Fate::Judged(aim.beside(&before, &change, sets.as_ref()))
                }
                (fate, _) => fate,
            };
            if let Some((sets, connections)) = seen
                && let Some(found) = part.overwriting(aim, fate, sets, connections)
            {
                self.note_overwriting(found);
            }
            if let Some(part) = self.parts.get_mut(place) {
                part.fate = fate;
            }
        }
        let parts = &self.parts;
        self.jobs.retain(|job| {
            let part = parts.get(job.part);
            part.is_some_and(|part| part.fate.change().is_some())
        });
    }

    /// A program may listen on a port by several sockets, as for IPv4 and IPv6: that is said once.
    fn note_overwriting(&mut self, found: Overwriting) {
        let same = |known: &&mut Overwriting| {
            let connections = found.connections;
            let known = Overwriting {
                connections,
                ..(**known).clone()
            };
            known == found
        };
        match self.overwriting.iter_mut().find(same) {
            Some(known) => known.connections += found.connections,
            None => self.overwriting.push(found),
        }
    }

    /// Whether deadpeer supervises, in its program, all that a listener has accepted.
    fn accepts_supervised_alone(&self, listener: &Part) -> bool {
        let parts = self.parts.iter();
        let mut accepted = parts
            .filter(|part| part.is_accepted_by(listener))
            .peekable();
        accepted.peek().is_some() && accepted.all(|part| part.fate == Fate::Supervised)
    }

    /// What most of the connections that a listener has accepted have otherwise than it, and how
    /// many those are. Those that nobody has changed since tell what the program sets now; what is
    /// on record of others may be from before it was configured anew.
    fn sets(&self, listener: &Part) -> Option<(SocketOptions, u64)> {
        let own = listener.by_program.or(listener.before)?;
        let accepted = self
            .parts
            .iter()
            .filter(|part| part.is_accepted_by(listener) && part.fate != Fate::Supervised);
        let accepted: Vec<&Part> = accepted.collect();
        let is_as_accepted =
            |part: &&Part| part.by_program.is_some() && part.by_program == part.before;
        let tell_now = accepted.iter().copied().any(|part| is_as_accepted(&part));
        let telling = accepted
            .into_iter()
            .filter(|part| !tell_now || is_as_accepted(part));
        let differing = telling.filter_map(|part| {
            let theirs = part.by_program?;
            let differs = |option: &SocketOption| theirs.get(*option) != own.get(*option);
            let sets: SocketOptions = SET_AFTER_ACCEPT
                .into_iter()
                .filter(differs)
                .filter_map(|option| theirs.held(option))
                .collect();
            let matters = theirs.keepalive || theirs.user_timeout_ms.is_some();
            (matters && sets != SocketOptions::default()).then_some((sets, part.count))
        });
        differing.max_by_key(|(_, count)| *count)
    }
}

impl Part {
    /// By whichever process it is held: a program may hand it to another, as sshd does.
    fn is_accepted_by(&self, listener: &Self) -> bool {
        !self.are_listeners() && self.role == listener.role
    }

    fn is_known_to_overwrite(&self) -> bool {
        let name = self.process.as_deref();
        name.is_some_and(|name| KNOWN.contains(&name))
    }

    /// `None`: what is accepted keeps the deadline all the same.
    fn overwriting(
        &self,
        aim: &Aim,
        fate: Fate,
        sets: SocketOptions,
        connections: u64,
    ) -> Option<Overwriting> {
        let listener = fate
            .change()
            .map_or(self.before, |change| Some(change.after))?;
        let then = listener.with(&sets);
        let moment = Snapshot::new(TcpState::Established);
        let told = aim.forecast(&then, &moment);
        let asked = aim.plan().policy().survives();
        let survives = told.lost_probes_survived;
        if aim.meets(&told, &moment) && survives.is_none_or(|survives| survives >= asked) {
            return None;
        }
        Some(Overwriting {
            process: self.process.clone(),
            port: self.role.listening().map_or(0, |address| address.port()),
            connections,
            rule: new_connections::that_sets(&sets),
            sets,
            then,
            notices: told.worst(),
            survives,
        })
    }
}

impl Aim {
    /// What is to be set on a listener whose program sets `sets` on what it accepts; `None`: it is
    /// known to set something, and not what. Nothing that would loosen what those have now: with a
    /// user timeout beside a keepalive that is slower, one lost probe can be the last.
    fn beside(&self, before: &Effective, change: &Change, sets: Option<&SocketOptions>) -> Step {
        let without = |leave: &[SocketOption]| -> SocketOptions {
            let kept = change.options.settings();
            kept.filter(|set| !leave.contains(&set.option)).collect()
        };
        let gentle = without(&[SocketOption::UserTimeout]);
        let gentlest = without(&SET_AFTER_ACCEPT);
        let moment = Snapshot::new(TcpState::Established);
        let harmless = |options: &SocketOptions| match sets {
            None => options.user_timeout_ms.is_none_or(|ms| ms == 0),
            Some(sets) => {
                let told = self.forecast(&before.with(sets), &moment);
                let then = self.forecast(&before.with(options).with(sets), &moment);
                self.loosens_nothing(&told, &then, &moment)
            }
        };
        let mut all = [change.options, gentle, gentlest].into_iter();
        let found = all.find(|options| harmless(options) && *options != SocketOptions::default());
        found.map_or(Step::Overwritten, |options| {
            let after = before.with(&options);
            let keeps = self.meets(&self.forecast(&after, &moment), &moment);
            Step::Change(Change {
                options,
                after,
                keeps,
                ..*change
            })
        })
    }
}
