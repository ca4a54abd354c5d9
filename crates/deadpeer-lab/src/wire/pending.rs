//! Frames that wait for their time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::time::Duration;

use crate::router::{Emission, End};

/// Frames to be sent, the earliest first; frames of the same time in the order they came.
#[derive(Debug, Default)]
pub(super) struct Pending {
    heap: BinaryHeap<Reverse<Waiting>>,
    arrivals: u64,
}

/// Compared by time and order of arrival, which are never both equal.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    at: Duration,
    arrival: u64,
    to: End,
    frame: Vec<u8>,
}

impl Pending {
    pub(super) fn push(&mut self, emission: Emission) {
        self.heap.push(Reverse(Waiting {
            at: emission.at,
            arrival: self.arrivals,
            to: emission.to,
            frame: emission.frame,
        }));
        self.arrivals += 1;
    }

    /// Takes the next frame whose time has come.
    pub(super) fn pop_due(&mut self, now: Duration) -> Option<Emission> {
        let first = self.heap.peek_mut().filter(|first| first.0.at <= now)?;
        let Reverse(first) = PeekMut::pop(first);
        Some(Emission {
            at: first.at,
            to: first.to,
            frame: first.frame,
        })
    }

    /// When the next frame is to be sent; `None`: nothing waits.
    pub(super) fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse(first)| first.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earliest_first_and_equals_in_order() {
        let mut pending = Pending::default();
        for (at, mark) in [(30, 1), (10, 2), (20, 3), (10, 4), (20, 5)] {
            pending.push(Emission {
                at: Duration::from_millis(at),
                to: End(0),
                frame: vec![mark],
            });
        }
        let mut due = |ms| {
            let now = Duration::from_millis(ms);
            std::iter::from_fn(|| pending.pop_due(now))
                .map(|due| due.frame[0])
                .collect::<Vec<_>>()
        };
        assert!(due(9).is_empty());
        assert_eq!(due(10), [2, 4]);
        assert_eq!(due(40), [3, 5, 1]);
        assert_eq!(pending.next(), None);
    }
}
