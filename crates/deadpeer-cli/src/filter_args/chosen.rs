//! What filters choose, and what to say if that is nothing.

use std::borrow::Cow;

use deadpeer_host::filter::Selector;
use deadpeer_host::{Filter, Namespace, OpenTableError, Scope, Tables};
use deadpeer_report::sanitize::sanitize;

use crate::exit::{Stop, sentence_of};
use crate::names;

/// The connections that filters choose.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Which, as far as their names mean something now: what isn't there is refused.
    pub(crate) filter: Filter,
    /// Which, to be looked up again later.
    pub(crate) selector: Selector,
    /// Of which network namespace, for verbs that look at one.
    pub(crate) namespace: Namespace,
    /// Of which network namespaces.
    pub(crate) scope: Scope,
    /// The same as it was typed, if it was.
    pub(crate) netns: Option<String>,
    /// The filters as they were typed, for sentences; empty: none.
    pub(super) words: String,
    /// The names of processes as they were typed.
    pub(super) processes: Vec<String>,
}

impl Chosen {
    /// Why it could not be entered, if one was named.
    pub(crate) fn not_entered(&self, error: &OpenTableError) -> Stop {
        let why = sentence_of(error);
        Stop::Failed(match self.scope.one() {
            None | Some(Namespace::Own) => why,
            Some(_) => format!("cannot enter that network namespace: {why}"),
        })
    }

    /// The tables that they are in.
    pub(crate) fn open_all(&self) -> Result<Tables, Stop> {
        Tables::open(&self.scope).map_err(|error| self.not_entered(&error))
    }

    /// Whether not all of them are meant.
    pub(crate) fn is_filtered(&self) -> bool {
        !self.words.is_empty()
    }

    /// The filters as they were typed, safe for a terminal.
    pub(crate) fn words(&self) -> Cow<'_, str> {
        sanitize(&self.words)
    }

    /// A process with a similar name, as a sentence with a space before it; empty: there is none,
    /// or one has this very name.
    pub(crate) fn did_you_mean(&self) -> String {
        let similar = self
            .processes
            .iter()
            .find_map(|typed| names::process_like(typed));
        match similar {
            Some(name) => format!(" Did you mean --process {}?", sanitize(&name)),
            None => String::new(),
        }
    }

    /// That no process has a name that was typed, with one that is like it, as one sentence;
    /// `None`: there is none that is like it, or one has this very name.
    pub(crate) fn mistyped(&self) -> Option<String> {
        let hint = self.did_you_mean();
        let is_like = !hint.is_empty();
        is_like.then(|| format!("No process matches {} now.{hint}", self.words()))
    }

    /// That there is neither connection nor listener.
    pub(crate) fn nothing(&self) -> String {
        match self.is_filtered() {
            false => format!(
                "There is no TCP connection and no listener {}.",
                match self.scope == Scope::All {
                    true => "on this machine",
                    false => "in this network namespace",
                }
            ),
            true => format!(
                "No connection and no listener matches {}.{}",
                self.words(),
                self.did_you_mean()
            ),
        }
    }
}
