//! The verdict as a sentence.

use deadpeer_core::{Cause, Silence};

use super::idle::IdleTime;
use super::length::Length;
use crate::dissect::IcmpKind;
use crate::story::{
    Ending, Event, Evidence, Gone, Happening, Noticed, Story, StoryVerdict, Untold,
};
use crate::talk::Side;

impl StoryVerdict {
    /// One sentence for a person, without a full stop.
    #[must_use]
    pub fn sentence(&self, story: &Story) -> String {
        match self.translated.as_deref() {
            Some(translated) => translated.words(&self.happened(story), story),
            None => self.happened(story),
        }
    }

    fn happened(&self, story: &Story) -> String {
        let mut said = match self.gone {
            Gone::Nobody if self.opening_was_reset(story) => {
                return "the client answered the SYN-ACK with a RST: it had given up connecting, or only wanted to know \
                        whether the port is open"
                    .into();
            }
            Gone::Nobody => return self.without_death() + &self.idle() + &self.notes(),
            Gone::Unknown => return self.without_proof() + &self.notes(),
            Gone::Side(side) if self.silence == Some(Silence::Connecting) => {
                return self.nobody_answered(side, story);
            }
            Gone::Side(side) => format!("the {side} was gone"),
            Gone::NotReceiving(side) => {
                format!("what was sent to the {side} did not arrive, though it went on speaking")
            }
            Gone::Path => match self.host_heard_elsewhere() {
                Some(side) if self.silence == Some(Silence::Connecting) => {
                    let said = self.nobody_answered(side, story);
                    return format!("{said}, though its host was heard elsewhere");
                }
                Some(side) => format!(
                    "nothing of the {side} arrived on this connection any more, though its host was heard elsewhere,"
                ),
                None => match self.only_captured() {
                    Some(side) if self.silence == Some(Silence::Connecting) => {
                        format!("the {side} heard no answer to {} SYNs", self.unanswered + 1)
                    }
                    Some(side) => format!("the {side} heard nothing of the {} any more,", !side),
                    None => "neither side heard the other any more".into(),
                },
            },
            Gone::Connection => match self.unheard_nameless() {
                Some((side, since)) => {
                    let nothing = format!("nothing from {} {since}", story.end(side));
                    let gone = "it, its host or what the path knew of the connection was gone";
                    match self.silence {
                        Some(Silence::Idle) | None => format!("{nothing}: {gone}"),
                        Some(doing) => {
                            format!("{nothing}, {}: {gone}", silence_words(doing, self.left()))
                        }
                    }
                }
                None => "the connection was gone".into(),
            },
        };
        let done = self.unheard_nameless().is_some();
        if let Some(silence) = self.silence.filter(|_| !done) {
            said += " ";
            said += silence_words(silence, self.left());
        }
        said += &self.noticed_words(story);
        if let Some(cause) = self.cause.and_then(errno) {
            said += ": ";
            said += cause;
        }
        said + &self.idle()
    }

    /// What noticed it, and after how long.
    fn noticed_words(&self, story: &Story) -> String {
        match self.noticed {
            Noticed::Nobody | Noticed::Nothing => format!(
                "; nobody had noticed after {} when the capture ended",
                self.length(story)
            ),
            Noticed::OtherHost => format!(
                "; after {} a RST in the {}'s name answered that it knows no such connection: {}",
                self.length(story),
                self.reset.map_or(Side::Server, |reset| reset.side),
                self.why_disowned()
            ),
            noticed @ (Noticed::Keepalive
            | Noticed::Retransmission
            | Noticed::WindowProbes
            | Noticed::Handshake
            | Noticed::Router
            | Noticed::Application) => format!(
                "; {} noticed after {}",
                noticed_words(noticed),
                self.range(story)
            ),
        }
    }

    /// Whether the client ended what had not been opened yet.
    fn opening_was_reset(&self, story: &Story) -> bool {
        let established = |event: &Event| matches!(event.what, Happening::Established(_));
        self.ending == Ending::Aborted(Side::Client)
            && story.opening_seen
            && story.counts(Side::Server).packets > 0
            && !story.timeline.iter().any(established)
    }

    /// What else is worth telling.
    fn notes(&self) -> String {
        let notes = self.notes.iter();
        notes.map(|note| format!("; {}", note.words())).collect()
    }

    /// Who was not heard any more, and since when, where something between the two may have
    /// forgotten the connection: after a long silence, or one that began before the capture.
    fn unheard_nameless(&self) -> Option<(Side, String)> {
        let unheard = self.gone == Gone::Connection && self.noticed != Noticed::OtherHost;
        let side = !self.left().filter(|_| unheard)?;
        self.evidence.iter().find_map(|evidence| {
            let since = if let Evidence::Idle { silence, .. } = evidence {
                format!("after {} of idleness", IdleTime(*silence))
            } else if let Evidence::BeganAfter(_) = evidence {
                "since the capture began".into()
            } else {
                return None;
            };
            Some((side, since))
        })
    }

    /// Why a host knows no such connection.
    fn why_disowned(&self) -> String {
        let forged = self.evidence.iter().find_map(|evidence| {
            let Evidence::ForgedBefore(side, before) = evidence else {
                return None;
            };
            Some(format!(
                "a RST in the {side}'s name, after which the {side} went on, had ended it {} before",
                Length(*before)
            ))
        });
        forged.unwrap_or_else(|| {
            "its host restarted or had closed it, or something between the two forgot it".into()
        })
    }

    fn host_heard_elsewhere(&self) -> Option<Side> {
        self.evidence.iter().find_map(|evidence| {
            let Evidence::HeardElsewhere(side, _) = evidence else {
                return None;
            };
            Some(*side)
        })
    }

    fn only_captured(&self) -> Option<Side> {
        self.evidence.iter().find_map(|evidence| {
            let Evidence::OneSided(side) = evidence else {
                return None;
            };
            Some(*side)
        })
    }

    /// The third answer.
    fn without_proof(&self) -> String {
        let ending = if let Ending::Aborted(side) = self.ending {
            format!("the {side} ended it with a RST; ")
        } else {
            String::new()
        };
        let why = self.untold.map_or_else(String::new, Untold::words);
        format!("{ending}the capture does not tell whether anybody was gone: {why}")
    }

    fn nobody_answered(&self, side: Side, story: &Story) -> String {
        let tries = self.unanswered + 1;
        let never = match tries {
            1 => "the server didn't answer the SYN".into(),
            tries => format!("the server never answered {tries} SYNs"),
        };
        let took = Length(self.took(story.capture_ends).unwrap_or_default());
        match (side, self.noticed) {
            (Side::Client, _) => {
                format!("the client never completed the opening in {took}")
            }
            (Side::Server, Noticed::Handshake) => {
                format!("{never}, connect() gave up after {}", self.range(story))
            }
            (Side::Server, Noticed::Router) => {
                let said = self.router().map_or("unreachable".into(), IcmpKind::words);
                format!("{never}; a router said after {took}: {said}")
            }
            (Side::Server, _) => match tries {
                1 => format!("the server has not answered the SYN in {took}"),
                tries => format!("the server has not answered {tries} SYNs in {took}"),
            },
        }
    }

    fn router(&self) -> Option<IcmpKind> {
        self.evidence.iter().find_map(|evidence| {
            let Evidence::Router(_, kind) = evidence else {
                return None;
            };
            Some(*kind)
        })
    }

    /// How long it took, or from what to what.
    fn range(&self, story: &Story) -> String {
        let since = self.last_heard.or(self.unanswered_since);
        match (since, self.noticed_at) {
            (Some(since), Some((from, to))) if from < to => {
                let at_least = self.at_least();
                let (from, to) = (Length(from.since(since)), Length(to.since(since)));
                format!("{at_least}{from} to {to}")
            }
            _ => self.length(story),
        }
    }

    /// How long it took.
    fn length(&self, story: &Story) -> String {
        let took = self.took(story.capture_ends).unwrap_or_default();
        format!("{}{}", self.at_least(), Length(took))
    }

    /// What was gone before the capture began was gone for longer.
    fn at_least(&self) -> &'static str {
        match self.last_heard {
            None if self.silence != Some(Silence::Connecting) => "at least ",
            _ => "",
        }
    }

    fn without_death(&self) -> String {
        match self.ending {
            Ending::Open if self.lone_syn => {
                "its SYN had no answer yet when the capture ended".into()
            }
            Ending::Open => "open when the capture ended".into(),
            Ending::Closed => "both sides closed".into(),
            Ending::HalfClosed(side) => format!(
                "the {side} closed, the {} had not when the capture ended",
                !side
            ),
            Ending::Refused => "the server refused: nobody listens there".into(),
            Ending::Aborted(side) => format!(
                "the {side} ended it with a RST: aborted, closed with data unread, or destroyed"
            ),
            Ending::ForgedReset(side) => format!(
                "a RST that claims to come from the {side} was probably sent by something between the two"
            ),
            Ending::Forgotten(side) => format!("the {side}'s host knows no such connection"),
            Ending::NoReader(side) => format!(
                "the {side} had closed, and its host answered with a RST what the {} still sent: nobody reads there any more",
                !side
            ),
            Ending::GaveUp(side) => format!(
                "the {side} gave up at the closed window of the {}, which was still there: a user timeout takes that for silence",
                !side
            ),
            Ending::StillTrying(side) => {
                format!("the {side} was still asking when the capture ended")
            }
            Ending::Replaced => "a new connection between the same ports took its place".into(),
        }
    }
}

fn silence_words(silence: Silence, left: Option<Side>) -> &'static str {
    match silence {
        Silence::Idle => "while the connection was idle",
        Silence::InFlight => "with data in flight",
        Silence::LateWrite => "before a late write",
        Silence::ZeroWindow => "behind its closed window",
        Silence::Connecting => "while connecting",
        Silence::AfterFin => match left {
            Some(Side::Client) => "after the client had closed",
            Some(Side::Server) => "after the server had closed",
            None => "after a FIN",
        },
        _ => "",
    }
}

fn noticed_words(noticed: Noticed) -> &'static str {
    match noticed {
        Noticed::Keepalive => "keepalive",
        Noticed::Retransmission => "retransmission",
        Noticed::WindowProbes => "window probes",
        Noticed::Handshake => "connect()",
        Noticed::Router => "a router",
        Noticed::Application => "the application",
        Noticed::OtherHost => "the other host",
        Noticed::Nothing | Noticed::Nobody => "nobody",
    }
}

/// The errno that the application got.
fn errno(cause: Cause) -> Option<&'static str> {
    Some(match cause {
        Cause::TimedOut => "ETIMEDOUT",
        Cause::Reset => "ECONNRESET",
        Cause::ResetAfterFin => "EPIPE",
        Cause::HostUnreachable => "EHOSTUNREACH",
        Cause::NetworkUnreachable => "ENETUNREACH",
        Cause::Refused => "ECONNREFUSED",
        Cause::Prohibited => "EACCES",
        Cause::PeerClosed
        | Cause::Closed
        | Cause::Destroyed
        | Cause::Other(_)
        | Cause::Unknown
        | _ => return None,
    })
}
