//! How long the kernel itself asks in vain.

use std::time::Duration;

/// How long the kernel asks in vain before it gives a supervised connection up: four deadlines, and
/// half as long again each time that more is lent, up to what a connection has of itself that
/// nobody has set anything on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Patience(u8);

/// Deadlines that it lasts at first.
const DEADLINES: u32 = 4;

/// What `tcp_retries2` comes to without TCP_RTO_MAX_MS, about (ip-sysctl.rst: 924.6 s).
const LONGEST: Duration = Duration::from_secs(900);

/// Half as long again so often: then it is 45 times as long.
const MOST: u8 = 9;

/// The probes that are left of those that the kernel counts, when more is lent the first time; each
/// further time half of them are.
const PROBES_LEFT: u32 = 32;

impl Patience {
    /// How long that is with this deadline.
    #[must_use]
    pub fn lasts(self, deadline: Duration) -> Duration {
        let first = deadline * DEADLINES;
        let longer = (0..self.0).fold(first, |lasts, _| lasts * 3 / 2);
        longer.min(LONGEST.max(first))
    }

    /// More of it; `None`: there is no more.
    #[must_use]
    pub fn longer(self, deadline: Duration) -> Option<Self> {
        let longer = Self(self.0 + 1);
        let is_longer = longer.lasts(deadline) > self.lasts(deadline);
        (self.0 < MOST && is_longer).then_some(longer)
    }

    /// When more should be lent: a quarter of it is left then.
    #[must_use]
    pub fn is_short_after(self, deadline: Duration) -> Duration {
        self.lasts(deadline) * 3 / 4
    }

    /// How often more was lent.
    #[must_use]
    pub fn times(self) -> u8 {
        self.0
    }

    /// All that there are with this deadline.
    pub(super) fn all(deadline: Duration) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(Self::default()), move |it| it.longer(deadline))
    }

    /// Seconds between the probes of an idle connection, so that those that are left last for it;
    /// `None`: at first, as often as the deadline asks for.
    pub(super) fn probes_apart(self, deadline: Duration) -> Option<u32> {
        let before = Self(self.0.checked_sub(1)?);
        let left = (PROBES_LEFT >> before.0.min(31)).max(1);
        let time = self.lasts(deadline) - before.is_short_after(deadline);
        u32::try_from((time / left).as_secs() + 1).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn it_grows_until_it_is_as_long_as_untouched() {
        let all: Vec<u64> = Patience::all(S(30))
            .map(|it| it.lasts(S(30)).as_secs())
            .collect();
        assert_eq!(all, [120, 180, 270, 405, 607, 900]);
        // Who has so long a deadline has more from the beginning.
        assert_eq!(Patience::all(S(600)).count(), 1);
        let last = Patience::all(S(5)).last().unwrap();
        assert_eq!(last.lasts(S(5)).as_secs(), 768);
    }

    /// An idle connection that is asked in vain is asked until the last patience is over, though
    /// the kernel counts no more than 127.
    #[test]
    fn there_are_probes_for_all_of_it() {
        for deadline in [5, 10, 30, 60, 120] {
            let deadline = S(deadline);
            let (mut now, mut probes) = (Duration::ZERO, 0);
            let mut patience = Patience::default();
            let mut apart = patience.lasts(deadline).div_f64(127.0).max(S(1));
            while probes < 127 {
                now += apart;
                probes += 1;
                if now < patience.is_short_after(deadline) {
                    continue;
                }
                if let Some(longer) = patience.longer(deadline) {
                    patience = longer;
                    apart = S(patience.probes_apart(deadline).unwrap().into());
                }
            }
            assert!(
                now >= patience.lasts(deadline) * 3 / 4,
                "{deadline:?}: {now:?}"
            );
        }
    }
}
