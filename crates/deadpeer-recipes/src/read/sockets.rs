//! The sockets that a configuration speaks of, and the options that it gives them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use deadpeer_core::{Kernel, SocketOptions};

use super::document::{Document, Entry, Place, Remark};
use super::keys::{Found, each, value};
use super::secrets::masked;
use super::value::{milliseconds, switch};
use crate::fit::Fit;
use crate::recipe::{Configuration, Key, Knob, Side, Syntax, Target, Zero};

/// Sockets with the same options: those of one listener, of one section, or of the whole program.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sockets {
    /// What the recipe says of them.
    pub side: &'static Side,
    /// The line that stands for them; `None`: the whole configuration does.
    pub at: Option<Line>,
    /// The lines that set their options.
    pub said: Vec<Line>,
    /// What they promise; `None`: a value was not understood.
    pub fit: Option<Fit>,
}

/// A line that is concerned. Passwords are left out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Where it is.
    pub place: Place,
    /// What stands there.
    pub text: String,
}

impl Line {
    pub(crate) fn of(document: &Document, entry: &Entry) -> Self {
        let text = document.text(entry.file);
        Self {
            place: document.place(entry.file, entry.key.at.start),
            text: masked(text[entry.key.at.start..entry.end].trim()),
        }
    }
}

/// Sockets, and the entries that speak of them.
pub(crate) struct Spoken<'d> {
    pub(crate) sockets: Sockets,
    /// Those that stand for them.
    pub(crate) by: Vec<&'d Entry>,
    pub(crate) block: usize,
    /// The value in force of each key of the side.
    pub(crate) found: Vec<Option<Found<'d>>>,
}

/// Who asks, and how it is written.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) how: &'static Configuration,
    pub(crate) within: Duration,
    pub(crate) kernel: &'a Kernel,
}

/// The sockets of a side.
pub(crate) fn of_side<'d>(
    document: &'d Document,
    side: &'static Side,
    asked: Asked<'_>,
    remarks: &mut Vec<Remark>,
) -> Vec<Spoken<'d>> {
    let syntax = asked.how.syntax;
    // Sockets of one block have much in common, and a block may have thousands.
    let mut around: BTreeMap<usize, Vec<Option<Found<'_>>>> = BTreeMap::new();
    let mut fits: HashMap<SocketOptions, Fit> = HashMap::new();
    let spoken = groups(document, side, syntax)
        .into_iter()
        .map(|(block, by)| {
            let around = around.entry(block).or_insert_with(|| {
                let keys = side.keys.iter();
                keys.map(|key| around_block(document, side, asked, key, block))
                    .collect()
            });
            let keys = side.keys.iter().zip(around);
            let found = keys.map(|(key, around)| match of_own_line(side, key) {
                true => by
                    .iter()
                    .find_map(|entry| value(document, syntax, entry, key)),
                false => around.clone(),
            });
            let found: Vec<_> = found.collect();
            let options = options(document, side, &found, remarks);
            let said = found.iter().flatten().map(|found| found.entry);
            let mut said: Vec<Line> = said.map(|entry| Line::of(document, entry)).collect();
            said.dedup();
            let at = by.first().map(|entry| Line::of(document, entry));
            Spoken {
                sockets: Sockets {
                    side,
                    said: said
                        .into_iter()
                        .filter(|line| at.as_ref() != Some(line))
                        .collect(),
                    at,
                    fit: options.map(|options| {
                        let fit = || Fit::of(options, asked.within, asked.kernel);
                        *fits.entry(options).or_insert_with(fit)
                    }),
                },
                by,
                block,
                found,
            }
        });
    spoken.collect()
}

/// The blocks in which a side has sockets, and the lines that stand for them.
fn groups<'d>(
    document: &'d Document,
    side: &'static Side,
    syntax: Syntax,
) -> Vec<(usize, Vec<&'d Entry>)> {
    let mut groups: Vec<(usize, Vec<&Entry>)> = Vec::new();
    match &side.each {
        None => groups.push((Document::ROOT, Vec::new())),
        Some(each_block) if each_block.key.is_empty() => {
            let blocks = document.blocks.iter().enumerate();
            let named = blocks.filter(|(_, block)| each_block.blocks.contains(&block.name));
            groups.extend(named.map(|(block, _)| (block, Vec::new())));
        }
        Some(each_line) => {
            for entry in each(document, syntax, each_line) {
                let word = entry.words.first().map(|word| &word.text);
                let same = |(_, group): &&mut (usize, Vec<&Entry>)| {
                    let first = group[0].words.first().map(|word| &word.text);
                    each_line.shared && first == word
                };
                match groups.iter_mut().find(same) {
                    Some((_, group)) => group.push(entry),
                    None => groups.push((entry.block, vec![entry])),
                }
            }
        }
    }
    groups
}

/// Whether a key is a word of the line that stands for the sockets.
fn of_own_line(side: &Side, key: &Key) -> bool {
    let own = side.each.as_ref().is_some_and(|each| each.key == key.key);
    own && key.parameter.is_some()
}

/// The value of a key that counts in a block: that of the nearest one around it.
fn around_block<'d>(
    document: &'d Document,
    side: &Side,
    asked: Asked<'_>,
    key: &Key,
    block: usize,
) -> Option<Found<'d>> {
    if of_own_line(side, key) {
        return None;
    }
    let syntax = asked.how.syntax;
    let all = document.entries.iter();
    let found = |block: Option<usize>| {
        let here = all
            .clone()
            .filter(|entry| block.is_none_or(|block| entry.block == block));
        let mut values = here.filter_map(|entry| value(document, syntax, entry, key));
        match asked.how.first_counts {
            true => values.next(),
            false => values.next_back(),
        }
    };
    match side.each {
        // Sections of a flat file are parts of it.
        None => found(None),
        Some(_) => document.around(block).find_map(|block| found(Some(block))),
    }
}

/// The options that the values come to; `None`, with a remark: one of them was not understood.
fn options(
    document: &Document,
    side: &Side,
    found: &[Option<Found<'_>>],
    remarks: &mut Vec<Remark>,
) -> Option<SocketOptions> {
    let mut given = Given {
        keepalive: side.untouched,
        ..Given::default()
    };
    let mut understood = true;
    for (key, found) in side.keys.iter().zip(found) {
        let text = match (found, &key.default) {
            (Some(found), _) => &found.value,
            (None, Some(default)) => default,
            (None, None) => continue,
        };
        if given.take(key, text).is_none() {
            understood = false;
            if let Some(found) = found {
                remarks.push(Remark {
                    place: document.place(found.entry.file, found.at.start),
                    what: format!("the value of {} is not understood", key.key),
                });
            }
        }
    }
    let options = understood.then(|| given.options(side))?;
    match options.check() {
        Ok(()) => Some(options),
        Err(error) => {
            let found = found.iter().flatten().next();
            let place = found.map(|found| document.place(found.entry.file, found.at.start));
            remarks.extend(place.map(|place| Remark {
                place,
                what: error.to_string(),
            }));
            None
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Given {
    keepalive: bool,
    idle: Option<u32>,
    interval: Option<u32>,
    count: Option<u32>,
    probing: Option<u32>,
    user_timeout_ms: Option<u32>,
}

impl Given {
    /// Takes a value; `None`: it is not understood.
    fn take(&mut self, key: &Key, text: &str) -> Option<()> {
        if let ([Target::Keepalive], Some(on)) = (&key.sets[..], switch(text)) {
            self.keepalive = on;
            return Some(());
        }
        if let (Some(_), Some(on)) = (key.separator, switch(text)) {
            self.keepalive = on;
            return Some(());
        }
        let Some(separator) = key.separator else {
            let [target] = key.sets[..] else { return None };
            return self.set(key, target, text);
        };
        self.keepalive = true;
        let parts: Vec<&str> = text.split(separator).collect();
        if parts.len() > key.sets.len() {
            return None;
        }
        let mut parts = key.sets.iter().zip(parts);
        parts.try_for_each(|(target, part)| match part.is_empty() {
            true => Some(()),
            false => self.set(key, *target, part),
        })
    }

    fn set(&mut self, key: &Key, target: Target, text: &str) -> Option<()> {
        let number = match target {
            Target::Count => text.trim().parse::<u32>().ok()?,
            Target::UserTimeout => u32::try_from(milliseconds(text, key.unit)?).ok()?,
            Target::Keepalive | Target::Idle | Target::Interval | Target::Probing => {
                u32::try_from(milliseconds(text, key.unit)?.div_ceil(1000)).ok()?
            }
        };
        if number == 0 && key.zero == Zero::Off {
            self.keepalive = false;
            return Some(());
        }
        let number = (number > 0).then_some(number);
        match target {
            Target::Keepalive => return None,
            Target::Idle => self.idle = number,
            Target::Interval => self.interval = number,
            Target::Count => self.count = number,
            Target::Probing => self.probing = number,
            Target::UserTimeout => self.user_timeout_ms = number,
        }
        Some(())
    }

    fn options(&self, side: &Side) -> SocketOptions {
        let mut options = SocketOptions::new().keepalive(self.keepalive);
        options.user_timeout_ms = self.user_timeout_ms;
        if !self.keepalive {
            return options;
        }
        let always = |knob| match knob {
            Knob::Fixed(value) => Some(value),
            Knob::Free | Knob::Part(_) | Knob::Range(_) | Knob::Untouched => None,
        };
        options.keepidle_s = self.idle.or(always(side.sets.idle));
        options.keepintvl_s = match (self.interval, side.sets.interval) {
            (Some(interval), _) => Some(interval),
            (None, Knob::Part(part)) => {
                let idle = options.keepidle_s;
                idle.map(|idle| (idle / part.idle_divided_by.max(1)).max(1))
            }
            (None, knob) => always(knob),
        };
        let probes = self.probing.zip(options.keepintvl_s);
        let probes = probes.map(|(probing, interval)| probing.div_ceil(interval.max(1)));
        options.keepcnt = self.count.or(probes).or(always(side.sets.count));
        options.user_timeout_ms = self.user_timeout_ms.or(always(side.sets.user_timeout));
        options
    }
}
