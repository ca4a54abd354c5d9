//! Replies in words.

use crate::text::duration::Upper;
use crate::text::sanitize::sanitize_bytes;
use crate::text::style as styles;
use anstyle::Style;
use deadpeer::{Answer, NotNow};
use deadpeer_host::audit::Replies;
use deadpeer_host::{Reply, Target};
use std::fmt;
use std::time::Duration;

/// Both ends of a connection and who has it: "10.0.0.1:40000 to 10.0.0.7:5432 (pgbouncer, pid 812)".
pub(crate) struct Ends<'a>(pub(crate) &'a Target);

impl fmt::Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(target) = self;
        write!(f, "{} to {}", target.id.local, target.id.peer)?;
        match target.owners.first() {
            Some(holder) => write!(
                f,
                " ({}, pid {})",
                sanitize_bytes(&holder.process),
                holder.pid
            ),
            None => Ok(()),
        }
    }
}

/// What came of asking.
pub(crate) struct ReplyWords<'a>(pub(crate) &'a Reply);

impl fmt::Display for ReplyWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reply::Answer(Answer::Answered { rtt }) => write!(f, "answered in {}", Rtt(*rtt)),
            Reply::Answer(Answer::Unanswered { waited }) => {
                write!(f, "not answered within {}", Upper(*waited))
            }
            Reply::Answer(Answer::Dead(death)) => write!(f, "over: {death}"),
            Reply::Answer(Answer::NotNow(why)) => write!(f, "{}", NotNowWords(*why)),
            Reply::Unreachable(why) => write!(f, "can't be asked: {}", why.reason()),
            Reply::Failed(error) => write!(f, "can't be asked: {error}"),
            Reply::Answer(_) | _ => f.write_str("can't be asked"),
        }
    }
}

struct NotNowWords(NotNow);

impl fmt::Display for NotNowWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            NotNow::Heard { ago } => write!(f, "heard {} ago, no probe needed", Upper(ago)),
            NotNow::InFlight { unanswered } => write!(
                f,
                "can't ask now: data is in flight, and sent again until it is acknowledged ({})",
                Unanswered(unanswered)
            ),
            NotNow::Queued { unanswered } => write!(
                f,
                "can't ask now: the peer's window is closed and data waits, so the kernel probes the window ({})",
                Unanswered(unanswered)
            ),
            NotNow::KernelAsks { unanswered } => write!(
                f,
                "can't ask now: the kernel's own keepalive is asking ({})",
                Unanswered(unanswered)
            ),
            NotNow::JustAsked { unanswered } => write!(
                f,
                "can't ask now: a peer answers such a probe every half second at most, and one is open ({})",
                Unanswered(unanswered)
            ),
            NotNow::LastProbe { unanswered } => write!(
                f,
                "not asked: by the application's own settings one more unanswered probe could end the connection ({})",
                Unanswered(unanswered)
            ),
            NotNow::Busy => f.write_str("can't ask now: its program kept the socket busy"),
            NotNow::NotConnected => f.write_str("can't ask: there is no connection (any more)"),
            _ => f.write_str("can't ask now"),
        }
    }
}

struct Unanswered(u32);

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("nothing unanswered so far"),
            n => write!(f, "{n} unanswered so far"),
        }
    }
}

/// A round trip with a digit that means something.
struct Rtt(Duration);

impl fmt::Display for Rtt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1e3)
    }
}

/// The last line about a connection.
pub(super) struct Heard<'a>(pub(super) &'a Replies);

impl fmt::Display for Heard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(replies) = self;
        match replies.loss() {
            Some(loss) => write!(
                f,
                "{} sent, {} answered, {loss}% unanswered",
                probes(replies.sent),
                replies.answered
            )?,
            None => f.write_str("no probe sent")?,
        }
        if let Some(times) = replies.round_trips {
            write!(
                f,
                ", round trip min/avg/max {:.1}/{:.1}/{}",
                times.shortest.as_secs_f64() * 1e3,
                (times.total / replies.answered).as_secs_f64() * 1e3,
                Rtt(times.longest)
            )?;
        }
        for (count, what) in [
            (replies.heard, "heard without asking"),
            (replies.unasked, "could not ask"),
        ] {
            if count > 0 {
                write!(
                    f,
                    ", {what} {count} time{}",
                    if count == 1 { "" } else { "s" }
                )?;
            }
        }
        if replies.dead {
            f.write_str(", over")?;
        }
        Ok(())
    }
}

fn probes(n: u32) -> String {
    crate::text::plural::plural(n.into(), "probe")
}

/// How a reply looks.
pub(super) fn style(reply: &Reply) -> Style {
    match reply {
        Reply::Answer(Answer::Answered { .. }) => styles::GOOD,
        Reply::Answer(Answer::Unanswered { .. } | Answer::Dead(_)) => styles::BAD,
        Reply::Answer(answer) if answer.is_alive() => styles::GOOD,
        Reply::Answer(_) | Reply::Unreachable(_) | Reply::Failed(_) | _ => styles::NOTE,
    }
}
