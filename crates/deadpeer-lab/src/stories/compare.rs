//! Reading a capture and holding its stories against the truth.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deadpeer_capture::story::{Evidence, Gone};
use deadpeer_capture::{Conversations, Limits, Moment, Packet, ReadError, Reader, Side, Story};

use super::truth::{Expected, expected};
use super::{At, Truth};
use crate::matrix::Life;

/// Our clock and the packet's: the program is told a little after the packet, on a busy machine
/// later.
const SLACK: Duration = Duration::from_secs(2);

/// A capture that could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComparisonError {
    /// It could not be opened.
    #[error("{path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It could not be read to its end.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadError,
    },
}

/// How many stories are true.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Score {
    /// Stories of the capture at our end that were held against the truth.
    pub at_ours: usize,
    /// The same for the capture at the peer's.
    pub at_theirs: usize,
    /// Those that are not true.
    pub mistakes: Vec<Mistake>,
}

impl Score {
    /// Stories of the capture at this end.
    #[must_use]
    pub fn stories(&self, at: At) -> usize {
        match at {
            At::Ours => self.at_ours,
            At::Theirs => self.at_theirs,
        }
    }
}

/// A story that is not true.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Mistake {
    /// The scenario.
    pub scenario: String,
    /// Where the capture was taken.
    pub at: At,
    /// Our end of the connection.
    pub life: Life,
    /// What is wrong, a phrase each.
    pub wrong: Vec<String>,
    /// The story's sentence; `None`: it has none of this connection.
    pub told: Option<String>,
}

/// Compares the captures of an experiment, `DIRECTORY/ours.pcapng` and `DIRECTORY/theirs.pcapng`,
/// with its truth.
///
/// # Errors
/// A capture could not be read.
pub fn compare(directory: &Path, truth: &Truth) -> Result<Score, ComparisonError> {
    let mut score = Score::default();
    for at in [At::Ours, At::Theirs] {
        let stories = stories(&directory.join(format!("{}.pcapng", at.name())))?;
        for life in &truth.lives {
            let Some(expected) = expected(truth, life, at) else {
                continue;
            };
            let story = stories
                .iter()
                .find(|story| story.end(Side::Client).port == life.port);
            let wrong = match story {
                Some(story) => faults(&expected, story),
                // Nothing of it may have come so far.
                None if at == At::Theirs => continue,
                None => vec!["the capture has no such connection".to_owned()],
            };
            match at {
                At::Ours => score.at_ours += 1,
                At::Theirs => score.at_theirs += 1,
            }
            if !wrong.is_empty() {
                score.mistakes.push(Mistake {
                    scenario: truth.scenario.clone(),
                    at,
                    life: life.clone(),
                    wrong,
                    told: story.map(|story| story.verdict.sentence(story)),
                });
            }
        }
    }
    Ok(score)
}

fn stories(path: &Path) -> Result<Vec<Story>, ComparisonError> {
    let mut conversations = Conversations::new(Limits::default());
    with_packets(path, |packet| {
        conversations.take(packet);
    })?;
    Ok(conversations.stories().collect())
}

/// Hands over every packet of a capture.
pub(super) fn with_packets(
    path: &Path,
    mut each: impl FnMut(&Packet<'_>),
) -> Result<(), ComparisonError> {
    let file = File::open(path).map_err(|source| ComparisonError::Open {
        path: path.to_owned(),
        source,
    })?;
    let unreadable = |source| ComparisonError::Read {
        path: path.to_owned(),
        source,
    };
    let mut capture = Reader::new(file).map_err(unreadable)?;
    while let Some(packet) = capture.next_packet().map_err(unreadable)? {
        each(&packet);
    }
    Ok(())
}

/// What a story says that is not so.
fn faults(expected: &Expected, story: &Story) -> Vec<String> {
    let verdict = &story.verdict;
    let mut wrong = Vec::new();
    let mut check = |what: &str, holds: bool, said: &dyn fmt::Debug, truth: &dyn fmt::Debug| {
        if !holds {
            wrong.push(format!("{what} is {said:?}, not {truth:?}"));
        }
    };
    let gone = verdict.gone.word();
    check("gone", expected.gone.contains(&gone), &gone, &expected.gone);
    let ending = verdict.ending.word();
    if let Some(since) = expected.silent_since
        && matches!(ending, "still-trying" | "open")
    {
        let ends = since_1970(story.capture_ends);
        let asked = since.saturating_sub(since_1970(story.first));
        let told = since + asked;
        check("the end", ends <= told, &ending, &expected.endings);
        return wrong;
    }
    let any = expected.endings.is_empty();
    let known = any || expected.endings.contains(&ending);
    check("the end", known, &ending, &expected.endings);
    let noticed = verdict.noticed.word();
    let any = expected.noticed.is_empty();
    let known = any || expected.noticed.contains(&noticed);
    check("noticed by", known, &noticed, &expected.noticed);
    if let (Some((after, before)), Some((from, to))) = (expected.noticed_at, verdict.noticed_at) {
        let (from, to) = (since_1970(from), since_1970(to));
        let meets = from <= before + SLACK && after <= to + SLACK;
        check("noticed at", meets, &(from, to), &(after, before));
    }
    if let Some(cause) = expected.cause {
        let holds = verdict.cause == Some(cause);
        check("the cause", holds, &verdict.cause, &cause);
    }
    // Who only hears nothing speaks on, and nothing shows before something was sent to it.
    let silent = matches!(verdict.gone, Gone::Side(_));
    if let (Some(until), Some(heard), true) = (expected.heard_until, verdict.last_heard, silent) {
        let heard = since_1970(heard);
        check("last heard", heard <= until, &heard, &until);
    }
    // "path" is right where its side was silent only if that was not heard elsewhere after all.
    for evidence in &verdict.evidence {
        if let (Some((silent, until)), Evidence::HeardElsewhere(side, at)) =
            (expected.silent_to_all, evidence)
            && *side == silent
        {
            let at = since_1970(*at);
            check("heard elsewhere", at <= until, &at, &until);
        }
    }
    wrong
}

pub(super) fn since_1970(at: Moment) -> Duration {
    Duration::from_nanos(at.nanos())
}
