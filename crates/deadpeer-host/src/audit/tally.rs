//! What the connections of one service add up to.

use std::cmp::Reverse;
use std::time::Duration;

use deadpeer_core::Finding;

use super::basis::Basis;
use super::bound::Bound;
use super::closed::Closed;
use super::connection::{Compliance, Judgement};
use super::unclosed::Unclosed;
use super::worst::Worsts;

/// Counts and worst cases of one service.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Its connections.
    pub connections: Share,
    /// Its listeners.
    pub listeners: Share,
    /// How many have which settings, the most frequent first.
    pub settings: Vec<(Basis, u64)>,
    /// How many listeners of these.
    listener_settings: Vec<(Basis, u64)>,
    /// An example of each finding, and how many have it.
    pub findings: Vec<(Finding, u64)>,
    /// Options that its listener has and some connection has not.
    pub not_inherited: Vec<&'static str>,
    /// Connections that its program has closed and the kernel still keeps; not told by which
    /// program.
    pub closed: Closed,
    /// Connections whose peer has closed and whose program has not.
    pub unclosed: Unclosed,
    /// Its listener misses the deadline, and what it accepted does not or is supervised: the
    /// program sets options itself.
    pub listener_overruled: bool,
    /// Its listener misses the deadline, and no connection of that port that was looked at shows
    /// what the program sets itself.
    pub nothing_accepted: bool,
}

/// The connections of a service, or its listeners.
#[derive(Debug, Clone, Copy, Default)]
pub struct Share {
    /// How many there are.
    pub count: u64,
    /// Those that a process holds.
    pub held: u64,
    /// Those that miss the deadline.
    pub late: u64,
    /// Those of the late ones that [no setting](Judgement::armed_ahead) helps.
    pub armed_ahead: u64,
    /// Those of which that is not known.
    pub undecided: u64,
    /// Those that deadpeer supervises in their program.
    pub supervised: u64,
    /// Those that the middlebox of the audit forgets.
    pub forgotten: u64,
    /// Those of which a live peer survives too few lost probes.
    pub fragile: u64,
    /// The worst of those that a process holds.
    pub worst: Worsts,
}

impl Tally {
    /// Counts a connection, or the listener itself.
    pub(super) fn add(&mut self, judged: &Judgement, listener: bool) {
        match listener {
            true => self.listeners.add(judged),
            false => self.connections.add(judged),
        }
        if let Some(given_up) = judged.given_up {
            self.closed.add(given_up);
        }
        if judged.basis == Basis::Nobody {
            return;
        }
        count(&mut self.settings, judged.basis, |a, b| a == b);
        if listener {
            count(&mut self.listener_settings, judged.basis, |a, b| a == b);
        }
        for finding in &judged.findings {
            self.count_finding(*finding);
        }
        for option in &judged.not_inherited {
            if !self.not_inherited.contains(option) {
                self.not_inherited.push(option);
            }
        }
    }

    /// Different settings are different findings; what is measured differs a little everywhere, and
    /// the worst is told of all.
    fn count_finding(&mut self, finding: Finding) {
        let mut known = self.findings.iter_mut();
        match known.find(|(known, _)| alike(known, &finding)) {
            Some((worst, count)) => {
                *count += 1;
                if measured(&finding) > measured(worst) {
                    *worst = finding;
                }
            }
            None => self.findings.push((finding, 1)),
        }
    }

    /// What is shown of the service: its connections, or, where none are open, what its listener
    /// promises to come.
    #[must_use]
    pub fn share(&self) -> &Share {
        match self.connections.held {
            0 if self.listeners.held > 0 => &self.listeners,
            _ => &self.connections,
        }
    }

    /// Listeners that miss the deadline and are not overruled.
    #[must_use]
    pub fn late_listeners(&self) -> u64 {
        match self.listener_overruled {
            true => 0,
            false => self.listeners.late,
        }
    }

    /// A count over connections, and over the listener unless its connections show that their
    /// program sets them itself.
    pub(super) fn shown(&self, count: impl Fn(&Share) -> u64) -> u64 {
        let connections = count(&self.connections);
        match self.connections.held > 0 && connections == 0 {
            true => 0,
            false => connections + count(&self.listeners),
        }
    }

    /// Connections and listeners of which it is not known whether they miss the deadline.
    #[must_use]
    pub fn undecided(&self) -> u64 {
        self.connections.undecided + self.listeners.undecided
    }

    /// Everything that was counted.
    #[must_use]
    pub fn sockets(&self) -> u64 {
        self.connections.count + self.listeners.count
    }

    /// Puts the settings of most connections first, as [`Tally::share`] shows theirs, and known
    /// ones before unknown ones.
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

impl Share {
    fn add(&mut self, judged: &Judgement) {
        self.count += 1;
        if judged.basis == Basis::Nobody {
            return;
        }
        self.held += 1;
        self.late += u64::from(judged.compliance == Compliance::Late);
        self.armed_ahead += u64::from(judged.armed_ahead);
        self.undecided += u64::from(judged.compliance == Compliance::Undecided);
        let has = |fits: fn(&Finding) -> bool| u64::from(judged.findings.iter().any(fits));
        self.supervised += has(|finding| matches!(finding, Finding::Supervised));
        self.forgotten += has(|finding| matches!(finding, Finding::MiddleboxForgets { .. }));
        self.fragile += has(|finding| {
            matches!(
                finding,
                Finding::OneLostProbeKills { .. } | Finding::TooFewLostSurvived { .. }
            )
        });
        self.worst.add(judged);
    }

    /// The worse the larger.
    pub(super) fn badness(&self) -> u64 {
        let bounds = self.worst.bounds();
        bounds.into_iter().map(Bound::badness).max().unwrap_or(0)
    }
}

fn alike(one: &Finding, other: &Finding) -> bool {
    match (measured(one), measured(other)) {
        (Some(_), Some(_)) => one.code() == other.code(),
        _ => one == other,
    }
}

/// What a finding measures of one connection, if anything.
fn measured(finding: &Finding) -> Option<Duration> {
    if let Finding::ArmedTimerDiffers { left, .. } = finding {
        Some(*left)
    } else if let Finding::EndsLater { earliest } = finding {
        Some(*earliest)
    } else if let Finding::NotClosed { since } = finding {
        Some(*since)
    } else if let Finding::AcceptQueueFull { waiting, .. } = finding {
        Some(Duration::from_secs((*waiting).into()))
    } else if let Finding::MiddleboxForgets {
        keepidle_s: Some(s),
        ..
    } = finding
    {
        Some(Duration::from_secs((*s).into()))
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
    use deadpeer_core::{Effective, Sysctls};

    use super::*;

    fn judged(idle: Bound, compliance: Compliance) -> Judgement {
        Judgement {
            idle,
            in_flight: Bound::Unknown,
            late_write: idle,
            compliance,
            ..Judgement::unknown(Basis::Read(Effective::untouched(&Sysctls::DEFAULT)))
        }
    }

    fn by(seconds: u64) -> Bound {
        Bound::By(Duration::from_secs(seconds))
    }

    #[test]
    fn the_worst_that_is_known_is_kept() {
        let mut tally = Tally::default();
        for answer in [by(5), Bound::Unknown, by(30), by(7)] {
            tally.add(&judged(answer, Compliance::NotJudged), false);
        }
        let idle = tally.connections.worst.idle;
        assert_eq!((idle.bound(), idle.some_unknown), (by(30), true));
        tally.add(&judged(Bound::Never, Compliance::NotJudged), false);
        assert_eq!(tally.share().worst.idle.bound(), Bound::Never);
        assert_eq!(tally.share().worst.in_flight.bound(), Bound::Unknown);
    }

    #[test]
    fn different_findings_stay_apart_and_measurements_are_told_at_their_worst() {
        let mut tally = Tally::default();
        let limit = Duration::from_secs(350);
        let not_closed = |seconds| Finding::NotClosed {
            since: Duration::from_secs(seconds),
        };
        let forgets = |keepidle_s| Finding::MiddleboxForgets { keepidle_s, limit };
        for finding in [
            not_closed(20),
            forgets(None),
            not_closed(900),
            forgets(Some(7_200)),
            forgets(None),
        ] {
            tally.count_finding(finding);
        }
        assert_eq!(
            tally.findings,
            [
                (not_closed(900), 2),
                (forgets(None), 2),
                (forgets(Some(7_200)), 1)
            ]
        );
    }

    #[test]
    fn the_listener_is_shown_where_nothing_is_open() {
        let mut tally = Tally::default();
        tally.add(&judged(Bound::Never, Compliance::NotJudged), true);
        assert_eq!(tally.share().worst.idle.bound(), Bound::Never);
        tally.add(&judged(by(9), Compliance::NotJudged), false);
        assert_eq!(tally.share().worst.idle.bound(), by(9));
    }

    #[test]
    fn what_no_process_holds_is_counted_and_says_nothing() {
        let mut tally = Tally::default();
        let mut orphan = judged(Bound::Never, Compliance::NotJudged);
        orphan.basis = Basis::Nobody;
        tally.add(&orphan, false);
        assert_eq!((tally.connections.count, tally.connections.held), (1, 0));
        assert_eq!(tally.connections.worst, Worsts::default());
        assert_eq!(tally.settings, []);
    }

    #[test]
    fn frequent_settings_come_first_and_unknown_ones_last() {
        let mut tally = Tally::default();
        let mut unread = judged(Bound::Unknown, Compliance::Undecided);
        unread.basis = Basis::Unread(None);
        for _ in 0..3 {
            tally.add(&unread, false);
        }
        tally.add(&judged(by(1), Compliance::NotJudged), false);
        tally.sort();
        assert!(matches!(
            tally.settings.as_slice(),
            [(Basis::Read(_), 1), (Basis::Unread(None), 3)]
        ));
    }

    /// Redis sets its options on what it accepts: what is shown beside the connection's numbers are
    /// its settings.
    #[test]
    fn a_connections_settings_come_before_its_listeners() {
        let mut set = Effective::untouched(&Sysctls::DEFAULT);
        set.keepalive = true;
        let mut accepted = judged(by(129), Compliance::NotJudged);
        accepted.basis = Basis::Read(set);
        let mut tally = Tally::default();
        tally.add(&judged(Bound::Never, Compliance::NotJudged), true);
        tally.add(&accepted, false);
        tally.sort();
        assert_eq!(tally.settings.first(), Some(&(accepted.basis, 1)));
    }
}
