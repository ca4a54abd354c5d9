//! The last so many samples, their mean and their deviation.

use std::collections::VecDeque;

/// Sums over the last samples, in whole nanoseconds: exact, so nothing drifts however long it runs.
#[derive(Debug, Clone)]
pub(super) struct Window {
    samples: VecDeque<i64>,
    capacity: usize,
    sum: i128,
    squares: i128,
}

impl Window {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            samples: VecDeque::new(),
            capacity: capacity.max(1),
            sum: 0,
            squares: 0,
        }
    }

    pub(super) fn push(&mut self, nanoseconds: i64) {
        if self.samples.len() >= self.capacity
            && let Some(oldest) = self.samples.pop_front()
        {
            self.sum -= i128::from(oldest);
            self.squares -= i128::from(oldest).pow(2);
        }
        self.samples.push_back(nanoseconds);
        self.sum += i128::from(nanoseconds);
        self.squares += i128::from(nanoseconds).pow(2);
    }

    pub(super) fn clear(&mut self) {
        self.samples.clear();
        self.sum = 0;
        self.squares = 0;
    }

    /// Nanoseconds.
    pub(super) fn mean(&self) -> Option<f64> {
        let n = self.samples.len();
        (n > 0).then(|| self.sum as f64 / n as f64)
    }

    /// Of the samples seen as the whole population, nanoseconds.
    pub(super) fn deviation(&self) -> Option<f64> {
        let n = self.samples.len() as i128;
        if n == 0 {
            return None;
        }
        let scaled = self.squares * n - self.sum.pow(2);
        Some((scaled as f64).max(0.0).sqrt() / n as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_sums_are_those_of_the_last_samples(
            samples in prop::collection::vec(-1_000_000_000_000_i64..1_000_000_000_000, 1..200),
            capacity in 1_usize..50,
        ) {
            let mut window = Window::new(capacity);
            samples.iter().for_each(|sample| window.push(*sample));
            let kept = &samples[samples.len().saturating_sub(capacity)..];
            let n = kept.len() as f64;
            let mean = kept.iter().map(|s| *s as f64).sum::<f64>() / n;
            let variance = kept.iter().map(|s| (*s as f64 - mean).powi(2)).sum::<f64>() / n;
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (a.abs() + b.abs()) + 1.0;
            prop_assert!(close(window.mean().unwrap(), mean));
            prop_assert!(close(window.deviation().unwrap(), variance.sqrt()));
        }
    }
}
