//! Scenarios: experiments as data, in TOML that a network engineer can read and write.
//!
//! ```
//! use deadpeer_lab::scenario::{Fate, Scenario};
//!
//! let scenario = Scenario::parse("pulled", r#"
//!     title = "peer's cable pulled"
//!     sentence = "Somebody pulls the cable of the peer's machine."
//!     peer = "gone"
//!     steps = [{ do = "unplug", host = "theirs" }]
//! "#)?;
//! assert_eq!(scenario.peer, Fate::Gone);
//! # Ok::<(), deadpeer_lab::scenario::ScenarioError>(())
//! ```

mod library;

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::Deed;
use crate::method::{self, Keepalive};
use crate::state::State;

pub use library::{library, named};

/// An experiment: what is done, and what is true afterwards.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Scenario {
    /// The name of its file, without the end.
    #[serde(skip)]
    pub name: String,
    /// A few words.
    pub title: String,
    /// One sentence that says what happens.
    pub sentence: String,
    /// What has become of the peer after the last step.
    pub peer: Fate,
    /// What is done before any connection is made.
    #[serde(default)]
    pub before: Vec<Deed>,
    /// What is done, in this order, once all connections are in their states.
    pub steps: Vec<Deed>,
    /// Whether the peer's host is reached through a program that relays every connection.
    #[serde(default)]
    pub proxy: bool,
    /// Whether the first step makes the peer fall silent without a word from anybody, so that the
    /// kernel's timers alone decide and a forecast can be made.
    #[serde(default)]
    pub silent: bool,
    /// The states in which something of the peer still comes although the rest is silence.
    #[serde(default)]
    pub heard_in: Vec<State>,
    /// The states in which the peer's end goes on answering although the peer is gone, and who does
    /// that. Such a cell is measured to be unnoticeable, or the experiment has failed.
    pub answered_in: Option<Answered>,
    /// What is done once all connections are in their states, before anybody watches them: the life
    /// that they have had.
    #[serde(default)]
    pub life: Vec<Deed>,
    /// How many connections each method watches in each state.
    #[serde(default = "one")]
    pub copies: usize,
    /// The states it is run in; all if not given.
    pub states: Option<Vec<State>>,
    /// States in which it cannot happen.
    #[serde(default)]
    pub except: Vec<State>,
    /// The methods that watch, by name; all if not given.
    pub methods: Option<Vec<String>>,
    /// The keepalive settings of the method of that name, instead of those that fit the deadline.
    pub keepalive: Option<Keepalive>,
    /// The deadline of this scenario, instead of the run's.
    #[serde(default, deserialize_with = "crate::fault::read_some")]
    pub within: Option<Duration>,
    /// What must come out. A scenario with expectations stands apart from the matrix.
    #[serde(default)]
    pub expect: Vec<Expectation>,
}

named! {
    /// What has become of the peer.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Fate {
        /// It is gone, or the path to it: the connection will never carry a byte again.
        Gone = "gone",
        /// It lives: the connection carries bytes both ways afterwards, and nobody may call it
        /// dead.
        Alive = "alive",
        /// It has ended its half and goes on reading: an end of stream, no death.
        Finished = "finished",
        /// Its program is stopped and may go on; its kernel answers. Only a heartbeat may say
        /// "silent", nobody "dead".
        Frozen = "frozen",
    }
}

/// States in which somebody goes on answering in the name of a peer that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Answered {
    /// The states.
    pub states: Vec<State>,
    /// Who answers: "a proxy's kernel".
    pub by: String,
}

/// What must come out of a scenario for one method, in every state it is run in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Expectation {
    /// The method.
    pub method: String,
    /// What its signal contains; not given: it must not notice anything.
    pub signal: Option<String>,
    /// Seconds after the fault between which it notices.
    pub between_s: Option<(f64, f64)>,
    /// How many answers without data came from the peer after the fault.
    pub answers: Option<(u32, u32)>,
}

impl Expectation {
    /// How many answers may come.
    pub(crate) fn answers(&self) -> Option<RangeInclusive<u32>> {
        self.answers.map(|(least, most)| least..=most)
    }
}

/// A scenario that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file is no TOML, or has keys that mean nothing.
    #[error("scenario {name}, line {line}: {why}")]
    Syntax {
        /// Its name.
        name: String,
        /// Where, from 1.
        line: usize,
        /// What.
        why: String,
    },
    /// It asks for something impossible.
    #[error("scenario {name}: {why}")]
    Impossible {
        /// Its name.
        name: String,
        /// What.
        why: String,
    },
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// The text is no scenario: unknown keys and values are refused.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let mut scenario: Self = toml::from_str(text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start));
            ScenarioError::Syntax {
                name: name.to_owned(),
                line: 1 + before.unwrap_or_default().matches('\n').count(),
                why: error.message().trim_end().replace('\n', ", "),
            }
        })?;
        scenario.name = name.to_owned();
        match scenario.fault() {
            Some(why) => Err(ScenarioError::Impossible {
                name: scenario.name,
                why,
            }),
            None => Ok(scenario),
        }
    }

    /// The states it is run in.
    pub fn states(&self) -> impl Iterator<Item = State> {
        let wanted = |state: &State| match &self.states {
            Some(states) => states.contains(state),
            None => true,
        };
        State::ALL
            .into_iter()
            .filter(move |state| wanted(state) && !self.except.contains(state))
    }

    /// Whether it belongs to the matrix: it has no expectations of its own.
    #[must_use]
    pub fn is_in_matrix(&self) -> bool {
        self.expect.is_empty()
    }

    /// Whether nothing but the kernel's timers can end a connection in this state.
    #[must_use]
    pub fn is_silent_in(&self, state: State) -> bool {
        self.silent && !self.heard_in.contains(&state)
    }

    /// Whether the peer's end is said to go on answering in this state.
    #[must_use]
    pub fn is_answered_in(&self, state: State) -> bool {
        let answered = self.answered_in.as_ref();
        answered.is_some_and(|answered| answered.states.contains(&state))
    }

    fn fault(&self) -> Option<String> {
        let deeds = || self.before.iter().chain(&self.life).chain(&self.steps);
        if let Some(why) = deeds().find_map(Deed::fault) {
            return Some(why.to_owned());
        }
        if self.steps.is_empty() {
            return Some("it has no steps".to_owned());
        }
        if self.states().next().is_none() {
            return Some("it has no states to run in".to_owned());
        }
        let known = method::NAMES;
        let named = self.methods.iter().flatten();
        named
            .chain(self.expect.iter().map(|expected| &expected.method))
            .find(|name| !known.contains(&name.as_str()))
            .map(|name| {
                format!(
                    "no method is called {name:?}, there are {}",
                    known.join(", ")
                )
            })
    }
}

fn one() -> usize {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"
        title = "t"
        sentence = "s"
        peer = "gone"
        steps = [{ do = "cut", packets = "both" }]
    "#;

    #[test]
    fn unknown_keys_and_values_are_refused() {
        assert!(Scenario::parse("sound", SOUND).is_ok());
        for (change, said) in [
            (("title", "titel"), "titel"),
            (("gone", "away"), "away"),
            (("cut", "snip"), "snip"),
            (("packets", "packages"), "packages"),
            (("peer =", "states = []\npeer ="), "no states"),
            (("peer =", "methods = [\"hope\"]\npeer ="), "hope"),
            (
                (
                    "do = \"cut\", packets = \"both\"",
                    "do = \"wait\", time = \"soon\"",
                ),
                "soon",
            ),
            (
                ("do = \"cut\", packets = \"both\"", "do = \"wait\""),
                "either time",
            ),
            (
                ("do = \"cut\", packets = \"both\"", "do = \"mend\", now = 1"),
                "now",
            ),
        ] {
            let text = SOUND.replace(change.0, change.1);
            let error = Scenario::parse("broken", &text).unwrap_err().to_string();
            assert!(error.contains(said), "{change:?}: {error}");
        }
    }

    #[test]
    fn states_are_all_but_the_excepted() {
        let text = SOUND.replace("peer", "except = [\"connecting\"]\npeer");
        let scenario = Scenario::parse("some", &text).unwrap();
        assert_eq!(scenario.states().count(), State::ALL.len() - 1);
    }
}
