//! What has been heard of one connection so far.

use super::IN_A_ROW;
use crate::exit::Exit;
use deadpeer::Answer;
use deadpeer_host::{Reply, Unreadable};
use std::time::Duration;

/// Counts over all probes to one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Probes that went out.
    pub(super) sent: u32,
    /// Probes that were answered.
    pub(super) answered: u32,
    /// Times at which no probe was needed, since the peer had been heard a moment ago.
    pub(super) heard: u32,
    /// Times at which nothing could be asked.
    pub(super) unasked: u32,
    /// Probes at the end that nothing answered.
    pub(super) in_vain: u32,
    /// The connection is over.
    pub(super) dead: bool,
    /// It can't be reached, for this reason.
    pub(super) unreachable: Option<Unreadable>,
    pub(super) times: Option<Times>,
}

/// Round trips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) shortest: Duration,
    pub(super) longest: Duration,
    pub(super) total: Duration,
}

impl Tally {
    /// Counts a reply.
    pub(super) fn hear(&mut self, reply: &Reply) {
        match reply {
            Reply::Answer(Answer::Answered { rtt }) => {
                self.sent += 1;
                self.answered += 1;
                self.in_vain = 0;
                self.time(*rtt);
            }
            Reply::Answer(Answer::Unanswered { .. }) => {
                self.sent += 1;
                self.in_vain += 1;
            }
            Reply::Answer(Answer::Dead(_)) => self.dead = true,
            Reply::Answer(answer) if answer.is_alive() => {
                self.heard += 1;
                self.in_vain = 0;
            }
            Reply::Unreachable(why) => {
                // Closed by its own program: there is nothing to ask any more.
                self.unreachable = Some(*why);
                self.unasked += 1;
            }
            Reply::Answer(_) | Reply::Failed(_) | _ => self.unasked += 1,
        }
    }

    /// Whether there is any use in asking again.
    pub(super) fn goes_on(&self) -> bool {
        !self.dead && self.unreachable.is_none()
    }

    /// Probes that nothing answered, in percent.
    pub(super) fn loss(&self) -> Option<u32> {
        let lost = self.sent - self.answered;
        (100 * lost).checked_div(self.sent)
    }

    /// The answer for scripts.
    pub(super) fn exit(&self) -> Exit {
        let asked = self.sent + self.heard;
        match () {
            () if self.dead => Exit::Over,
            () if asked == 0 => Exit::Unknown,
            () if self.in_vain >= IN_A_ROW.min(asked) => Exit::Over,
            () => Exit::Fine,
        }
    }

    fn time(&mut self, rtt: Duration) {
        let times = self.times.get_or_insert(Times {
            shortest: rtt,
            longest: rtt,
            total: Duration::ZERO,
        });
        times.shortest = times.shortest.min(rtt);
        times.longest = times.longest.max(rtt);
        times.total += rtt;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deadpeer::NotNow;

    const ANSWERED: Reply = Reply::Answer(Answer::Answered {
        rtt: Duration::from_millis(3),
    });
    const LOST: Reply = Reply::Answer(Answer::Unanswered {
        waited: Duration::from_secs(1),
    });
    const HEARD: Reply = Reply::Answer(Answer::NotNow(NotNow::Heard {
        ago: Duration::from_millis(20),
    }));
    const IN_FLIGHT: Reply = Reply::Answer(Answer::NotNow(NotNow::InFlight { unanswered: 1 }));
    const FORBIDDEN: Reply = Reply::Unreachable(Unreadable::NotPermitted);

    fn exit(replies: &[Reply]) -> Exit {
        let mut tally = Tally::default();
        replies.iter().for_each(|reply| tally.hear(reply));
        tally.exit()
    }

    #[test]
    fn one_lost_probe_is_no_death_unless_it_is_all_there_is() {
        assert_eq!(exit(&[ANSWERED]), Exit::Fine);
        assert_eq!(exit(&[LOST]), Exit::Over);
        assert_eq!(exit(&[LOST, ANSWERED]), Exit::Fine);
        assert_eq!(exit(&[ANSWERED, LOST]), Exit::Fine);
        assert_eq!(exit(&[ANSWERED, LOST, LOST]), Exit::Fine);
        assert_eq!(exit(&[ANSWERED, LOST, LOST, LOST]), Exit::Over);
        assert_eq!(exit(&[LOST, LOST]), Exit::Over);
    }

    #[test]
    fn what_was_heard_a_moment_ago_is_there() {
        assert_eq!(exit(&[HEARD]), Exit::Fine);
        assert_eq!(exit(&[HEARD, LOST]), Exit::Fine);
    }

    #[test]
    fn what_could_not_be_asked_is_unknown() {
        assert_eq!(exit(&[]), Exit::Unknown);
        assert_eq!(exit(&[IN_FLIGHT, IN_FLIGHT]), Exit::Unknown);
        assert_eq!(exit(&[FORBIDDEN]), Exit::Unknown);
    }

    #[test]
    fn times_and_loss() {
        let mut tally = Tally::default();
        assert_eq!(tally.loss(), None);
        for reply in [ANSWERED, LOST, LOST, ANSWERED] {
            tally.hear(&reply);
        }
        assert_eq!(tally.loss(), Some(50));
        let times = tally.times.unwrap();
        assert_eq!(times.total, Duration::from_millis(6));
        assert_eq!(times.shortest, times.longest);
    }
}
