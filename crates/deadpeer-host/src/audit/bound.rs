//! What is known of the time after which a vanished peer is noticed.

use std::time::Duration;

use deadpeer_core::Notice;

/// When a vanished peer is noticed in the worst case of one kind of silence, as far as that is
/// known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// Not at all.
    Never,
    /// By then, as the settings foretell.
    By(Duration),
    /// Not before: an armed timer has to run out first. More is not known.
    NotBefore(Duration),
    /// Nothing is known.
    Unknown,
    /// The program decides: deadpeer supervises the connection in it.
    ByProgram,
    /// That kind of silence can't come over it any more, in the state it is in.
    RuledOut,
}

impl Bound {
    /// Whether what is known already shows that the deadline is missed.
    #[must_use]
    pub fn misses(self, deadline: Duration) -> bool {
        match self {
            Self::Never => true,
            Self::By(at) | Self::NotBefore(at) => at > deadline,
            Self::Unknown | Self::ByProgram | Self::RuledOut => false,
        }
    }

    /// The later of this and of when the connection ends, its peer being gone now.
    pub(super) fn or_later(self, ends: Option<Notice>) -> Self {
        let ends = ends.map_or(Self::RuledOut, Self::from);
        if ends.badness() > self.badness() {
            ends
        } else {
            self
        }
    }

    /// A number to sort by, the worse the larger: never, then unknown, then the later the worse.
    #[must_use]
    pub fn badness(self) -> u64 {
        match self {
            Self::Never => u64::MAX,
            Self::Unknown => u64::MAX - 1,
            Self::By(at) | Self::NotBefore(at) => u64::try_from(at.as_millis())
                .unwrap_or(u64::MAX)
                .clamp(2, u64::MAX - 2),
            Self::ByProgram => 1,
            Self::RuledOut => 0,
        }
    }
}

impl From<Notice> for Bound {
    fn from(notice: Notice) -> Self {
        notice.latest().map_or(Self::Never, Self::By)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_misses_nothing_and_is_still_worse_than_any_time() {
        let (short, long) = (Duration::from_secs(1), Duration::from_secs(9));
        assert!(Bound::Never.misses(long));
        assert!(Bound::By(long).misses(short) && !Bound::By(long).misses(long));
        assert!(Bound::NotBefore(long).misses(short));
        assert!(!Bound::Unknown.misses(short));
        let worse = [
            Bound::Never,
            Bound::Unknown,
            Bound::By(Duration::MAX),
            Bound::NotBefore(long),
            Bound::By(short),
            Bound::By(Duration::ZERO),
            Bound::ByProgram,
            Bound::RuledOut,
        ];
        assert!(worse.is_sorted_by_key(|bound| std::cmp::Reverse(bound.badness())));
    }
}
