//! A connection whose peer has a question open.

use std::net::IpAddr;
use std::time::Duration;

use deadpeer_core::{Judge, Supervision, TcpInfo, Verdict};

use super::facts::{ServiceId, Sighting};
use super::paths::{Known, Paths};
use super::seldom::Seldom;
use crate::Patience;
use crate::event::{Evidence, WhySpared};

/// One question may be on its way, and a packet or two lost.
const IN_DOUBT: u32 = 3;

/// Behind a closed window the kernel asks fifteen times at most, however far apart. Where something
/// holds, those after so many are put off, each for longer.
const PROBES: u8 = 4;

/// What is known of it.
#[derive(Debug)]
pub(super) struct Suspect {
    judge: Judge,
    pub(super) policy: usize,
    pub(super) service: ServiceId,
    pub(super) peer: IpAddr,
    pub(super) far: bool,
    pub(super) ours: bool,
    /// When it was first seen with a question open.
    pub(super) fell: Duration,
    /// The sweep in which it was seen last.
    pub(super) seen_in: u32,
    /// That it would be destroyed was said.
    pub(super) told: bool,
    /// That it is to be destroyed was decided once.
    pub(super) decided: bool,
    /// That it was let live was said, and why.
    pub(super) spared: Option<WhySpared>,
    /// Somebody said that it is really gone.
    pub(super) acknowledged: bool,
    /// Since the last hold that concerned it.
    pardon: Option<Pardon>,
    deadline: Duration,
    /// Questions that are open although the peer has closed its end, which is all that the judge
    /// says of one.
    open: u32,
    /// The most questions that were seen open.
    streak: u32,
    /// What other connections tell of its path.
    path: Known,
    /// When it was last heard, at the last look.
    heard: Duration,
    /// Questions open behind a closed window.
    window_probes: u8,
    /// Why the kernel asks seldom, if it does.
    seldom: Option<Seldom>,
    /// How long the kernel is to ask it in vain.
    pub(super) patience: Patience,
}

/// A hold has ended: what went unanswered until then proves nothing.
#[derive(Debug, Clone, Copy)]
struct Pardon {
    until: Duration,
    unanswered: u32,
}

/// How it stands after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The peer has answered, or nobody asks any more.
    Answered,
    /// It has not yet.
    Silent,
    /// It is gone, or the path to it.
    Unreachable,
}

impl Suspect {
    pub(super) fn new(now: Duration, sighting: &Sighting, deadline: Duration) -> Self {
        Self {
            judge: Judge::new(Supervision::within(deadline)),
            policy: sighting.policy,
            service: sighting.service,
            peer: sighting.peer,
            far: sighting.far,
            ours: sighting.ours,
            fell: now,
            seen_in: 0,
            told: false,
            decided: false,
            spared: None,
            acknowledged: false,
            pardon: None,
            deadline,
            open: 0,
            streak: 0,
            path: Known::default(),
            heard: now,
            window_probes: 0,
            seldom: None,
            patience: Patience::default(),
        }
    }

    /// Whether it belongs to the same policy and service as before.
    pub(super) fn is_still(&self, sighting: &Sighting) -> bool {
        (self.policy, self.service) == (sighting.policy, sighting.service)
    }

    pub(super) fn observe(&mut self, now: Duration, info: &TcpInfo) -> Standing {
        let verdict = self.judge.observe(now, info);
        self.open = open(info);
        self.heard = now.saturating_sub(info.heard_ago().unwrap_or_default());
        self.seldom = Seldom::of(info);
        let is_closed = self.seldom == Some(Seldom::ClosedWindow);
        self.window_probes = info.probes.filter(|_| is_closed).unwrap_or(0);
        let unanswered = self.unanswered().map_or(0, |(unanswered, _)| unanswered);
        self.streak = self.streak.max(unanswered);
        match verdict {
            Verdict::Unreachable { .. } => Standing::Unreachable,
            Verdict::Unknown { unanswered: 1.. } => Standing::Silent,
            Verdict::PeerFinished if self.open > 0 => Standing::Silent,
            Verdict::Alive { .. }
            | Verdict::Unknown { .. }
            | Verdict::Stalled { .. }
            | Verdict::PeerFinished
            | Verdict::ApplicationSilent { .. }
            | Verdict::Closed { .. }
            | _ => Standing::Answered,
        }
    }

    /// The most questions that were seen open.
    pub(super) fn streak(&self) -> u32 {
        self.streak
    }

    /// Takes over what is known of its path.
    pub(super) fn know(&mut self, paths: &Paths) {
        self.path = paths.known(self.peer, &Supervision::within(self.deadline));
    }

    /// So many in a row convince.
    fn needed(&self) -> u32 {
        let seldom = self.seldom.map(|why| why.needs(&self.judge.loss()));
        let measured = self.judge.needed().max(self.path.needed);
        measured.max(seldom.unwrap_or(0))
    }

    /// Whether it counts for the brake: its peer is far and silent, and nobody has said anything
    /// about it yet.
    pub(super) fn counts(&self) -> bool {
        let silent = match self.unanswered() {
            Some((_, true)) => true,
            Some((unanswered, false)) => unanswered >= IN_DOUBT,
            None => false,
        };
        silent && self.far && !self.told && !self.acknowledged
    }

    /// Whether the peer is taken for gone, after a hold with what was asked since.
    pub(super) fn is_convicted(&self, now: Duration) -> bool {
        let Verdict::Unreachable { unanswered, .. } = self.judge.verdict() else {
            return false;
        };
        let since = match self.pardon {
            Some(pardon) if now < pardon.until => return false,
            Some(pardon) => unanswered.saturating_sub(pardon.unanswered),
            None => unanswered,
        };
        since >= self.needed()
    }

    pub(super) fn forgive(&mut self, now: Duration) {
        let unanswered = self.unanswered().map_or(0, |(unanswered, _)| unanswered);
        self.pardon = Some(Pardon {
            until: now + self.deadline,
            unanswered,
        });
    }

    /// The questions that are open, and whether they convince; `None`: none is.
    fn unanswered(&self) -> Option<(u32, bool)> {
        match self.judge.verdict() {
            Verdict::Unreachable { unanswered, .. } => Some((unanswered, true)),
            Verdict::Unknown { unanswered } => Some((unanswered, false)),
            Verdict::PeerFinished if self.open > 0 => Some((self.open, false)),
            Verdict::Alive { .. }
            | Verdict::Stalled { .. }
            | Verdict::PeerFinished
            | Verdict::ApplicationSilent { .. }
            | Verdict::Closed { .. }
            | _ => None,
        }
    }

    /// Lends more patience where the kernel would soon give up, though nobody says that the peer is
    /// gone.
    pub(super) fn lend(&mut self, now: Duration, held: bool) {
        if self.is_convicted(now) && !held {
            return;
        }
        // Behind a closed window the kernel counts questions, and not time: to put them off where
        // nothing holds would only put off the verdict.
        let (counted, so_far) = (self.window_probes, self.patience.times());
        let asked_for = now.saturating_sub(self.heard.min(self.fell));
        let is_short = counted == 0 && asked_for >= self.patience.is_short_after(self.deadline);
        let counts = held && counted >= PROBES.saturating_add(so_far);
        if is_short || counts {
            let longer = self.patience.longer(self.deadline);
            self.patience = longer.unwrap_or(self.patience);
        }
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// `None`: it is not judged unreachable.
    pub(super) fn evidence(&self) -> Option<Evidence> {
        let Verdict::Unreachable { since, unanswered } = self.judge.verdict() else {
            return None;
        };
        Some(Evidence {
            silence: since,
            unanswered,
            needed: self.needed(),
            failing: self.judge.loss().failing().max(self.path.failing),
        })
    }
}

/// How many questions the kernel has open.
fn open(info: &TcpInfo) -> u32 {
    info.probes.max(info.retransmits).unwrap_or_default().into()
}
