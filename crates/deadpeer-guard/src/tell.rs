//! One line of the log for each thing that happened, written after it was done.

use deadpeer_host::deaths::ServiceName;
use deadpeer_report::sanitize::sanitize;
use tracing::{debug, info, warn};

use crate::event::{Event, Evidence, KillResult, Subject};

/// A line at a level, with a connection and the evidence as fields.
macro_rules! line {
    ($level:ident, $said:expr, $subject:expr, $evidence:expr) => {{
        let (subject, evidence): (&Subject, &Evidence) = ($subject, $evidence);
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
    match event {
        Event::Killed(killed) => {
            let said = killed.result.words();
            match killed.result {
                KillResult::Failed => line!(warn, said, &killed.subject, &killed.evidence),
                KillResult::Destroyed | KillResult::WouldDestroy | KillResult::Gone => {
                    line!(info, said, &killed.subject, &killed.evidence);
                }
            }
        }
        Event::Spared(spared) => {
            let said = spared.why.words();
            line!(debug, said, &spared.subject, &spared.evidence);
        }
        Event::Died(_) | Event::Survived(_) => {}
    }
}

fn process(service: &ServiceName) -> String {
    match &service.process {
        Some(name) => sanitize(&String::from_utf8_lossy(name)).into_owned(),
        None => "?".to_owned(),
    }
}
