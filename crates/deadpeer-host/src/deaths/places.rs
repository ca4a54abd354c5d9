//! The network namespaces that connections die in, each with its sysctls.

use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::sysctls::CurrentSysctls;
use crate::table::AllNetns;

/// Looking for namespaces takes at most this part of our time.
const REST: u32 = 20;

/// Looking for namespaces again takes this long at least.
const SHORTEST: Duration = Duration::from_millis(20);

/// One namespace, or all.
#[derive(Debug)]
pub(super) enum Places {
    One(Box<CurrentSysctls>),
    All {
        known: FxHashMap<u64, CurrentSysctls>,
        next_check: Instant,
    },
}

impl Places {
    pub(super) fn all() -> Self {
        Self::All {
            known: FxHashMap::default(),
            next_check: Instant::now(),
        }
    }

    /// The namespace with this number, if it is found. One that has appeared is looked for.
    pub(super) fn of(&mut self, number: u64) -> Option<&mut CurrentSysctls> {
        let (known, next_check) = match self {
            Self::One(sysctls) => return Some(sysctls),
            Self::All { known, next_check } => (known, next_check),
        };
        let begun = Instant::now();
        if !known.contains_key(&number) && begun >= *next_check {
            find_all(known);
            *next_check = Instant::now() + (begun.elapsed() * REST).max(SHORTEST);
        }
        known.get_mut(&number)
    }
}

fn find_all(known: &mut FxHashMap<u64, CurrentSysctls>) {
    let found = AllNetns::find().known;
    known.retain(|number, _| found.iter().any(|netns| netns.number == *number));
    for netns in found {
        let place = known.entry(netns.number);
        place.or_insert_with(|| CurrentSysctls::at(netns));
    }
}
