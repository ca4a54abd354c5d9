//! Where the kernel asks seldom.
//!
//! An idle peer is asked every second, so that dozens of questions in a row have failed by the time
//! that a deadline is over. Of data in flight and of a closed window there are a handful, and as
//! few convince where a path is known to lose nothing. A path may come to lose more in any moment,
//! and nothing is known of a new one.

use deadpeer_core::TcpInfo;
use deadpeer_core::verdict::Loss;

/// A live connection is destroyed by chance once in so many rows of unanswered questions,
const ROWS: f64 = 1e6;
/// if its path comes to lose this share of all packets each way while they are asked,
const SUDDEN: f64 = 0.10;
/// or if it has lost this share from the beginning, and too little was asked to know.
const UNKNOWN: f64 = 0.25;

/// The data itself and the tail-loss probe after it, which the kernel does not count.
const UNCOUNTED: u32 = 2;

/// Why it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seldom {
    /// Retransmissions ask.
    InFlight,
    /// Window probes ask.
    ClosedWindow,
}

impl Seldom {
    /// `None`: it does not, or has no question open.
    pub(super) fn of(info: &TcpInfo) -> Option<Self> {
        let is_closed = info.snd_wnd == Some(0) && info.notsent_bytes > Some(0);
        match info.retransmits {
            Some(1..) => Some(Self::InFlight),
            _ => is_closed.then_some(Self::ClosedWindow),
        }
    }

    /// So many unanswered questions convince, of those that the kernel counts, whatever the loss
    /// that was measured.
    pub(crate) fn needs(self, measured: &Loss) -> u32 {
        let unknown = measured.streak_even_if(UNKNOWN, ROWS);
        let sudden = Loss::default().streak_even_if(SUDDEN, ROWS);
        let uncounted = match self {
            Self::InFlight => UNCOUNTED,
            Self::ClosedWindow => 0,
        };
        unknown.max(sudden) - uncounted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/guard.md has them.
    #[test]
    fn nine_questions_or_seventeen() {
        let fresh = Loss::default();
        assert_eq!(Seldom::InFlight.needs(&fresh), 15);
        assert_eq!(Seldom::ClosedWindow.needs(&fresh), 17);
        let mut known = Loss::default();
        known.sample(0.0, 20.0);
        assert_eq!(Seldom::InFlight.needs(&known), 7);
        assert_eq!(Seldom::ClosedWindow.needs(&known), 9);
    }
}
