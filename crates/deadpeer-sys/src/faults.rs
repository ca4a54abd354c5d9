//! System calls that fail when a test says so, as they would on a machine that runs out of
//! descriptors or memory.
//!
//! [`during`] some work, the calls that this crate makes for it are counted, and those that a
//! [`Plan`] names fail. The plan holds for the calling thread and for those that this crate starts
//! from there; other threads are left alone.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not made, and says this.
    Errno(Errno),
    /// What it filled a buffer with lacks the last byte. A call that fills none is made as ever.
    Short,
}

/// What [`Plan::seeded`] chooses from.
pub const FAULTS: [Fault; 5] = [
    Fault::Errno(Errno::MFILE),
    Fault::Errno(Errno::NOMEM),
    Fault::Errno(Errno::NOBUFS),
    Fault::Errno(Errno::INTR),
    Fault::Short,
];

/// Which calls fail, and how; the first is number 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan(Vec<(usize, Fault)>);

impl Plan {
    /// None fails.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// One call fails.
    #[must_use]
    pub fn one(number: usize, fault: Fault) -> Self {
        Self(vec![(number, fault)])
    }

    /// One to three of so many calls fail, always the same for a seed.
    #[must_use]
    pub fn seeded(seed: u64, calls: usize) -> Self {
        let mut state = seed;
        let mut below = |bound: usize| (next(&mut state) % bound.max(1) as u64) as usize;
        let count = 1 + below(3);
        let faults = (0..count).filter_map(|_| {
            let number = below(calls);
            Some((number, *FAULTS.get(below(FAULTS.len()))?))
        });
        Self(faults.collect())
    }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The calls of some work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calls {
    /// How many there were, those that failed included.
    pub made: usize,
    /// Those that the plan let fail.
    pub failed: Vec<(&'static str, Fault)>,
}

/// Works under a plan, and tells which calls were made.
pub fn during<T>(plan: Plan, work: impl FnOnce() -> T) -> (T, Calls) {
    let active = Active::from(plan);
    let worked = under(Some(active.clone()), work);
    (
        worked,
        active
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .calls
            .clone(),
    )
}

/// A plan in force, shared by the threads of its work.
#[derive(Debug, Clone)]
pub(crate) struct Active(Arc<Mutex<Progress>>);

#[derive(Debug)]
struct Progress {
    plan: Plan,
    calls: Calls,
}

thread_local! {
    static ACTIVE: RefCell<Option<Active>> = const { RefCell::new(None) };
}

impl From<Plan> for Active {
    fn from(plan: Plan) -> Self {
        let calls = Calls::default();
        Self(Arc::new(Mutex::new(Progress { plan, calls })))
    }
}

/// What is in force for this thread, to be handed to one that it starts.
pub(crate) fn active() -> Option<Active> {
    let here = ACTIVE.try_with(|active| active.borrow().clone());
    // A thread that has ended its own is under no plan.
    here.ok().flatten()
}

/// Works with this in force.
pub(crate) fn under<T>(active: Option<Active>, work: impl FnOnce() -> T) -> T {
    struct Before(Option<Active>);
    impl Drop for Before {
        fn drop(&mut self) {
            ACTIVE.set(self.0.take());
        }
    }
    let _before = Before(ACTIVE.replace(active));
    work()
}

/// A call is about to be made. How it fails, if it is to.
pub(crate) fn next_call(name: &'static str) -> Option<Fault> {
    let active = active()?;
    let mut progress = active.0.lock().unwrap_or_else(PoisonError::into_inner);
    let number = progress.calls.made;
    progress.calls.made += 1;
    let fault = progress.plan.0.iter().find(|(at, _)| *at == number)?.1;
    progress.calls.failed.push((name, fault));
    Some(fault)
}
