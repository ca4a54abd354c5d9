//! The worst of many connections.

use super::bound::Bound;
use super::connection::Judgement;

/// The worst of several bounds, and whether some are unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Worst {
    /// The worst that is known.
    pub known: Option<Bound>,
    /// Whether of some connections nothing is known.
    pub some_unknown: bool,
    /// Whether over some it can't come any more.
    pub(super) some_ruled_out: bool,
}

/// The worst of several connections in each kind of silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Worsts {
    /// While idle.
    pub idle: Worst,
    /// With data in flight.
    pub in_flight: Worst,
    /// Before a late write.
    pub late_write: Worst,
}

impl Worst {
    fn add(&mut self, bound: Bound) {
        match (bound, self.known) {
            (Bound::Unknown, _) => self.some_unknown = true,
            (Bound::RuledOut, _) => self.some_ruled_out = true,
            (bound, Some(known)) if bound.badness() <= known.badness() => {}
            (bound, _) => self.known = Some(bound),
        }
    }

    /// The worst that is known; unknown if nothing is.
    #[must_use]
    pub fn bound(self) -> Bound {
        match self.known {
            Some(known) => known,
            None if self.some_ruled_out && !self.some_unknown => Bound::RuledOut,
            None => Bound::Unknown,
        }
    }
}

impl Worsts {
    pub(super) fn add(&mut self, judged: &Judgement) {
        self.idle.add(judged.idle);
        self.in_flight.add(judged.in_flight);
        self.late_write.add(judged.late_write);
    }

    /// The worst that is known of each, in the order of
    /// [`Silence::JUDGED`](deadpeer_core::Silence::JUDGED).
    #[must_use]
    pub fn bounds(self) -> [Bound; 3] {
        [self.idle, self.in_flight, self.late_write].map(Worst::bound)
    }
}
