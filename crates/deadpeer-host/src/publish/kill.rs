//! What is to become of connections, and what became of them.

use std::fmt;

use deadpeer_report::duration::milliseconds;
use deadpeer_report::record::{Kill, KillSummary};

use crate::kill::{Decision, Destroyed};
use crate::target::Target;

impl Decision {
    /// The record of the connection that this was decided of.
    #[must_use]
    pub fn to_record(&self, target: &Target) -> Kill {
        let (verdict, reply) = match self {
            Self::Destroy { .. } => ("destroy", None),
            Self::Forced(reply) => ("forced", Some(reply)),
            Self::Alive(reply) => ("alive", Some(reply)),
            Self::AliveByAnother => ("alive", None),
            Self::Unknown(reply) => ("unknown", Some(reply)),
            Self::WouldAsk(_) => ("would-ask", None),
            Self::EndedByQuestion => ("ended", None),
            Self::Over => ("over", None),
        };
        Kill {
            connection: target.into(),
            silent_ms: target.heard_ago.map(milliseconds),
            verdict: verdict.into(),
            answer: reply.map(|reply| reply.word().into()),
            text: self.to_string(),
        }
    }
}

/// "destroy: 3 questions in a row unanswered".
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Destroy { unanswered } => {
                write!(f, "destroy: {unanswered} questions in a row unanswered")
            }
            Self::Forced(reply) => write!(f, "destroy, forced: {reply}"),
            Self::Alive(reply) => write!(f, "keep: {reply}"),
            Self::AliveByAnother => f.write_str("keep: another part of its connection is alive"),
            Self::Unknown(reply) => write!(f, "keep, unless forced: {reply}"),
            Self::WouldAsk(None) => f.write_str("would be asked first"),
            Self::WouldAsk(Some(risk)) => {
                write!(f, "would be asked first, which could end it: {risk}")
            }
            Self::EndedByQuestion => f.write_str(
                "ended by the probe: the peer answered with an RST, because its kernel knew no such connection",
            ),
            Self::Over => f.write_str("over by itself"),
        }
    }
}

impl From<&Destroyed> for KillSummary {
    fn from(done: &Destroyed) -> Self {
        Self {
            destroyed: done.destroyed,
            ended_by_question: 0,
            would_ask: 0,
            gone: done.gone,
            still_there: done.still_there + done.spared.len() as u64,
            refused: done.refused.map_or(0, |(count, _)| count),
            multipath_untold: done.multipath.untold,
            multipath_going_on: done.multipath.go_on,
        }
    }
}
