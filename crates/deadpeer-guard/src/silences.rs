//! Silences that were broken by a sign of life: what peers, and the paths to them, survive.

use std::net::IpAddr;
use std::time::Duration;

use rustc_hash::FxHashMap;

/// Shorter ones are nobody's deadline.
const SHORTEST: Duration = Duration::from_secs(10);
/// What is measured at two moments differs by so much without a sign of life.
const INEXACT: Duration = Duration::from_secs(1);

/// When something was last heard of each peer that was silent when it was looked at.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    /// `CLOCK_BOOTTIME` in milliseconds, by the cookie of the connection.
    heard: FxHashMap<u64, u64>,
    /// When that was looked at.
    at: Duration,
}

/// A peer that was silent for so long at least, and gave a sign of life then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survived {
    /// The peer.
    pub peer: IpAddr,
    /// Between the last time that it was heard before and the last look at it before it was again.
    pub silence: Duration,
}

impl Silences {
    /// Those of a look that begins now, after which nobody asks for those of `before` any more.
    pub(crate) fn begin(now: Duration) -> Self {
        Self {
            heard: FxHashMap::default(),
            at: now,
        }
    }

    /// Takes in that a peer was last heard so long ago; the silence that it has broken since the
    /// look `before`, if any.
    pub(crate) fn see(
        &mut self,
        before: &Self,
        cookie: u64,
        heard_ago: Duration,
    ) -> Option<Duration> {
        let heard = self.at.saturating_sub(heard_ago);
        if heard_ago >= SHORTEST {
            let heard_ms = u64::try_from(heard.as_millis()).unwrap_or(u64::MAX);
            self.heard.insert(cookie, heard_ms);
        }
        let last = Duration::from_millis(*before.heard.get(&cookie)?);
        let was_broken = heard > last + INEXACT;
        was_broken.then(|| before.at.saturating_sub(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_silence_is_known_once_it_is_broken() {
        let mut first = Silences::begin(s(1_000));
        for (cookie, ago) in [(1, s(300)), (2, s(300)), (3, s(2))] {
            assert_eq!(first.see(&Silences::default(), cookie, ago), None);
        }
        let mut second = Silences::begin(s(1_010));
        // One is silent still, as far as a clock of milliseconds tells; one spoke; one talks.
        let still = s(310) - Duration::from_millis(7);
        assert_eq!(second.see(&first, 1, still), None);
        assert_eq!(second.see(&first, 2, s(4)), Some(s(300)));
        assert_eq!(second.see(&first, 3, s(0)), None);
        let mut third = Silences::begin(s(1_020));
        assert_eq!(
            third.see(&second, 1, s(5)).map(|it| it.as_secs()),
            Some(309)
        );
        assert_eq!(third.see(&second, 2, s(14)), None);
    }
}
