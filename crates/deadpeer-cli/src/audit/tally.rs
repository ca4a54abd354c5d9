//! What the connections of one service add up to.

use super::judge::{Answer, Basis, Judged, Verdict};
use deadpeer_core::Finding;
use deadpeer_host::{Role, Service};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::SocketAddr;

/// Counts and worst cases of one service.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) connections: Share,
    pub(super) listeners: Share,
    /// How many have which settings, in the order of [`Tally::sort`] once that was called.
    pub(super) settings: Vec<(Basis, u64)>,
    /// How many listeners of these.
    listener_settings: Vec<(Basis, u64)>,
    /// An example of each finding, and how many have it.
    pub(super) findings: Vec<(Finding, u64)>,
    /// Options that its listener has and some connection has not.
    pub(super) not_inherited: Vec<&'static str>,
    /// Its listener misses the deadline and what it accepted does not: the program sets options itself.
    pub(super) listener_overruled: bool,
}

/// The connections of a service, or its listeners.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Share {
    pub(super) count: u64,
    /// Those that a process holds.
    pub(super) held: u64,
    pub(super) late: u64,
    pub(super) open: u64,
    pub(super) worst: Worsts,
}

/// The worst answers for the three kinds of silence that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Worsts {
    pub(super) idle: Worst,
    pub(super) in_flight: Worst,
    pub(super) late_write: Worst,
}

/// The worst of several answers, and whether some are unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Worst {
    pub(super) known: Option<Answer>,
    pub(super) some_unknown: bool,
}

impl Tally {
    /// Counts a connection, or the listener itself.
    pub(super) fn add(&mut self, judged: &Judged, listener: bool) {
        match listener {
            true => self.listeners.add(judged),
            false => self.connections.add(judged),
        }
        if judged.basis == Basis::Nobody {
            return;
        }
        count(&mut self.settings, judged.basis, |a, b| a == b);
        if listener {
            count(&mut self.listener_settings, judged.basis, |a, b| a == b);
        }
        for finding in &judged.findings {
            count(&mut self.findings, *finding, |a, b| a.code() == b.code());
        }
        for option in &judged.not_inherited {
            if !self.not_inherited.contains(option) {
                self.not_inherited.push(option);
            }
        }
    }

    /// What is shown of the service: its connections, or, where none are open, what its listener promises to come.
    pub(super) fn share(&self) -> &Share {
        match self.connections.held {
            0 if self.listeners.held > 0 => &self.listeners,
            _ => &self.connections,
        }
    }

    /// Listeners that miss the deadline and are not overruled.
    pub(super) fn late_listeners(&self) -> u64 {
        match self.listener_overruled {
            true => 0,
            false => self.listeners.late,
        }
    }

    /// Everything that was counted.
    pub(super) fn sockets(&self) -> u64 {
        self.connections.count + self.listeners.count
    }

    /// Puts the settings of most connections first, as [`Tally::share`] shows theirs, and known ones before unknown ones.
    pub(super) fn sort(&mut self) {
        let of_listeners = |basis: &Basis| {
            let found = self
                .listener_settings
                .iter()
                .find(|(known, _)| known == basis);
            found.map_or(0, |(_, count)| *count)
        };
        self.settings.sort_by_key(|(basis, count)| {
            let of_connections = count - of_listeners(basis);
            (
                basis.options().is_none(),
                Reverse(of_connections),
                Reverse(*count),
            )
        });
    }
}

/// Overrules listeners that miss the deadline where the same program keeps it on every connection of that
/// port: then it sets options on what it accepts, and the listener's say little.
pub(super) fn overrule_listeners(services: &mut [Service<Tally>]) {
    let key = |service: &Service<Tally>| {
        let address = listening(service.role)?;
        Some((service.process.clone(), address.port()))
    };
    let mut kept: HashMap<_, bool> = HashMap::new();
    for service in services.iter() {
        let Share {
            held, late, open, ..
        } = service.value.connections;
        if let Some(key) = key(service).filter(|_| held > 0) {
            *kept.entry(key).or_insert(true) &= late == 0 && open == 0;
        }
    }
    for service in services {
        let kept = key(service).is_some_and(|key| kept.get(&key) == Some(&true));
        service.value.listener_overruled = kept && service.value.listeners.late > 0;
    }
}

impl Share {
    fn add(&mut self, judged: &Judged) {
        self.count += 1;
        if judged.basis == Basis::Nobody {
            return;
        }
        self.held += 1;
        self.late += u64::from(judged.verdict == Verdict::Late);
        self.open += u64::from(judged.verdict == Verdict::Open);
        self.worst.idle.add(judged.idle);
        self.worst.in_flight.add(judged.in_flight);
        self.worst.late_write.add(judged.late_write);
    }

    /// The worse the larger.
    pub(super) fn badness(&self) -> u64 {
        let answers = self.worst.answers();
        answers.into_iter().map(Answer::badness).max().unwrap_or(0)
    }
}

impl Worsts {
    /// The worst that is known of each; unknown where nothing is.
    pub(super) fn answers(self) -> [Answer; 3] {
        [self.idle, self.in_flight, self.late_write].map(Worst::shown)
    }
}

impl Worst {
    fn add(&mut self, answer: Answer) {
        match (answer, self.known) {
            (Answer::Unknown, _) => self.some_unknown = true,
            (answer, Some(known)) if answer.badness() <= known.badness() => {}
            (answer, _) => self.known = Some(answer),
        }
    }

    /// The worst that is known; unknown if nothing is.
    pub(super) fn shown(self) -> Answer {
        self.known.unwrap_or(Answer::Unknown)
    }
}

/// The listening address of a service that has one.
pub(super) fn listening(role: Role) -> Option<SocketAddr> {
    if let Role::Listening(address) = role {
        Some(address)
    } else {
        None
    }
}

/// Different values are few: programs set their options by configuration.
fn count<T>(counts: &mut Vec<(T, u64)>, value: T, same: impl Fn(&T, &T) -> bool) {
    match counts.iter_mut().find(|(known, _)| same(known, &value)) {
        Some((_, count)) => *count += 1,
        None => counts.push((value, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deadpeer_core::{Effective, Sysctls};
    use std::time::Duration;

    fn judged(idle: Answer, verdict: Verdict) -> Judged {
        Judged {
            basis: Basis::Read(Effective::untouched(&Sysctls::DEFAULT)),
            idle,
            in_flight: Answer::Unknown,
            late_write: idle,
            forecast: None,
            verdict,
            findings: Vec::new(),
            not_inherited: Vec::new(),
        }
    }

    fn by(seconds: u64) -> Answer {
        Answer::By(Duration::from_secs(seconds))
    }

    #[test]
    fn the_worst_that_is_known_is_kept() {
        let mut tally = Tally::default();
        for answer in [by(5), Answer::Unknown, by(30), by(7)] {
            tally.add(&judged(answer, Verdict::None), false);
        }
        let idle = tally.connections.worst.idle;
        assert_eq!((idle.shown(), idle.some_unknown), (by(30), true));
        tally.add(&judged(Answer::Never, Verdict::None), false);
        assert_eq!(tally.share().worst.idle.shown(), Answer::Never);
        assert_eq!(tally.share().worst.in_flight.shown(), Answer::Unknown);
    }

    #[test]
    fn the_listener_is_shown_where_nothing_is_open() {
        let mut tally = Tally::default();
        tally.add(&judged(Answer::Never, Verdict::None), true);
        assert_eq!(tally.share().worst.idle.shown(), Answer::Never);
        tally.add(&judged(by(9), Verdict::None), false);
        assert_eq!(tally.share().worst.idle.shown(), by(9));
    }

    #[test]
    fn what_no_process_holds_is_counted_and_says_nothing() {
        let mut tally = Tally::default();
        let mut orphan = judged(Answer::Never, Verdict::None);
        orphan.basis = Basis::Nobody;
        tally.add(&orphan, false);
        assert_eq!((tally.connections.count, tally.connections.held), (1, 0));
        assert_eq!(tally.connections.worst, Worsts::default());
        assert_eq!(tally.settings, []);
    }

    #[test]
    fn frequent_settings_come_first_and_unknown_ones_last() {
        let mut tally = Tally::default();
        let mut unread = judged(Answer::Unknown, Verdict::Open);
        unread.basis = Basis::Unread(None);
        for _ in 0..3 {
            tally.add(&unread, false);
        }
        tally.add(&judged(by(1), Verdict::None), false);
        tally.sort();
        assert!(matches!(
            tally.settings.as_slice(),
            [(Basis::Read(_), 1), (Basis::Unread(None), 3)]
        ));
    }

    /// Redis sets its options on what it accepts: what is shown beside the connection's numbers are its settings.
    #[test]
    fn a_connections_settings_come_before_its_listeners() {
        let mut set = Effective::untouched(&Sysctls::DEFAULT);
        set.keepalive = true;
        let mut accepted = judged(by(129), Verdict::None);
        accepted.basis = Basis::Read(set);
        let mut tally = Tally::default();
        tally.add(&judged(Answer::Never, Verdict::None), true);
        tally.add(&accepted, false);
        tally.sort();
        assert_eq!(tally.settings.first(), Some(&(accepted.basis, 1)));
    }
}
