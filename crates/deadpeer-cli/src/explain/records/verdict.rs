//! What a story comes to, and what happened in it, as records.

use std::time::Duration;

use deadpeer_capture::story::{Ending, Event, Evidence, Happening, StoryVerdict};
use deadpeer_capture::talk::{Resent, What};
use deadpeer_capture::{Moment, Side, Story};
use deadpeer_report::record;
use deadpeer_report::record::Word;

use super::super::time::rfc3339;

/// What a story comes to.
pub(super) fn verdict(verdict: &StoryVerdict, story: &Story) -> record::StoryVerdict {
    let time = |at: Option<Moment>| at.map(rfc3339);
    record::StoryVerdict {
        ending: verdict.ending.word().into(),
        ended_by: ended_by(verdict.ending).map(side),
        gone: verdict.gone.word().map(Word::Borrowed),
        untold: verdict.untold.map(|untold| untold.word().into()),
        evidence: verdict.evidence.iter().map(evidence).collect(),
        last_heard: time(verdict.last_heard),
        unanswered_since: time(verdict.unanswered_since),
        unanswered: verdict.unanswered,
        silence: verdict.silence.map(|silence| silence.name().into()),
        noticed: verdict.noticed.word().map(Word::Borrowed),
        noticed_from: time(verdict.noticed_at.map(|(from, _)| from)),
        noticed_to: time(verdict.noticed_at.map(|(_, to)| to)),
        took_us: verdict.took(story.capture_ends).map(us),
        cause: verdict.cause.map(|cause| cause.word().into()),
        sentence: verdict.sentence(story),
    }
}

fn evidence(evidence: &Evidence) -> record::Evidence {
    record::Evidence {
        evidence: evidence.word().into(),
        weight: evidence.weight().word().into(),
        words: evidence.words(),
    }
}

fn ended_by(ending: Ending) -> Option<Side> {
    match ending {
        Ending::HalfClosed(side)
        | Ending::Aborted(side)
        | Ending::ForgedReset(side)
        | Ending::Forgotten(side)
        | Ending::NoReader(side)
        | Ending::GaveUp(side)
        | Ending::StillTrying(side) => Some(side),
        Ending::Open | Ending::Closed | Ending::Refused | Ending::Replaced | _ => None,
    }
}

/// Something that happened in it.
pub(super) fn event(event: &Event) -> record::Event {
    let (word, count) = word(&event.what);
    record::Event {
        at: rfc3339(event.at),
        until: rfc3339(event.until),
        side: event.side.map(side),
        event: word.into(),
        count,
        words: event.words(),
    }
}

/// One word for an event, and how often it happened.
fn word(what: &Happening) -> (&'static str, Option<u32>) {
    let episode = match what {
        Happening::CaptureBegins => return ("capture-begins", None),
        Happening::Opening => return ("opening", None),
        Happening::Established(_) => return ("established", None),
        Happening::Silence => return ("silence", None),
        Happening::Unheard(count) => return ("unheard", Some(*count)),
        Happening::Repeated(count) => return ("repeated", Some(*count)),
        Happening::Fin => return ("fin", None),
        Happening::Closed => return ("closed", None),
        Happening::Reset(_) => return ("reset", None),
        Happening::GaveUp => return ("gave-up", None),
        Happening::Replaced => return ("replaced", None),
        Happening::CaptureEnds => return ("capture-ends", None),
        Happening::Episode(episode) => episode,
        _ => return ("other", None),
    };
    match episode {
        What::Exchange { packets, .. } => ("exchange", u32::try_from(*packets).ok()),
        What::Answered { count, .. } => ("answered", Some(*count)),
        What::Unanswered { count, .. } => ("unanswered", Some(*count)),
        What::Resending { count, what, .. } => match what {
            Resent::Syn => ("resending-syn", Some(*count)),
            Resent::Data => ("resending", Some(*count)),
            Resent::Fin => ("resending-fin", Some(*count)),
        },
        What::MuteProbes { count } => ("mute-probes", Some(*count)),
        What::OlderConnection { count } => ("older-connection", Some(*count)),
        What::AnotherAnswer { count } => ("another-answer", Some(*count)),
        What::WindowShut => ("window-shut", None),
        What::IcmpError { count, .. } => ("icmp", Some(*count)),
        What::LeftOut { episodes } => ("left-out", Some(*episodes)),
        _ => ("other", None),
    }
}

/// Microseconds.
pub(super) fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// client or server.
pub(super) fn side(side: Side) -> Word {
    Word::Borrowed(match side {
        Side::Client => "client",
        Side::Server => "server",
    })
}
