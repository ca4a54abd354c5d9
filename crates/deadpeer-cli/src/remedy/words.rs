//! A remedy in sentences.

use deadpeer_core::Silence;
use deadpeer_recipes::read::OwnEnd;
use deadpeer_report::duration::{Upper, typed};
use deadpeer_report::sanitize::sanitize;

use super::{Program, Remedy};
use crate::plan::read::own_in_words;

/// What is said of settings that survive no lost probe, as on the page of `plan --for`.
pub(super) const ONE_LOST_PROBE: &str = "one lost probe ends a live connection";

impl Remedy<'_> {
    /// As sentences for people.
    pub(crate) fn notes(&self) -> Vec<String> {
        let recipe = self.recipe();
        let within = typed(self.advice.within);
        let mut notes = Vec::from_iter(self.sooner());
        let (kept, missed) = self.kept();
        let words = |silences: &[Silence], last: &str| {
            let words: Vec<_> = silences.iter().map(|silence| silence.words()).collect();
            words.join(last)
        };
        let lines = self.lines();
        if kept.is_empty() || lines.is_empty() {
            notes.push(format!(
                "{}: nothing in its configuration keeps {within}",
                recipe.title
            ));
        } else {
            let perhaps = match self.may_have_no_file() {
                true => " if it was started with that",
                false => "",
            };
            let file = self
                .file()
                .map(|file| format!(", {file}{perhaps}"))
                .unwrap_or_default();
            let lines = lines.join("; ");
            let mut note = match self.in_force {
                true => {
                    format!("its open connections already have what can be written{file}: {lines}")
                }
                false => format!("to write{file}: {lines}"),
            };
            note += &format!(" (keeps {within} {}", words(&kept, " and "));
            if !missed.is_empty() {
                note += &format!(", not {}", words(&missed, " or "));
            }
            notes.push(note + ")");
            notes.extend(self.is_fragile().then(|| ONE_LOST_PROBE.to_owned()));
            notes.extend(self.since());
        }
        for command in self.live().into_iter().filter(|_| !self.in_force) {
            notes.push(format!("at once, for new connections: {command}"));
        }
        let own = self.own();
        let ends = own.iter().filter(|own| own.ends != OwnEnd::Never);
        notes.extend(ends.map(|own| format!("a timeout of its own, {}", own_in_words(own))));
        let telling = recipe
            .timeouts
            .iter()
            .filter(|timeout| timeout.ends.is_some());
        if let (Program::Unread(why), 1..) = (self.program, telling.clone().count()) {
            let keys: Vec<_> = telling.map(|timeout| timeout.key.as_str()).collect();
            let keys = keys.join(", ");
            notes.push(format!(
                "whether {keys} would end it sooner is not known: {}",
                sanitize(why)
            ));
        }
        notes.push(format!("more: {}", self.whole()));
        notes
    }

    /// "sshd itself after 35 s", where that is sooner than the deadline.
    fn sooner(&self) -> Option<String> {
        let own = self.keeps_itself()?;
        let OwnEnd::After(after) = own.ends else {
            return None;
        };
        Some(format!(
            "the program itself ends it after {} ({}): the kernel's times above don't count then",
            Upper(after),
            own.timeout.key
        ))
    }
}
