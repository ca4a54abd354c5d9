//! The truth, measured: whether each connection still carries bytes once the fault is over, and
//! whether the fault bit at all.

use std::time::{Duration, Instant};

use super::experiment::Stage;
use super::measure::Observed;
use super::{ExperimentError, Link};
use crate::fault::Deed;
use crate::peer::Order;
use crate::scenario::Fate;
use crate::state::State;

/// A live connection may be in the middle of a long wait between two retransmissions, two minutes
/// at most.
const REVIVAL: Duration = Duration::from_secs(130);
/// A byte that gets through needs no longer than this.
const DELIVERY: Duration = Duration::from_millis(1_500);
/// How often the peer is asked what it has heard.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// A busy peer has used at least this share of one processor, though others wanted it too: some
/// twenty programs, on two.
const BUSY: f64 = 0.1;
/// Clock ticks of `/proc/PID/stat` a second (`USER_HZ`, proc(5)).
const USER_HZ: f64 = 100.0;

/// What was found out.
pub(super) struct Witness {
    /// For each link, what it carried.
    pub(super) carried: Vec<Carried>,
    /// The states in which the peer's end went on answering although the peer is gone.
    pub(super) answered: Vec<State>,
    pub(super) proof: String,
    pub(super) problems: Vec<String>,
}

/// Whether bytes got through and were acknowledged; a way that is shut down counts as open.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Carried {
    there: bool,
    back: bool,
}

impl Carried {
    pub(super) fn both_ways(self) -> bool {
        self.there && self.back
    }

    /// Whether that is how it is with a peer of this fate.
    fn fits(self, fate: Fate) -> bool {
        match fate {
            Fate::Alive | Fate::Frozen => self.both_ways(),
            Fate::Gone => !self.both_ways(),
            Fate::Finished => self.there && !self.back,
        }
    }
}

/// What a connection whose peer is gone was answered.
struct Answers {
    count: u32,
    age: Duration,
}

impl Answers {
    fn words(&self, state: State) -> String {
        let (count, age) = (self.count, self.age.as_secs_f64());
        format!(
            "in state {state} {count} questions of TCP were answered, the last {age:.1} s before the end"
        )
    }
}

impl Stage<'_> {
    /// Asks every connection for bytes, and compares what comes with what the scenario says of the
    /// peer.
    pub(super) fn witness(&mut self, observed: &Observed) -> Result<Witness, ExperimentError> {
        let fate = self.scenario.peer;
        let mut bites = self.bites(observed)?;
        let lives = matches!(fate, Fate::Alive | Fate::Frozen);
        if lives {
            self.path.perform(&mut self.lab, &Deed::Mend {})?;
        }
        if fate != Fate::Gone {
            self.wake_the_peer()?;
        }
        let answers = self.answers_to_the_last(observed);
        let carried = self.carry(observed, lives)?;
        let mut problems = Vec::new();
        bites.extend(answers.iter().map(|(state, answers)| answers.words(*state)));
        let answered: Vec<State> = answers.into_iter().map(|(state, _)| state).collect();
        problems.extend(self.unanswered(&answered, observed));
        if lives && bites.is_empty() {
            problems.push("inert: nothing shows that it does anything".to_owned());
        }
        problems.extend(self.wrong_controls(&carried));
        if lives {
            problems.extend(self.lost_without_a_word(observed, &carried));
        }
        if problems.is_empty() {
            let states = self.scenario.states().count();
            bites.push(match fate {
                Fate::Alive | Fate::Frozen => {
                    format!("afterwards the controls of {states} states carry bytes both ways")
                }
                Fate::Gone => format!("no bytes get through on the controls of {states} states"),
                Fate::Finished => {
                    format!("on the controls of {states} states bytes get there and none come back")
                }
            });
        }
        Ok(Witness {
            carried,
            answered,
            proof: bites.join("; "),
            problems,
        })
    }

    /// The states in which the peer's end is said to go on answering, and does: a connection that
    /// asks has all its answers, the last of them just now, and is in the TCP state it was in. That
    /// is all TCP shows of a live peer.
    fn answers_to_the_last(&self, observed: &Observed) -> Vec<(State, Answers)> {
        let said = |link: &&(usize, &Link)| self.scenario.is_answered_in(link.1.state);
        let links: Vec<_> = self.links.iter().enumerate().collect();
        let mut states = Vec::new();
        for state in self.scenario.states() {
            let here = links
                .iter()
                .filter(said)
                .filter(|(_, link)| link.state == state);
            let answers = here.filter_map(|(place, link)| self.answers_of(*place, link, observed));
            if let Some(answers) = answers.min_by_key(|answers| answers.age) {
                states.push((state, answers));
            }
        }
        states
    }

    /// `None`: its method asks nothing, or an answer is missing.
    fn answers_of(&self, place: usize, link: &Link, observed: &Observed) -> Option<Answers> {
        let options = &self.methods[link.method?].options;
        let period = options.keepidle_s?.max(options.keepintvl_s?);
        let info = link.info().ok()?;
        let age = Duration::from_millis(info.last_ack_recv_ms?.into());
        let open = info.probes? + info.retransmits?;
        let answers = Answers {
            count: observed.answers(place, link)?,
            age,
        };
        let fresh = age <= Duration::from_secs(u64::from(period) + 1);
        let same = info.state == observed.states_before[place];
        (open == 0 && fresh && same && answers.count > 0).then_some(answers)
    }

    /// States in which the peer's end was said to go on answering, and neither did nor was found
    /// out.
    fn unanswered(&self, answered: &[State], observed: &Observed) -> Vec<String> {
        let states = self.scenario.states();
        let said = states.filter(|state| self.scenario.is_answered_in(*state));
        let asks = |link: &Link| {
            let method = link.method.map(|index| &self.methods[index]);
            method.is_some_and(|method| method.options.keepidle_s.is_some())
        };
        let missed = |state: State| {
            let mut links = self.links.iter().zip(&observed.noticed);
            links.any(|(link, noticed)| link.state == state && asks(link) && noticed.is_none())
        };
        said.filter(|state| !answered.contains(state) && missed(*state))
            .map(|state| format!("state {state}: the peer's end does not go on answering"))
            .collect()
    }

    /// Controls that tell another truth than the scenario.
    fn wrong_controls(&self, carried: &[Carried]) -> Vec<String> {
        let fate = self.scenario.peer;
        let links = self.links.iter().zip(carried);
        links
            .filter(|(link, carried)| link.method.is_none() && !carried.fits(fate))
            .map(|(link, carried)| match (fate, carried.both_ways()) {
                (Fate::Gone | Fate::Finished, true) => {
                    format!(
                        "inert in state {}: the control carries bytes as before",
                        link.state
                    )
                }
                (Fate::Finished, false) => {
                    format!(
                        "state {}: the control does not get bytes to the peer",
                        link.state
                    )
                }
                (Fate::Gone | Fate::Alive | Fate::Frozen, _) => format!(
                    "state {}: the control does not carry bytes both ways afterwards",
                    link.state
                ),
            })
            .collect()
    }

    /// Connections to a live peer that carry nothing, though their methods were quiet.
    fn lost_without_a_word(&self, observed: &Observed, carried: &[Carried]) -> Vec<String> {
        let links = self.links.iter().zip(&observed.noticed).zip(carried);
        links
            .filter(|((_, noticed), carried)| noticed.is_none() && !carried.both_ways())
            .filter_map(|((link, _), _)| {
                let name = self.methods[link.method?].name;
                Some(format!(
                    "state {}: {name} was quiet on a connection that carries nothing afterwards",
                    link.state
                ))
            })
            .collect()
    }

    /// What shows, beside the controls, that the fault does something.
    fn bites(&self, observed: &Observed) -> Result<Vec<String>, ExperimentError> {
        let mut bites = Vec::new();
        let toll = self.path.toll(&self.lab)?;
        if toll.lost > 0 {
            bites.push(format!("{} packets lost or turned away", toll.lost));
        }
        if toll.delayed > 0 {
            bites.push(format!("{} packets delayed", toll.delayed));
        }
        if toll.destroyed > 0 {
            bites.push(format!("{} sockets destroyed", toll.destroyed));
        }
        let of_program = |deed| self.bite_of(deed, observed);
        bites.extend(self.scenario.steps.iter().filter_map(of_program));
        Ok(bites)
    }

    /// What shows that something was done to the peer's program; the controls prove what is not
    /// shown here.
    fn bite_of(&self, deed: &Deed, observed: &Observed) -> Option<String> {
        let (letter, ticks) = observed.peer?;
        if matches!(deed, Deed::StopReading {} | Deed::ReadSlowly { .. }) {
            let bytes = self.stuck_bytes()?;
            return Some(format!("{bytes} bytes wait for the peer to read"));
        }
        if matches!(deed, Deed::Burn {}) {
            let share = ticks as f64 / USER_HZ / observed.watched.as_secs_f64();
            let percent = share * 100.0;
            return (share >= BUSY)
                .then(|| format!("the peer's program used {percent:.0} % of a processor"));
        }
        (matches!(deed, Deed::Freeze {}) && letter == 'T')
            .then(|| "the peer's program is in state T (stopped)".to_owned())
    }

    /// What the control of the sending state has not got rid of; `None`: nothing.
    fn stuck_bytes(&self) -> Option<u32> {
        let full = |link: &&Link| matches!(link.state, State::Sending | State::ZeroWindow);
        let controls = self.links.iter().filter(|link| link.method.is_none());
        let waiting = controls.filter(full).filter_map(|link| {
            let info = link.info().ok()?;
            info.notsent_bytes
        });
        waiting.max().filter(|bytes| *bytes > 0)
    }

    /// Whether bytes get through on each link, each way that is open. Waits long for those that
    /// ought to.
    fn carry(&mut self, observed: &Observed, lives: bool) -> Result<Vec<Carried>, ExperimentError> {
        for link in &mut self.links {
            link.ask();
        }
        if !self.peer.is_gone() {
            self.peer.order(&Order::Say)?;
        }
        let patience = if lives { REVIVAL } else { DELIVERY };
        let start = Instant::now();
        let mut asked: Option<Instant> = None;
        let mut carried = vec![Carried::default(); self.links.len()];
        while start.elapsed() < patience {
            self.live();
            if asked.is_none_or(|asked| asked.elapsed() >= ASK_EVERY) {
                asked = Some(Instant::now());
                if !self.peer.is_gone() {
                    // Connections that were made only now have not been told to speak.
                    if lives {
                        self.peer.order(&Order::SayWhereUnsaid)?;
                    }
                    self.note_carried(&mut carried)?;
                }
                let waits = |(place, link): (usize, &Link)| {
                    !carried[place].both_ways()
                        && (link.method.is_none() || observed.noticed[place].is_none())
                };
                if lives && !self.links.iter().enumerate().any(waits) {
                    break;
                }
            }
            self.tick()?;
        }
        Ok(carried)
    }

    fn note_carried(&mut self, carried: &mut [Carried]) -> Result<(), ExperimentError> {
        let heard = self.peer.report()?;
        for (link, carried) in self.links.iter_mut().zip(carried) {
            let heard = heard.get(&link.id).copied().unwrap_or_default();
            carried.there |= !link.state.we_may_write() || (heard.ours && link.is_acknowledged());
            carried.back |=
                !link.state.peer_may_write() || (link.is_answered() && heard.theirs_acknowledged);
        }
        Ok(())
    }
}
