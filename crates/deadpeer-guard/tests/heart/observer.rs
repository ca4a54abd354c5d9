//! A heart that only tells, beside the one that destroys, and shown the same.

use std::collections::BTreeSet;
use std::time::Duration;

use deadpeer_guard::heart::{Action, Census, Heart, Hold, Key};
use deadpeer_guard::{Evidence, WhySpared};

/// What came of it so far.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) heart: Heart,
    /// Those that the other one has destroyed. They go on hanging.
    pub(crate) destroyed: BTreeSet<Key>,
    /// How often it told of one, how often it spared one, and in how many sweeps it held.
    pub(crate) told: u32,
    pub(crate) spared: u32,
    pub(crate) held: u32,
}

impl Observer {
    pub(crate) fn new(heart: Heart) -> Self {
        Self {
            heart,
            destroyed: BTreeSet::new(),
            told: 0,
            spared: 0,
            held: 0,
        }
    }

    /// Ends a sweep in which the other one has `done` this: it tells the same.
    pub(crate) fn end_sweep(
        &mut self,
        now: Duration,
        census: &Census,
        other: &Heart,
        done: &[Action],
    ) {
        let told = self.heart.end_sweep(now, census);
        let plain = |actions: &[Action]| actions.iter().map(plain).collect::<Vec<_>>();
        let told = plain(&told);
        assert_eq!(told, plain(done), "at {now:?}");
        let holds = |heart: &Heart| heart.holding().collect::<Vec<(Hold, Duration)>>();
        assert_eq!(holds(&self.heart), holds(other), "at {now:?}");
        let spared = told.iter().filter(|(.., why)| why.is_some()).count();
        self.spared += spared as u32;
        self.told += (told.len() - spared) as u32;
        self.held += u32::from(self.heart.holding().next().is_some());
    }
}

/// Without who does it.
fn plain(action: &Action) -> (Key, Evidence, Option<WhySpared>) {
    match *action {
        Action::Kill { key, evidence, .. } => (key, evidence, None),
        Action::Spare { key, evidence, why } => (key, evidence, Some(why)),
    }
}
