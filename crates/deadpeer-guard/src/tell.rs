//! One line of the log for each thing that happened, written after it was done.

use deadpeer_host::deaths::ServiceName;
use deadpeer_report::sanitize::sanitize;
use tracing::{debug, info, warn};

use crate::event::{Event, Judged, KillResult, Sentence};

/// A line at a level, with a connection and the evidence as fields.
macro_rules! line {
    ($level:ident, $said:expr, $judged:expr) => {{
        let Judged {
            subject, evidence, ..
        } = $judged;
        $level!(
            policy = %subject.policy,
            process = %process(&subject.service),
            pid = subject.pid,
            local = %subject.local,
            peer = %subject.peer,
            cookie = subject.cookie,
            netns = subject.namespace,
            container = subject.container(),
            silence_ms = deadpeer_report::duration::milliseconds(evidence.silence),
            unanswered = evidence.unanswered,
            needed = evidence.needed,
            failing = evidence.failing,
            "{}",
            $said
        )
    }};
}

/// Writes it down. Who was let live is for those who look closely; deaths have a place of their
/// own.
pub(crate) fn tell(event: &Event) {
    let Event::Judged(judged) = event else { return };
    match judged.sentence {
        Sentence::Killed(KillResult::Failed) => line!(warn, KillResult::Failed.words(), &**judged),
        Sentence::Killed(result) => line!(info, result.words(), &**judged),
        Sentence::Spared(why) => line!(debug, why.words(), &**judged),
    }
}

fn process(service: &ServiceName) -> String {
    match &service.process {
        Some(name) => sanitize(&String::from_utf8_lossy(name)).into_owned(),
        None => "?".to_owned(),
    }
}
