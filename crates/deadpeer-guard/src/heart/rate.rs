//! How many a policy may destroy in a minute.

use std::collections::VecDeque;
use std::time::Duration;

use super::facts::Terms;

const MINUTE: Duration = Duration::from_secs(60);

/// The kills of the last minute.
#[derive(Debug)]
pub(super) struct Rate {
    most: usize,
    kills: VecDeque<Duration>,
}

impl Rate {
    pub(super) fn of(terms: &Terms) -> Self {
        Self {
            most: terms.kills_per_minute as usize,
            kills: VecDeque::new(),
        }
    }

    pub(super) fn allows(&mut self, now: Duration) -> bool {
        while self.kills.front().is_some_and(|kill| *kill + MINUTE <= now) {
            self.kills.pop_front();
        }
        self.kills.len() < self.most
    }

    pub(super) fn count(&mut self, now: Duration) {
        self.kills.push_back(now);
    }
}
