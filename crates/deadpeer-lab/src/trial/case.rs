//! What is tried: a fault in a state, or a scenario with live clients.

use std::fmt;

use deadpeer_core::Silence;

use super::{Client, Fault, Trial};

/// One line of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Case {
    /// Clients vanish: the server must notice.
    Vanish {
        /// How.
        fault: Fault,
        /// While what.
        state: State,
    },
    /// Clients live: the server must keep them.
    Live(Living),
    /// No client vanished silently in this state: the settings tell what would happen.
    Untried(State),
    /// Clients are idle behind a middlebox: the settings tell whether it forgets them.
    Middlebox,
}

named! {
    /// What a connection is doing when its client vanishes, as the server sees it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum State {
        /// All is said, nothing is on its way.
        Idle = "idle",
        /// The server's answer is on its way and never acknowledged.
        InFlight = "in-flight",
        /// The client reads no more, and the server's answers wait for room.
        ZeroWindow = "zero-window",
        /// The server sends one answer after the other.
        Sending = "sending",
        /// The server is about to answer: it writes when the client has already vanished.
        LateWrite = "late-write",
    }
}

named! {
    /// How a live client makes it hard.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Living {
        /// Not at all: what happens to it is the server's own policy, by which the others are
        /// judged.
        Untouched = "untouched",
        /// One in twenty packets is lost, each way.
        Lossy = "lossy",
        /// Every packet takes 300 ms and up to 50 ms more, each way.
        Delayed = "delayed",
        /// Nothing comes through for a third of the deadline.
        Outage = "outage",
        /// It reads a few bytes every tenth of a second: its window stays closed.
        SlowReader = "slow-reader",
    }
}

impl State {
    /// What it is to the kernel that the client says nothing any more.
    pub(super) const fn silence(self) -> Silence {
        match self {
            Self::Idle => Silence::Idle,
            Self::InFlight | Self::Sending => Silence::InFlight,
            Self::ZeroWindow => Silence::ZeroWindow,
            Self::LateWrite => Silence::LateWrite,
        }
    }
}

impl Case {
    /// All that a trial tries, in the order of its report.
    #[must_use]
    pub fn all(trial: &Trial) -> Vec<Self> {
        let faults = trial.faults.as_deref().unwrap_or(&Fault::USUAL);
        let usual = match trial.send {
            Some(_) => &[State::Idle, State::InFlight][..],
            None => &[State::Idle],
        };
        let states = trial.states.as_deref().unwrap_or(usual);
        let vanish = faults.iter().flat_map(|&fault| {
            let states = states
                .iter()
                .filter(move |state| fault.strikes_in(**state) && trial.client.can(fault, **state));
            states.map(move |&state| Self::Vanish { fault, state })
        });
        let live = Living::ALL.into_iter().filter(|living| {
            // Without anything to say there is nothing to read slowly, and a program reads as it
            // likes.
            let can_read_slowly = trial.send.is_some() && trial.client == Client::Plain;
            *living != Living::SlowReader || can_read_slowly
        });
        let mut cases: Vec<Self> = vanish.chain(live.map(Self::Live)).collect();
        let mut seen = Vec::new();
        cases.retain(|case| {
            let first = !seen.contains(case);
            seen.push(*case);
            first
        });
        cases
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vanish { fault, state } => write!(f, "{}, {}", fault.name(), state.name()),
            Self::Live(living) => write!(f, "{}, alive", living.name()),
            Self::Untried(state) => write!(f, "not tried, {}", state.name()),
            Self::Middlebox => f.write_str("not tried, behind a middlebox"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn trial() -> Trial {
        Trial::new(["true"], 80, Duration::from_secs(1))
    }

    fn names(trial: &Trial) -> Vec<String> {
        Case::all(trial).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn without_anything_to_send_there_is_only_idleness() {
        let names = names(&trial());
        assert!(names.contains(&"power-off, idle".to_owned()), "{names:?}");
        assert!(!names.iter().any(|name| name.contains("in-flight")));
        assert!(!names.iter().any(|name| name.contains("slow-reader")));
    }

    #[test]
    fn with_something_to_send_answers_get_lost_too() {
        let mut trial = trial();
        trial.send = Some(b"x".to_vec());
        let all = names(&trial);
        assert!(all.contains(&"power-off, in-flight".to_owned()), "{all:?}");
        assert!(all.contains(&"slow-reader, alive".to_owned()));
        // Who closes has nothing in flight.
        assert!(!all.contains(&"close, in-flight".to_owned()));
        trial.client = Client::Command("nc".into());
        let of_programs = names(&trial);
        assert!(!of_programs.contains(&"slow-reader, alive".to_owned()));
        assert!(!of_programs.contains(&"abort, idle".to_owned()));
    }

    #[test]
    fn what_is_named_twice_is_tried_once() {
        let mut trial = trial();
        trial.faults = Some(vec![Fault::Reboot, Fault::Reboot]);
        let reboots = names(&trial);
        assert_eq!(
            reboots
                .iter()
                .filter(|name| name.starts_with("reboot"))
                .count(),
            1
        );
    }
}
