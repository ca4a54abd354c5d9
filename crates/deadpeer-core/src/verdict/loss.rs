//! How often this connection's questions go unanswered although the peer lives.
//!
//! A solicitation fails if it or its answer is lost: q = 1 - (1 - loss)^2. The number of failures
//! in a row that rules out chance follows from q. But q is only estimated, from few samples at
//! first, so what is computed is the chance of a streak under all q that the samples leave
//! possible: a beta distribution, whose streaks have a closed form.

/// Before anything was seen: as if half a failure and twenty answers had been. That is a path on
/// which two and a half percent of questions fail, held loosely: twenty samples of its own outweigh
/// it. At the default target it asks for nine unanswered solicitations.
const PRIOR_FAILED: f32 = 0.5;
const PRIOR_ANSWERED: f32 = 20.0;
/// Samples fade while so many follow. Paths change, and a longer memory would believe in a clean
/// one for many false alarms after it has become lossy; with a shorter one the deadline slips by
/// chance on paths that lose little.
const MEMORY: f64 = 100.0;
const LEAST_ANSWERED: f32 = 0.5;
/// More solicitations than this prove nothing more: 40 % loss each way asks for 49.
const MOST: u32 = 400;

/// An estimate of the share of solicitations that fail on a live connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    // Half the room: there is one for every connection.
    failed: f32,
    answered: f32,
}

impl Default for Loss {
    fn default() -> Self {
        Self {
            failed: PRIOR_FAILED,
            answered: PRIOR_ANSWERED,
        }
    }
}

impl Loss {
    /// The fewest unanswered solicitations in a row that convince. One lost question, or two, or
    /// three, happen on any path (RFC 1122, section 4.2.3.6).
    pub const FEWEST: u32 = 4;

    /// What is known of a path that has answered every question for long.
    pub(super) fn clean() -> Self {
        let mut loss = Self::default();
        loss.sample(0.0, MEMORY * 100.0);
        loss
    }

    /// Adds solicitations of which some failed.
    pub fn sample(&mut self, failed: f64, answered: f64) {
        let (failed, answered) = (failed.max(0.0), answered.max(0.0));
        let questions = failed + answered;
        if questions == 0.0 {
            return;
        }
        // One after the other, each fading all before it: what is left of those, and how many of
        // the new ones that makes.
        let left = (-questions / MEMORY).exp();
        let room = MEMORY - left * self.samples();
        let new = questions.min(room) / questions;
        self.failed = (f64::from(self.failed) * left + failed * new) as f32;
        // An answer is never out of the question.
        self.answered =
            ((f64::from(self.answered) * left + answered * new) as f32).max(LEAST_ANSWERED);
    }

    /// The estimated share of solicitations that fail, 0 to 1.
    #[must_use]
    pub fn failing(&self) -> f64 {
        f64::from(self.failed) / self.samples()
    }

    /// The smallest number of unanswered solicitations in a row whose chance on a live connection
    /// is at most one in `questions`.
    #[must_use]
    pub fn convincing_streak(&self, questions: f64) -> u32 {
        let mut chance = 1.0;
        for n in 0..MOST {
            if n >= Self::FEWEST && chance * questions <= 1.0 {
                return n;
            }
            let seen = f64::from(n);
            chance *=
                (f64::from(self.failed) + seen) / (f64::from(self.failed + self.answered) + seen);
        }
        MOST
    }

    /// The smallest number of unanswered solicitations in a row whose chance on a live connection
    /// is at most one in `questions` even if its path loses this share of all packets each way (0
    /// to 1), as far as that fits what was answered: each answer that such a path would rather have
    /// lost makes it less likely, by the ratio of the likelihoods, and the number smaller.
    #[must_use]
    pub fn streak_even_if(&self, each_way: f64, questions: f64) -> u32 {
        let failing = 1.0 - (1.0 - each_way.clamp(0.0, 1.0)).powi(2);
        let surprise = self.surprise_at(failing);
        let streak = (questions.ln() - surprise) / -failing.ln();
        streak.ceil().clamp(0.0, MOST.into()) as u32
    }

    /// How much less likely than under the share that was seen the own samples are under a larger
    /// one: the logarithm of the ratio.
    fn surprise_at(&self, failing: f64) -> f64 {
        let failed = f64::from((self.failed - PRIOR_FAILED).max(0.0));
        let answered = f64::from((self.answered - PRIOR_ANSWERED).max(0.0));
        let seen = failed / (failed + answered).max(1.0);
        if seen >= failing {
            return 0.0;
        }
        let of_failed = match failed {
            0.0 => 0.0,
            _ => failed * (seen / failing).ln(),
        };
        of_failed + answered * ((1.0 - seen) / (1.0 - failing)).ln()
    }

    fn samples(&self) -> f64 {
        f64::from(self.failed) + f64::from(self.answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: f64 = 365.25 * 86_400.0;

    fn after(failed: f64, answered: f64) -> u32 {
        let mut loss = Loss::default();
        loss.sample(failed, answered);
        loss.convincing_streak(YEAR)
    }

    #[test]
    fn a_fresh_connection_needs_more_than_a_clean_one() {
        assert_eq!(Loss::default().convincing_streak(YEAR), 9);
        assert_eq!(after(0.0, 2_000.0), 4);
        assert!(after(0.0, 100.0) < 9);
    }

    /// 25 % loss each way: q = 0.44, which asks for 21 if it is known for certain; 40 %: q =
    /// 0.64, 39. A hundred samples leave it less certain.
    #[test]
    fn loss_asks_for_longer_streaks() {
        assert!(
            (22..=27).contains(&after(875.0, 1_125.0)),
            "{}",
            after(875.0, 1_125.0)
        );
        assert!(
            (44..=53).contains(&after(1_280.0, 720.0)),
            "{}",
            after(1_280.0, 720.0)
        );
    }

    #[test]
    fn a_longer_target_asks_for_longer_streaks() {
        let loss = Loss::default();
        assert!(loss.convincing_streak(YEAR * 100.0) > loss.convincing_streak(YEAR));
        assert!(loss.convincing_streak(60.0) >= Loss::FEWEST);
    }

    /// Nine questions fail in a row once in a million times where a tenth is lost each way, and
    /// seventeen where a quarter is, unless a dozen answers have made that unlikely.
    #[test]
    fn what_nobody_has_measured_may_be_lossy() {
        let fresh = Loss::default();
        assert_eq!(fresh.streak_even_if(0.10, 1e6), 9);
        assert_eq!(fresh.streak_even_if(0.25, 1e6), 17);
        let answered = |answered| {
            let mut loss = Loss::default();
            loss.sample(0.0, answered);
            loss.streak_even_if(0.25, 1e6)
        };
        assert!((9..=11).contains(&answered(12.0)), "{}", answered(12.0));
        assert_eq!(answered(60.0), 0);
        let mut lossy = Loss::default();
        lossy.sample(40.0, 60.0);
        assert!(lossy.streak_even_if(0.25, 1e6) >= 15);
    }

    #[test]
    fn a_hopeless_path_still_has_an_end() {
        let mut loss = Loss::default();
        loss.sample(1e9, 0.0);
        assert_eq!(loss.convincing_streak(YEAR), MOST);
        assert!(loss.failing() < 1.0);
    }

    #[test]
    fn old_samples_fade() {
        let mut loss = Loss::default();
        loss.sample(1_000.0, 1_000.0);
        for _ in 0..10 {
            loss.sample(0.0, 2_000.0);
        }
        assert!(loss.failing() < 0.01);
    }
}
