//! The network namespaces that connections die in, each with its sysctls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::sysctls::CurrentSysctls;
use crate::table::{AllNetns, Netns};

/// Looking for namespaces takes at most this part of our time.
const REST: u32 = 20;

/// Looking for namespaces again takes this long at least.
const SHORTEST: Duration = Duration::from_millis(20);

/// One namespace, or all.
#[derive(Debug)]
pub(super) enum Places {
    One(Box<CurrentSysctls>),
    All {
        known: FxHashMap<u64, (Arc<Netns>, CurrentSysctls)>,
        next_check: Instant,
    },
}

/// Where a connection died.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// `None`: all are watched, and it was not found; or one is, which is this.
    pub(super) netns: Option<Arc<Netns>>,
    /// `None`: not found.
    pub(super) sysctls: Option<&'a mut CurrentSysctls>,
}

impl Places {
    pub(super) fn one(sysctls: CurrentSysctls) -> Self {
        Self::One(Box::new(sysctls))
    }

    pub(super) fn all() -> Self {
        Self::All {
            known: FxHashMap::default(),
            next_check: Instant::now(),
        }
    }

    /// The namespace with this number. One that has appeared is looked for.
    pub(super) fn of(&mut self, number: u64) -> Place<'_> {
        let (known, next_check) = match self {
            Self::One(sysctls) => {
                return Place {
                    netns: None,
                    sysctls: Some(sysctls),
                };
            }
            Self::All { known, next_check } => (known, next_check),
        };
        let begun = Instant::now();
        if !known.contains_key(&number) && begun >= *next_check {
            find_all(known);
            *next_check = Instant::now() + (begun.elapsed() * REST).max(SHORTEST);
        }
        let place = known.get_mut(&number);
        let place = place.map(|(netns, sysctls)| (Arc::clone(netns), sysctls));
        let (netns, sysctls) = place.unzip();
        Place { netns, sysctls }
    }
}

fn find_all(known: &mut FxHashMap<u64, (Arc<Netns>, CurrentSysctls)>) {
    let found = AllNetns::find().known;
    known.retain(|number, _| found.iter().any(|netns| netns.number == *number));
    for netns in found {
        let number = netns.number;
        known.entry(number).or_insert_with(|| {
            let netns = Arc::new(netns);
            let sysctls = CurrentSysctls::at(Arc::clone(&netns));
            (netns, sysctls)
        });
    }
}
