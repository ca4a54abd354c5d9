//! Replies in words.

use std::fmt;

use anstyle::Style;
use deadpeer::Answer;
use deadpeer_host::audit::Replies;
use deadpeer_host::{Reply, Target};
use deadpeer_report::plural::plural;
use deadpeer_report::sanitize::sanitize_bytes;

use crate::audit::words::{In, PlaceWords};
use crate::text::style as styles;

/// Both ends of a connection and who has it: "10.0.0.1:40000 to 10.0.0.7:5432 (pgbouncer, pid
/// 812) in shop/web-0/nginx".
pub(crate) struct Ends<'a>(pub(crate) &'a Target);

impl fmt::Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(target) = self;
        write!(f, "{} to {}", target.id.local, target.id.peer)?;
        if let Some(holder) = target.owners.first() {
            let name = sanitize_bytes(&holder.process);
            write!(f, " ({name}, pid {})", holder.pid)?;
        }
        In(PlaceWords::of(target)).fmt(f)
    }
}

/// The last line about a connection.
pub(super) struct Heard<'a>(pub(super) &'a Replies);

impl fmt::Display for Heard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(replies) = self;
        let is_over = replies.dead && !replies.ended_by_probe && !replies.withheld;
        match replies.loss() {
            Some(loss) => write!(
                f,
                "{} sent, {} answered, {loss}% unanswered",
                probes(replies.sent),
                replies.answered
            )?,
            // Whether one went out before our kernel gave it up is not known.
            None if is_over => f.write_str("over")?,
            None => f.write_str("no probe sent")?,
        }
        if let Some(times) = replies.round_trips {
            write!(
                f,
                ", round trip min/avg/max {:.1}/{:.1}/{:.1} ms",
                times.shortest.as_secs_f64() * 1e3,
                (times.total / replies.answered).as_secs_f64() * 1e3,
                times.longest.as_secs_f64() * 1e3
            )?;
        }
        if replies.late > 0 {
            write!(f, ", {} answered late", replies.late)?;
        }
        for (count, what) in [
            (replies.heard, "heard without asking"),
            (replies.unasked, "could not ask"),
        ] {
            if count > 0 {
                write!(f, ", {what} {}", plural(count.into(), "time"))?;
            }
        }
        match () {
            () if replies.ended_by_probe => f.write_str(", ended by the last probe"),
            () if is_over && replies.sent > 0 => f.write_str(", over"),
            () => Ok(()),
        }?;
        if replies.open > 0 {
            let open = u64::from(replies.open);
            let questions = plural(open, "question");
            write!(f, ", {questions} of the kernel's own unanswered")?;
        }
        Ok(())
    }
}

fn probes(n: u32) -> String {
    deadpeer_report::plural::plural(n.into(), "probe")
}

/// How a reply looks.
pub(super) fn style(reply: &Reply) -> Style {
    match reply {
        Reply::Answer(Answer::Answered { .. }) => styles::GOOD,
        Reply::Answer(Answer::Unanswered { .. } | Answer::Dead(_) | Answer::Ended(_)) => {
            styles::BAD
        }
        Reply::Answer(answer) if answer.is_alive() => styles::GOOD,
        Reply::Answer(_)
        | Reply::ByKernel(_)
        | Reply::Withheld(_)
        | Reply::NotSent
        | Reply::Unreachable(_)
        | Reply::Failed(_) => styles::NOTE,
    }
}
