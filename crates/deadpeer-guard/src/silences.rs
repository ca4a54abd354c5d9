//! Silences that were broken by a sign of life: what peers, and the paths to them, survive.

use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::time::Duration;

use rustc_hash::FxHashMap;

/// Shorter ones are nobody's deadline.
const SHORTEST: Duration = Duration::from_secs(10);
/// What is measured at two moments differs by so much without a sign of life.
const INEXACT: Duration = Duration::from_secs(1);

/// When something was last heard of each peer that was silent when it was looked at.
///
/// It is kept from look to look: most that were silent still are, and are left as they are.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    /// By the cookie of the connection.
    silent: FxHashMap<u64, Silent>,
    looks: u32,
    /// How many the last look has found.
    found: usize,
    /// When that was.
    before: Duration,
    /// When the present look began.
    at: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Silent {
    /// `CLOCK_BOOTTIME` in milliseconds.
    heard_ms: u64,
    /// The number of the look that has seen it last.
    look: u32,
}

/// A peer that was silent for so long at least, and gave a sign of life then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survived {
    /// The peer.
    pub peer: IpAddr,
    /// Between the last time that it was heard before and the last look at it before it was again.
    pub silence: Duration,
}

impl Silences {
    /// Begins another look.
    pub(crate) fn begin(&mut self, now: Duration) {
        (self.before, self.at) = (self.at, now);
        self.looks = self.looks.wrapping_add(1);
        // Those of connections that are gone.
        if self.silent.len() > self.found * 2 {
            let last = self.looks.wrapping_sub(1);
            self.silent.retain(|_, silent| silent.look == last);
        }
        self.found = 0;
    }

    /// Takes in that a peer was last heard so long ago; the silence that it has broken since the
    /// look before, if any.
    pub(crate) fn see(&mut self, cookie: u64, heard_ago: Duration) -> Option<Duration> {
        let heard = self.at.saturating_sub(heard_ago);
        let silent = Silent {
            heard_ms: u64::try_from(heard.as_millis()).unwrap_or(u64::MAX),
            look: self.looks,
        };
        let is_silent = heard_ago >= SHORTEST;
        self.found += usize::from(is_silent);
        let last = match self.silent.entry(cookie) {
            Entry::Vacant(new) => {
                if is_silent {
                    new.insert(silent);
                }
                return None;
            }
            Entry::Occupied(mut known) => match is_silent {
                true => known.insert(silent),
                false => known.remove(),
            },
        };
        let was_seen = last.look == self.looks.wrapping_sub(1);
        let last = Duration::from_millis(last.heard_ms);
        let was_broken = was_seen && heard > last + INEXACT;
        was_broken.then(|| self.before.saturating_sub(last))
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
        let mut silences = Silences::default();
        silences.begin(s(1_000));
        for (cookie, ago) in [(1, s(300)), (2, s(300)), (3, s(2))] {
            assert_eq!(silences.see(cookie, ago), None);
        }
        silences.begin(s(1_010));
        // One is silent still, as far as a clock of milliseconds tells; one spoke; one talks.
        let still = s(310) - Duration::from_millis(7);
        assert_eq!(silences.see(1, still), None);
        assert_eq!(silences.see(2, s(4)), Some(s(300)));
        assert_eq!(silences.see(3, s(0)), None);
        silences.begin(s(1_020));
        assert_eq!(silences.see(1, s(5)).map(|it| it.as_secs()), Some(309));
        assert_eq!(silences.see(2, s(14)), None);
    }

    #[test]
    fn those_that_are_gone_are_forgotten() {
        let mut silences = Silences::default();
        silences.begin(s(1_000));
        (0..10).for_each(|cookie| assert_eq!(silences.see(cookie, s(20)), None));
        for now in [s(1_010), s(1_020), s(1_030)] {
            silences.begin(now);
            assert_eq!(silences.see(3, now - s(980)), None);
        }
        assert_eq!(silences.silent.len(), 1);
    }
}
