//! What the peer of one connection has answered so far, and whether it is there.

use std::time::Duration;

use deadpeer::Answer;

use crate::ask::Reply;
use crate::kill::ATTEMPTS;
use crate::table::Unreadable;
use crate::target::Forgotten;

/// Counts over all probes to one connection.
#[derive(Debug, Clone, Default)]
pub struct Replies {
    /// Probes that went out.
    pub sent: u32,
    /// Probes that were answered.
    pub answered: u32,
    /// Probes that were answered after their time was over.
    pub late: u32,
    /// Times at which no probe was needed, since the peer had been heard a moment ago.
    pub heard: u32,
    /// Times at which nothing could be asked.
    pub unasked: u32,
    /// Probes at the end that nothing answered.
    pub in_vain: u32,
    /// Questions of the kernel itself that nothing had answered when it was last looked at.
    pub open: u32,
    /// The connection is over.
    pub dead: bool,
    /// It ended by the last probe.
    pub ended_by_probe: bool,
    /// It was not asked, for the question could have ended it.
    pub withheld: bool,
    /// It can't be reached, for this reason.
    pub unreachable: Option<Unreadable>,
    /// How long answers took, if there were any.
    pub round_trips: Option<RoundTrips>,
}

/// How long answers took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTrips {
    /// The shortest.
    pub shortest: Duration,
    /// The longest.
    pub longest: Duration,
    /// All of them together.
    pub total: Duration,
}

impl Replies {
    /// Counts a reply.
    pub fn hear(&mut self, reply: &Reply) {
        self.open = reply.open_questions().unwrap_or(0);
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
            Reply::Answer(Answer::Ended(_)) => {
                self.sent += 1;
                self.dead = true;
                self.ended_by_probe = true;
            }
            Reply::Answer(answer) if answer.is_alive() => {
                match self.in_vain > 0 {
                    true => self.late += 1,
                    false => self.heard += 1,
                }
                self.in_vain = 0;
            }
            Reply::Unreachable(why) => {
                // Closed by its own program: there is nothing to ask any more.
                self.unreachable = Some(*why);
                self.unasked += 1;
            }
            Reply::Withheld(risk) => {
                self.dead = risk.forgotten == Forgotten::Certainly;
                self.withheld = true;
                self.unasked += 1;
            }
            Reply::Answer(_) | Reply::ByKernel(_) | Reply::NotSent | Reply::Failed(_) => {
                self.unasked += 1;
            }
        }
    }

    /// Whether there is any use in asking again.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        !self.dead && !self.withheld && self.unreachable.is_none()
    }

    /// Probes that nothing answered, in percent.
    #[must_use]
    pub fn loss(&self) -> Option<u32> {
        let lost = self.sent - self.answered - self.late;
        (100 * lost).checked_div(self.sent)
    }

    /// Whether the peer is there; `None`: nothing could be asked. As many unanswered probes in a
    /// row as [kill](crate::kill) takes for death say no, the kernel's own questions among them, or
    /// all of fewer.
    #[must_use]
    pub fn peer_is_there(&self) -> Option<bool> {
        let asked = self.sent + self.heard;
        match () {
            () if self.dead || self.open >= ATTEMPTS => Some(false),
            () if asked == 0 => None,
            () => Some(self.in_vain < ATTEMPTS.min(asked)),
        }
    }

    fn time(&mut self, rtt: Duration) {
        let times = self.round_trips.get_or_insert(RoundTrips {
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
    use deadpeer::NotNow;

    use super::*;

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

    fn peer_is_there(replies: &[Reply]) -> Option<bool> {
        let mut heard = Replies::default();
        replies.iter().for_each(|reply| heard.hear(reply));
        heard.peer_is_there()
    }

    #[test]
    fn one_lost_probe_is_no_death_unless_it_is_all_there_is() {
        assert_eq!(peer_is_there(&[ANSWERED]), Some(true));
        assert_eq!(peer_is_there(&[LOST]), Some(false));
        assert_eq!(peer_is_there(&[LOST, ANSWERED]), Some(true));
        assert_eq!(peer_is_there(&[ANSWERED, LOST]), Some(true));
        assert_eq!(peer_is_there(&[ANSWERED, LOST, LOST]), Some(true));
        assert_eq!(peer_is_there(&[ANSWERED, LOST, LOST, LOST]), Some(false));
        assert_eq!(peer_is_there(&[LOST, LOST]), Some(false));
    }

    #[test]
    fn what_was_heard_a_moment_ago_is_there() {
        assert_eq!(peer_is_there(&[HEARD]), Some(true));
        assert_eq!(peer_is_there(&[HEARD, LOST]), Some(true));
    }

    #[test]
    fn the_kernels_own_questions_count_as_kill_counts_them() {
        let open = |unanswered| Reply::Answer(Answer::NotNow(NotNow::InFlight { unanswered }));
        assert_eq!(peer_is_there(&[open(2)]), None);
        assert_eq!(peer_is_there(&[open(3)]), Some(false));
        assert_eq!(peer_is_there(&[open(3), ANSWERED]), Some(true));
    }

    #[test]
    fn a_late_answer_is_an_answer() {
        let mut heard = Replies::default();
        [LOST, HEARD].iter().for_each(|reply| heard.hear(reply));
        assert_eq!((heard.late, heard.heard, heard.loss()), (1, 0, Some(0)));
        assert_eq!(heard.peer_is_there(), Some(true));
    }

    #[test]
    fn what_could_not_be_asked_is_unknown() {
        assert_eq!(peer_is_there(&[]), None);
        assert_eq!(peer_is_there(&[IN_FLIGHT, IN_FLIGHT]), None);
        assert_eq!(peer_is_there(&[FORBIDDEN]), None);
    }

    #[test]
    fn times_and_loss() {
        let mut heard = Replies::default();
        assert_eq!(heard.loss(), None);
        for reply in [ANSWERED, LOST, LOST, ANSWERED] {
            heard.hear(&reply);
        }
        assert_eq!(heard.loss(), Some(50));
        let times = heard.round_trips.unwrap();
        assert_eq!(times.total, Duration::from_millis(6));
        assert_eq!(times.shortest, times.longest);
    }
}
