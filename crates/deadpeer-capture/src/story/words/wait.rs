//! Which setting decided how long it took, as a sentence.

use super::count::probes;
use crate::story::{Evidence, Noticed, Story};
use crate::talk::{Asked, Side};

impl Story {
    /// What decided how long it took until somebody noticed, and how long that was set to, as far
    /// as it shows; `None` where nobody was gone, or no setting had a part in it.
    #[must_use]
    pub fn wait(&self) -> Option<String> {
        let verdict = &self.verdict;
        if !verdict.is_death() {
            return None;
        }
        let left = self.left()?;
        Some(match verdict.noticed {
            Noticed::Keepalive => {
                let settings = self.settings(left);
                let known = [
                    settings.idle.map(|idle| format!("idle {} s", idle.seconds)),
                    settings
                        .interval
                        .map(|interval| format!("interval {} s", interval.seconds)),
                    settings.count.map(|count| probes(Asked::Presence, count)),
                ];
                let known: Vec<_> = known.into_iter().flatten().collect();
                format!("the wait was the {left}'s keepalive: {}", known.join(", "))
            }
            // Linux gives up without a word (net/ipv4/tcp_timer.c, `tcp_write_err`).
            Noticed::Retransmission if verdict.evidence.contains(&Evidence::OnTheBeat(left)) => {
                format!(
                    "the wait was as many retransmissions as the {left}'s system makes, which is no Linux: that sends no RST when it gives up"
                )
            }
            Noticed::Retransmission => {
                format!("the wait was the {left}'s TCP_USER_TIMEOUT, or what tcp_retries2 comes to")
            }
            Noticed::WindowProbes => format!(
                "the wait was the {left}'s TCP_USER_TIMEOUT, or tcp_retries2 probes of the window"
            ),
            Noticed::Handshake => {
                format!("the wait was the {left}'s tcp_syn_retries, or TCP_SYNCNT")
            }
            Noticed::OtherHost => {
                format!(
                    "the {left} learned of it when it asked: keepalive decides how soon that is"
                )
            }
            Noticed::Nothing | Noticed::Router | Noticed::Application | Noticed::Nobody => {
                return None;
            }
        })
    }

    /// The side that was left.
    fn left(&self) -> Option<Side> {
        let reset = self.verdict.reset.map(|reset| !reset.side);
        self.verdict.left().or(reset)
    }
}
