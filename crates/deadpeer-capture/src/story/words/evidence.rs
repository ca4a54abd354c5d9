//! Evidence, and why there is none, as phrases.

use super::count::{times, waits};
use super::idle;
use super::length::Length;
use super::reset::hops;
use crate::story::limits;
use crate::story::{Evidence, Untold, Weight};
use crate::talk::{Asked, Resent};

impl Evidence {
    /// One phrase for a person.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Backoff {
                side,
                what,
                times: count,
                waits: (first, last),
            } => {
                let what = match what {
                    Resent::Syn => "SYN",
                    Resent::Data => "data",
                    Resent::Fin => "FIN",
                };
                format!(
                    "the {side} sent its {what} again {}, waiting {}: it heard nothing",
                    times(*count),
                    waits(*first, *last)
                )
            }
            Self::Unanswered {
                side,
                asked,
                times: count,
            } => {
                let probe = match (asked, count) {
                    (Asked::Presence, 1) => "keepalive probe",
                    (Asked::Presence, _) => "keepalive probes",
                    (Asked::Window, 1) => "window probe",
                    (Asked::Window, _) => "window probes",
                };
                format!(
                    "{count} {probe} of the {side} got no answer, and the capture shows what comes to it"
                )
            }
            Self::SameEcho { side, times } => {
                format!(
                    "{times} probes of the {side} in a row echo the same timestamp: it heard nothing between them"
                )
            }
            Self::AskedAgain { side, times: count } => format!(
                "the {side} asked again {} although it had been answered",
                times(*count)
            ),
            Self::OnTheBeat(side) => {
                format!("the RST came when the {side}'s timer was due: its kernel gave up")
            }
            Self::Disowned(side) => {
                format!("a RST in the {side}'s name answers that it knows no such connection")
            }
            Self::Router(side, kind) => format!("a router told the {side}: {}", kind.words()),
            Self::BeganAfter(side) => {
                format!("the {side} was never heard: the capture may have begun after the trouble")
            }
            Self::HeardElsewhere(side, _) => {
                format!("the {side}'s host was heard in another connection afterwards")
            }
            Self::Holes(side, bytes) => {
                let bytes = match bytes {
                    1 => "1 byte".into(),
                    bytes => format!("{bytes} bytes"),
                };
                format!("the other side acknowledged {bytes} of the {side} that the capture lacks")
            }
            Self::ForgedBefore(side, before) => format!(
                "{} before came a RST in the {side}'s name, after which the {side} went on as if it had not sent it",
                Length(*before)
            ),
            Self::SpokeJustBefore(side, ago) => format!(
                "the {side} had spoken {} before its RST: it knew the connection",
                Length(*ago)
            ),
            Self::Idle { silence, forgets } => idle::before(*silence, *forgets),
            Self::Outlived {
                silence,
                survived,
                number,
            } => idle::outlived(*silence, *survived, *number),
            Self::NotOutlived { survived, number } => idle::not_outlived(*survived, *number),
            Self::OutlivedElsewhere { survived, number } => {
                idle::outlived_elsewhere(*survived, *number)
            }
            Self::VainOpening { side, syns, number } => format!(
                "{syns} SYNs of connection {number} to the {side}'s port got no answer in this time either: \
                 a connection that was forgotten on the way is no reason for that"
            ),
            Self::FinWait(side, waited) => format!(
                "the {side} had closed and waited {} for the other side's FIN{}",
                idle::IdleTime(*waited),
                limits::fin_wait(*waited)
                    .map_or_else(String::new, |who| format!(", as {who} does")),
            ),
            Self::OtherDistance(side, (usual, seen)) => format!(
                "the RST came {}, the {side}'s other packets {}: something else may have sent it",
                hops(*seen),
                hops(*usual)
            ),
            Self::TooQuick(side, (took, fastest)) => format!(
                "the RST came after {}, the {side}'s fastest answer after {}: something nearer sent it",
                Length(*took),
                Length(*fastest)
            ),
            Self::StrangeId(side, (usual, seen)) => format!(
                "the RST's IP identification is {seen}, where the {side}'s packets count up from {usual}"
            ),
            Self::NoBareAcknowledgments => {
                "the capture has data and not one bare acknowledgment: it was filtered".into()
            }
            Self::Lossy => "other connections acknowledge bytes that the capture lacks".into(),
            Self::OneSided(side) => format!("only what the {side} sent was captured"),
            Self::Replayed { side, times: count } => format!(
                "the same packet of the {side} comes again {}, its IP identification unchanged: played again, not sent again",
                times(*count)
            ),
            Self::EndsTooSoon => "the capture ends before the next attempt was due".into(),
            Self::CutAfter(frame) => {
                format!("the connection's packets stop after frame {frame}, the capture goes on")
            }
        }
    }

    /// One word for filters, labels and JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Backoff { .. } => "backoff",
            Self::Unanswered { .. } => "unanswered-probes",
            Self::SameEcho { .. } => "same-echo",
            Self::AskedAgain { .. } => "asked-again",
            Self::OnTheBeat(_) => "rst-on-the-beat",
            Self::Disowned(_) => "disowned",
            Self::Router(..) => "router",
            Self::BeganAfter(_) => "began-after",
            Self::Idle { .. } => "idle",
            Self::Outlived { .. } => "outlived",
            Self::NotOutlived { .. } => "not-outlived",
            Self::OutlivedElsewhere { .. } => "outlived-elsewhere",
            Self::VainOpening { .. } => "vain-opening",
            Self::FinWait(..) => "fin-wait",
            Self::OtherDistance(..) => "other-distance",
            Self::TooQuick(..) => "too-quick",
            Self::StrangeId(..) => "strange-id",
            Self::ForgedBefore(..) => "forged-before",
            Self::SpokeJustBefore(..) => "spoke-just-before",
            Self::HeardElsewhere(..) => "heard-elsewhere",
            Self::Holes(..) => "holes",
            Self::NoBareAcknowledgments => "no-bare-acknowledgments",
            Self::Lossy => "lossy",
            Self::OneSided(_) => "one-sided",
            Self::Replayed { .. } => "replayed",
            Self::EndsTooSoon => "ends-too-soon",
            Self::CutAfter(_) => "cut",
        }
    }
}

impl Weight {
    /// One word for filters, labels and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Convicts => "convicts",
            Self::Acquits => "acquits",
            Self::Explains => "explains",
        }
    }
}

impl Untold {
    /// The reason, as the end of a sentence.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::OneSided(side) => format!("only what the {side} sent was captured"),
            Self::Filtered => "it has data and no bare acknowledgment, as after a filter".into(),
            Self::Holes(1) => "it lacks a byte that was acknowledged".into(),
            Self::Holes(bytes) => format!("it lacks {bytes} bytes that were acknowledged"),
            Self::Lossy => "it lacks packets all over".into(),
            Self::Cut(frame) => format!(
                "cut after frame {frame}, neither the acknowledgment nor a retransmission is there"
            ),
            Self::Replayed(count) => format!(
                "the same packet comes again {}, as in a recording that was played again",
                times(count)
            ),
            Self::EndsTooSoon => "it ends before the next attempt was due".into(),
            Self::TooFew(count) => {
                format!("asked again {} in vain, and then no more", times(count))
            }
            Self::HostHeard(side) => format!("the {side}'s host was heard elsewhere afterwards"),
            Self::LoneSyn => "1 SYN, unanswered and not sent again".into(),
            Self::NotCompleted => {
                "the server answered the SYN, and nothing more of the client was captured".into()
            }
        }
    }

    /// One word for filters, labels and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::OneSided(_) => "one-sided",
            Self::Filtered => "filtered",
            Self::Holes(_) => "holes",
            Self::Lossy => "lossy",
            Self::Cut(_) => "cut",
            Self::Replayed(_) => "replayed",
            Self::EndsTooSoon => "ends-too-soon",
            Self::TooFew(_) => "too-few",
            Self::HostHeard(_) => "host-heard",
            Self::LoneSyn => "lone-syn",
            Self::NotCompleted => "not-completed",
        }
    }
}
