//! What is known of the paths to peers, beyond what one connection has measured.
//!
//! Many connections lead over the same path, and some of them ask seldom: behind a closed window a
//! question goes out every few seconds. How many questions in a row went unanswered on those that
//! lived on tells what such a row is worth on this path.

use std::net::IpAddr;
use std::time::Duration;

use deadpeer_core::Supervision;
use deadpeer_core::verdict::Loss;
use rustc_hash::FxHashMap;

/// Where no more questions fail, what one connection knows is enough.
const LITTLE: f64 = 0.1;
/// What was seen of a path is worth nothing after so long.
const MEMORY: Duration = Duration::from_secs(600);
/// A longer row is an outage, which says nothing about the next question.
const LONGEST: u32 = 10;
/// Questions that many connections have asked at the same time meet the same luck: those of a sweep
/// count as so many at most.
const AT_ONCE: f64 = 2.0;

/// Paths that were seen to lose something, by their peers.
#[derive(Debug, Default)]
pub(super) struct Paths(FxHashMap<IpAddr, Path>);

/// What other connections tell of a path; zeros: nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    /// The unanswered questions in a row that convince.
    pub(super) needed: u32,
    /// The share of questions that fail.
    pub(super) failing: f64,
}

#[derive(Debug)]
struct Path {
    loss: Loss,
    /// What has come since the last sweep.
    failed: u32,
    answered: u32,
    seen: Duration,
}

impl Paths {
    /// A peer has answered after so many questions in vain, of which each but the first has shown
    /// how the path stands: without the first nobody would have looked.
    pub(super) fn answered(&mut self, now: Duration, peer: IpAddr, unanswered: u32) {
        let is_known = self.0.contains_key(&peer);
        if unanswered > LONGEST || unanswered < 2 && !is_known {
            return;
        }
        let path = self.0.entry(peer).or_insert(Path {
            loss: Loss::default(),
            failed: 0,
            answered: 0,
            seen: now,
        });
        path.failed += unanswered.saturating_sub(1);
        path.answered += 1;
        path.seen = now;
    }

    /// What is known of the path to a peer.
    pub(super) fn known(&self, peer: IpAddr, supervision: &Supervision) -> Known {
        let failing = self.0.get(&peer).map(|path| path.loss.failing());
        match failing.filter(|failing| *failing > LITTLE) {
            // So long a row has a chance of one in so many questions.
            Some(failing) => Known {
                needed: (supervision.questions().ln() / -failing.ln()).ceil() as u32,
                failing,
            },
            None => Known::default(),
        }
    }

    /// Ends a sweep: takes over what has come, and forgets what is old.
    pub(super) fn end_sweep(&mut self, now: Duration) {
        self.0.retain(|_, path| {
            let (failed, answered) = (f64::from(path.failed), f64::from(path.answered));
            let share = (AT_ONCE / (failed + answered)).min(1.0);
            path.loss.sample(failed * share, answered * share);
            (path.failed, path.answered) = (0, 0);
            path.seen + MEMORY >= now
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const S: fn(u64) -> Duration = Duration::from_secs;

    /// So many sweeps in which these rows end; what convinces then.
    fn after(sweeps: u64, rows: &[u32]) -> u32 {
        let mut paths = Paths::default();
        for sweep in 0..sweeps {
            for row in rows {
                paths.answered(S(5 * sweep), PEER, *row);
            }
            paths.end_sweep(S(5 * sweep));
        }
        paths.known(PEER, &Supervision::within(S(30))).needed
    }

    #[test]
    fn a_lossy_path_asks_for_more() {
        // As a path has them where 44 of 100 questions fail.
        let rows = [1, 1, 1, 1, 1, 1, 2, 2, 3, 4];
        let lossy = after(20, &rows);
        assert!((12..=30).contains(&lossy), "{lossy}");
        assert_eq!(after(20, &[1, 1, 1]), 0, "nothing was lost");
        assert_eq!(after(20, &[60; 10]), 0, "an outage");
    }

    #[test]
    fn what_befalls_all_at_once_counts_little_and_is_forgotten() {
        let mut paths = Paths::default();
        (0..200).for_each(|_| paths.answered(S(0), PEER, 6));
        paths.end_sweep(S(0));
        let supervision = Supervision::within(S(30));
        assert_eq!(paths.known(PEER, &supervision).needed, 0);
        for sweep in 0..20 {
            paths.answered(S(sweep), PEER, 6);
            paths.end_sweep(S(sweep));
        }
        assert!(paths.known(PEER, &supervision).needed > 15);
        paths.end_sweep(S(700));
        assert_eq!(paths.known(PEER, &supervision).needed, 0);
    }
}
