//! Silences that something between two hosts may not have waited for, as phrases.

use std::fmt;
use std::time::Duration;

use super::length::Length;
use crate::story::limits::{self, Forgets};
use crate::story::{Evidence, Gone, StoryVerdict};

/// An idle time in seconds, as its limits are set: `350.0 s`; from two hours on as any [`Length`].
pub(super) struct IdleTime(pub(super) Duration);

impl fmt::Display for IdleTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(7230) {
            write!(f, "{:.1} s", self.0.as_secs_f64())
        } else {
            Length(self.0).fmt(f)
        }
    }
}

impl StoryVerdict {
    /// What a silence before the end looks like, as the end of a sentence.
    pub(super) fn idle(&self) -> String {
        let said_how_long = self.gone == Gone::Connection;
        let is_idle = |found: &&Evidence| {
            matches!(
                found,
                Evidence::Idle { .. }
                    | Evidence::Outlived { .. }
                    | Evidence::NotOutlived { .. }
                    | Evidence::FinWait(..)
            )
        };
        let idle = self.evidence.iter().filter(is_idle);
        let phrases = idle.filter_map(|found| {
            if let Evidence::Idle { silence, forgets } = found
                && *forgets == Forgets::Silently
                && said_how_long
            {
                guess(*silence, *forgets)
            } else {
                Some(found.words())
            }
        });
        phrases.map(|phrase| format!("; {phrase}")).collect()
    }
}

/// A silence before the end, and whose it may be.
pub(super) fn before(silence: Duration, forgets: Forgets) -> String {
    let then = match forgets {
        Forgets::AtOnce => ", then RST",
        Forgets::OwnHost => ", then RST of its own host",
        Forgets::WithReset | Forgets::Silently => " before",
    };
    let idle = format!("idle {}{then}", IdleTime(silence));
    guess(silence, forgets).map_or_else(|| idle.clone(), |guess| format!("{idle}: {guess}"))
}

/// Whose limit a silence may have met.
fn guess(silence: Duration, forgets: Forgets) -> Option<String> {
    let users = limits::who(silence, forgets);
    if !users.is_empty() {
        let (users, seconds) = (users.join(", "), silence.as_secs_f64().round());
        return Some(format!(
            "looks like an idle timeout; {seconds:.0} s is that of {users}"
        ));
    }
    let by_itself = matches!(forgets, Forgets::AtOnce | Forgets::OwnHost);
    if let Some(round) = limits::round(silence).filter(|_| by_itself) {
        return Some(format!("looks like an idle timeout of {round} s"));
    }
    let limit = limits::exceeded(silence).filter(|_| forgets != Forgets::OwnHost)?;
    Some(format!(
        "a connection is forgotten after {} s by {}, and sooner by other boxes",
        limit.seconds, limit.who
    ))
}

/// A connection that survived as long.
pub(super) fn outlived(idle: Duration, survived: Duration, number: Option<u64>) -> String {
    let who = match number {
        Some(number) => format!("connection {number} between the same hosts"),
        None => "this connection itself".into(),
    };
    format!(
        "idle {} before, which was no idle timeout: {who} survived {}",
        IdleTime(idle),
        IdleTime(survived)
    )
}

/// The longest silence that was survived.
pub(super) fn not_outlived(survived: Duration, number: Option<u64>) -> String {
    let who = match number {
        Some(number) => format!("connection {number}"),
        None => "this one, before".into(),
    };
    format!(
        "between these hosts no connection survived more than {} of idleness ({who})",
        IdleTime(survived)
    )
}

/// One that another client's connection with the same server survived.
pub(super) fn outlived_elsewhere(survived: Duration, number: u64) -> String {
    format!(
        "another client's connection to the same port ({number}) survived {}: what is near the server forgets none so soon",
        IdleTime(survived)
    )
}
