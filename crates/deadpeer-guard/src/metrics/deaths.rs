//! Deaths, counted by service and cause.

use std::collections::BTreeMap;

use deadpeer_core::close_reason::CloseCause;
use deadpeer_host::deaths::{Death, ServiceName};

use super::names::{Names, OTHER};

/// So many services and causes are told apart; what is more is counted as another service's.
const PAIRS: usize = 1000;
/// Bounds of the silences that are told apart, seconds.
pub(super) const BOUNDS_S: [f64; 10] = [
    1.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 7200.0,
];

/// What died since the guard began.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    pub(super) by_service: BTreeMap<(String, &'static str), u64>,
    pub(super) silences: BTreeMap<&'static str, Silences>,
    /// Connections that both ends closed in order.
    pub(super) ordinary: u64,
}

/// How long peers had been silent when their connections died.
#[derive(Debug, Clone, Default)]
pub(crate) struct Silences {
    /// Up to each bound, and above the last.
    counts: [u64; BOUNDS_S.len() + 1],
    pub(crate) sum_s: f64,
}

impl Deaths {
    pub(super) fn count(&mut self, death: &Death, names: &mut Names) {
        if death.is_ordinary() {
            self.ordinary += 1;
            return;
        }
        let cause = death.reason.cause;
        let service = ServiceName::of(death);
        names.learn(&service);
        let mut key = (names.of(&service).to_owned(), cause.word());
        if self.by_service.len() >= PAIRS && !self.by_service.contains_key(&key) {
            key.0 = OTHER.to_owned();
        }
        *self.by_service.entry(key).or_default() += 1;
        if let Some(silence) = death.last.silence.filter(|_| tells(cause)) {
            self.silences
                .entry(cause.word())
                .or_default()
                .add(silence.as_secs_f64());
        }
    }
}

/// Whether the silence before a death of this cause says anything.
fn tells(cause: CloseCause) -> bool {
    cause.is_silence() || matches!(cause, CloseCause::Reset | CloseCause::Destroyed)
}

impl Silences {
    fn add(&mut self, silence_s: f64) {
        let place = BOUNDS_S.iter().position(|bound| silence_s <= *bound);
        if let Some(count) = self.counts.get_mut(place.unwrap_or(BOUNDS_S.len())) {
            *count += 1;
        }
        self.sum_s += silence_s;
    }

    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many between each bound and the one before; above the last, up to infinity.
    pub(crate) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = BOUNDS_S.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().copied()).collect()
    }
}
