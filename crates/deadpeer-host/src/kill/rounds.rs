//! Asking every peer several times, all at once, before anything is destroyed.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use deadpeer::Answer;

use super::decision::Decision;
use super::multipath;
use crate::ask::{Questions, Reply};
use crate::table::Unreadable;
use crate::target::Target;
use crate::work::Work;

/// So many unanswered questions in a row are taken for death: one lost packet is none (RFC 1122,
/// section 4.2.3.6).
pub const ATTEMPTS: u32 = 3;

/// How long an answer is waited for. Longer than the half second in which a Linux peer answers such
/// a question only once.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks every peer up to [`ATTEMPTS`] times, all at once, and decides. Takes a few seconds.
#[derive(Debug)]
pub struct ProbeRounds<'t> {
    targets: &'t [Target],
    endings_allowed: bool,
    /// What is known of each target.
    heard: Vec<Heard>,
    /// Rounds that are over.
    attempts: u32,
    stage: Stage<'t>,
}

#[derive(Debug)]
enum Stage<'t> {
    /// A round begins.
    Waiting(Instant),
    /// A round since then, for the targets in these places.
    Asking {
        since: Instant,
        places: Vec<usize>,
        questions: Box<Questions<'t>>,
    },
    Done,
}

impl<'t> ProbeRounds<'t> {
    /// Asks nobody yet.
    #[must_use]
    pub fn new(targets: &'t [Target], now: Instant) -> Self {
        Self {
            targets,
            endings_allowed: false,
            heard: vec![Heard::default(); targets.len()],
            attempts: 0,
            stage: Stage::Waiting(now),
        }
    }

    /// Asks also where the question could [end](crate::Risk) the connection, if `allowed`.
    #[must_use]
    pub fn allow_endings(mut self, allowed: bool) -> Self {
        self.endings_allowed = allowed;
        self
    }

    /// What is to become of each target. Nobody whose peer answered is destroyed, and nobody who
    /// could not be asked, unless `force`d.
    #[must_use]
    pub fn decisions(&self, force: bool) -> Vec<Decision> {
        let verdicts = self.heard.iter().map(|heard| heard.verdict(force));
        let mut decisions: Vec<Decision> = verdicts.collect();
        multipath::spare_parts_of_the_living(self.targets, &mut decisions);
        decisions
    }

    fn begin(&mut self, now: Instant) {
        let open = |(place, heard): (usize, &Heard)| heard.decision.is_none().then_some(place);
        let places: Vec<usize> = self.heard.iter().enumerate().filter_map(open).collect();
        let targets = places.iter().filter_map(|place| self.targets.get(*place));
        // Who leaves as many unanswered as there are rounds is destroyed in any case.
        let questions = Questions::new(targets.collect(), PATIENCE, now)
            .allow_endings(self.endings_allowed)
            .even_the_last(true);
        self.stage = Stage::Asking {
            since: now,
            questions: Box::new(questions),
            places,
        };
    }

    fn end(&mut self, since: Instant, places: Vec<usize>, replies: Vec<Option<Reply>>) {
        for (place, reply) in places.into_iter().zip(replies) {
            if let (Some(heard), Some(reply)) = (self.heard.get_mut(place), reply) {
                heard.hear(reply);
            }
        }
        self.attempts += 1;
        let undecided = self.heard.iter().any(|heard| heard.decision.is_none());
        self.stage = match undecided && self.attempts < ATTEMPTS {
            // The kernel's own questions take their time, however soon it tells how many are open.
            true => Stage::Waiting(since + PATIENCE),
            false => Stage::Done,
        };
    }
}

impl Work for ProbeRounds<'_> {
    type Error = Infallible;

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Waiting(until) => Some(*until),
            Stage::Asking {
                since, questions, ..
            } => Some(questions.poll_timeout().unwrap_or(*since)),
            Stage::Done => None,
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Infallible> {
        match &mut self.stage {
            Stage::Waiting(until) if now >= *until => self.begin(now),
            Stage::Asking { questions, .. } if questions.poll_timeout().is_some() => {
                let Ok(()) = questions.handle_timeout(now);
            }
            Stage::Asking { .. } => {
                let stage = std::mem::replace(&mut self.stage, Stage::Done);
                if let Stage::Asking {
                    since,
                    places,
                    questions,
                } = stage
                {
                    self.end(since, places, questions.into_replies(now));
                }
            }
            Stage::Waiting(_) | Stage::Done => {}
        }
        Ok(())
    }
}

/// What is known of one connection so far.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    decision: Option<Decision>,
    last: Option<Reply>,
    in_vain: u32,
}

impl Heard {
    fn hear(&mut self, reply: Reply) {
        self.last = Some(reply);
        self.decision = match reply {
            Reply::Answer(Answer::Ended(_)) => Some(Decision::EndedByQuestion),
            Reply::Answer(Answer::Dead(_)) | Reply::Unreachable(Unreadable::Gone) => {
                Some(Decision::Over)
            }
            Reply::Answer(Answer::Unanswered { .. }) => {
                self.in_vain += 1;
                None
            }
            Reply::Answer(answer) if answer.is_alive() => Some(Decision::Alive(reply)),
            Reply::Answer(_)
            | Reply::ByKernel(_)
            | Reply::Withheld(_)
            | Reply::NotSent
            | Reply::Unreachable(_)
            | Reply::Failed(_) => match reply.open_questions() {
                Some(unanswered) if unanswered >= ATTEMPTS => {
                    Some(Decision::Destroy { unanswered })
                }
                Some(_) => None,
                None => Some(Decision::Unknown(reply)),
            },
        };
    }

    fn verdict(self, force: bool) -> Decision {
        let unheard = Reply::Unreachable(Unreadable::Gone);
        let open = match self.in_vain {
            ATTEMPTS.. => Decision::Destroy {
                unanswered: self.in_vain,
            },
            _ => Decision::Unknown(self.last.unwrap_or(unheard)),
        };
        let decision = self.decision.unwrap_or(open);
        match (decision, force) {
            (Decision::Alive(reply) | Decision::Unknown(reply), true) => Decision::Forced(reply),
            (_, true | false) => decision,
        }
    }
}
