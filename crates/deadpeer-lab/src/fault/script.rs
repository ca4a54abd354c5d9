//! When each deed is due.

use std::time::Duration;

use super::Deed;

/// Deeds one after the other, handed out when their time has come. Times count from the start of
/// the script.
#[derive(Debug, Clone)]
pub struct Script {
    deeds: Vec<Deed>,
    deadline: Duration,
    next: usize,
    due: Duration,
}

impl Script {
    /// A script at its beginning; `deadline` is what waits take their share of.
    #[must_use]
    pub fn new(deeds: &[Deed], deadline: Duration) -> Self {
        Self {
            deeds: deeds.to_vec(),
            deadline,
            next: 0,
            due: Duration::ZERO,
        }
    }

    /// The next deed that is due at this time; `None`: none yet, or none any more. Waits are not
    /// handed out.
    pub fn next(&mut self, now: Duration) -> Option<Deed> {
        while now >= self.due {
            let deed = *self.deeds.get(self.next)?;
            self.next += 1;
            let Deed::Wait {
                time,
                share_of_deadline,
            } = deed
            else {
                return Some(deed);
            };
            self.due += time.unwrap_or_default()
                + self.deadline.mul_f64(share_of_deadline.unwrap_or_default());
        }
        None
    }

    /// Whether every deed was handed out and every wait is over at this time.
    #[must_use]
    pub fn is_done(&self, now: Duration) -> bool {
        self.is_over() && now >= self.due
    }

    /// Whether every deed was handed out.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.next == self.deeds.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeds_come_in_order_and_not_before_their_time() {
        let wait = |time, share_of_deadline| Deed::Wait {
            time,
            share_of_deadline,
        };
        let second = Duration::from_secs(1);
        let deeds = [
            Deed::Kill {},
            wait(Some(second), None),
            Deed::Mend {},
            wait(None, Some(0.5)),
            Deed::Thaw {},
        ];
        let mut script = Script::new(&deeds, second * 20);
        assert_eq!(script.next(Duration::ZERO), Some(Deed::Kill {}));
        assert_eq!(script.next(second / 2), None);
        assert_eq!(script.next(second), Some(Deed::Mend {}));
        assert_eq!(script.next(second * 10), None);
        assert!(!script.is_over());
        assert_eq!(script.next(second * 11), Some(Deed::Thaw {}));
        assert!(script.is_over());
        assert_eq!(script.next(second * 99), None);
    }
}
