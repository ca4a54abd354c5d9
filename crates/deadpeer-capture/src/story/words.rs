//! The words of a story. Whoever shows one takes them from here.
//!
//! They hold no byte of the capture, only numbers and addresses, so they are safe for any terminal.

use std::fmt;
use std::time::Duration;

use deadpeer_core::{Cause, Silence};

use super::{Ending, Event, Gone, Guess, Happening, Noticed, Settings, Story, Verdict};
use crate::dissect::Trouble;
use crate::talk::{Asked, Kind, Resent, Reset, Side, What};

/// A measured length of time with three digits at least: `11 us`, `2.4 ms`, `120 s`, `15m 37s`, `2h 11m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length(pub Duration);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let tenths = |unit: u128| (nanos + unit / 20) / (unit / 10);
        let decimal = |f: &mut fmt::Formatter<'_>, tenths: u128, unit| match tenths % 10 {
            0 => write!(f, "{} {unit}", tenths / 10),
            rest => write!(f, "{}.{rest} {unit}", tenths / 10),
        };
        let whole = |unit: u128| (nanos + unit / 2) / unit;
        let (us, ms, s) = (1_000, 1_000_000, 1_000_000_000);
        if whole(us) < 1000 {
            write!(f, "{} us", whole(us))
        } else if tenths(ms) < 100 {
            decimal(f, tenths(ms), "ms")
        } else if whole(ms) < 1000 {
            write!(f, "{} ms", whole(ms))
        } else if tenths(s) < 3000 {
            decimal(f, tenths(s), "s")
        } else if whole(s) < 7200 {
            write!(f, "{}m {:02}s", whole(s) / 60, whole(s) % 60)
        } else if whole(60 * s) < 48 * 60 {
            write!(f, "{}h {:02}m", whole(60 * s) / 60, whole(60 * s) % 60)
        } else {
            write!(f, "{}d {:02}h", whole(3600 * s) / 24, whole(3600 * s) % 24)
        }
    }
}

impl Kind {
    /// What a line of packets says about this one; `None` for what every connection is made of.
    #[must_use]
    pub fn words(self) -> Option<&'static str> {
        Some(match self {
            Self::Probe => "keepalive probe",
            Self::ProbeAnswer => "answer to a keepalive probe",
            Self::WindowProbe => "window probe",
            Self::WindowProbeAnswer => "answer to a window probe",
            Self::Retransmission => "sent again",
            Self::Reordered => "overtaken on its way",
            Self::SeenTwice => "the same packet again",
            Self::DuplicateAck => "duplicate acknowledgment",
            Self::WindowClosed => "window closed",
            Self::WindowUpdate => "window changed",
            Self::Reset => "reset",
            Self::Syn | Self::SynAck | Self::Data | Self::Ack | Self::Fin => return None,
        })
    }

    /// One word for filters, labels and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::SynAck => "syn-ack",
            Self::Data => "data",
            Self::Ack => "ack",
            Self::DuplicateAck => "duplicate-ack",
            Self::WindowUpdate => "window-update",
            Self::WindowClosed => "window-closed",
            Self::Fin => "fin",
            Self::Reset => "reset",
            Self::Probe => "probe",
            Self::ProbeAnswer => "probe-answer",
            Self::WindowProbe => "window-probe",
            Self::WindowProbeAnswer => "window-probe-answer",
            Self::Retransmission => "retransmission",
            Self::Reordered => "reordered",
            Self::SeenTwice => "seen-twice",
        }
    }
}

impl Trouble {
    /// What an ICMP error says, as the end of a sentence.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::HostUnreachable => "host unreachable".into(),
            Self::NetworkUnreachable => "network unreachable".into(),
            Self::PortUnreachable => "port unreachable".into(),
            Self::Prohibited => "prohibited by a firewall".into(),
            Self::TooBig(Some(mtu)) => format!("packet too big, {mtu} bytes would fit"),
            Self::TooBig(None) => "packet too big".into(),
            Self::HopsExceeded => "too many hops".into(),
            Self::Other(kind, code) => format!("ICMP error {kind}, code {code}"),
        }
    }
}

impl Ending {
    /// One word for filters, labels and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::HalfClosed(_) => "half-closed",
            Self::Refused => "refused",
            Self::Aborted(_) => "aborted",
            Self::ForgedReset(_) => "forged-reset",
            Self::Forgotten(_) => "forgotten",
            Self::GaveUp(_) => "gave-up",
            Self::StillTrying(_) => "still-trying",
            Self::Replaced => "replaced",
        }
    }
}

impl Gone {
    /// One word for filters, labels and JSON; `None` for nobody.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Nobody => None,
            Self::Side(Side::Client) => Some("client"),
            Self::Side(Side::Server) => Some("server"),
            Self::Deaf(Side::Client) => Some("way-to-client"),
            Self::Deaf(Side::Server) => Some("way-to-server"),
            Self::Path => Some("path"),
        }
    }
}

impl Noticed {
    /// One word for filters, labels and JSON; `None` where there was nothing to notice.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        Some(match self {
            Self::Nothing => return None,
            Self::Keepalive => "keepalive",
            Self::Retransmission => "retransmission",
            Self::WindowProbes => "window-probes",
            Self::Handshake => "handshake",
            Self::OtherHost => "other-host",
            Self::Application => "application",
            Self::Nobody => "nobody",
        })
    }
}

impl Verdict {
    /// One sentence for a person, without a full stop.
    #[must_use]
    pub fn sentence(&self, story: &Story) -> String {
        let mut said = match self.gone {
            Gone::Nobody => return self.without_death(),
            Gone::Side(side) if self.silence == Some(Silence::Connecting) => {
                return self.nobody_answered(side, story);
            }
            Gone::Side(side) => format!("the {side} was gone"),
            Gone::Deaf(side) => {
                format!("what was sent to the {side} did not arrive, though it went on speaking")
            }
            Gone::Path => "neither side heard the other any more".into(),
        };
        if let Some(silence) = self.silence {
            said += " ";
            said += silence_words(silence);
        }
        said += &match self.noticed {
            Noticed::Nobody | Noticed::Nothing => format!(
                "; nobody had noticed after {} when the capture ended",
                self.length(story)
            ),
            Noticed::OtherHost => format!(
                "; after {} its host answered that it knows no such connection",
                self.length(story)
            ),
            noticed @ (Noticed::Keepalive
            | Noticed::Retransmission
            | Noticed::WindowProbes
            | Noticed::Handshake
            | Noticed::Application) => format!(
                "; {} noticed after {}",
                noticed_words(noticed),
                self.range(story)
            ),
        };
        if let Some(cause) = self.cause.and_then(errno) {
            said += ": ";
            said += cause;
        }
        said
    }

    fn nobody_answered(&self, side: Side, story: &Story) -> String {
        let tries = self.unanswered + 1;
        let took = Length(self.took(story.capture_ends).unwrap_or_default());
        match (side, self.noticed) {
            (Side::Client, _) => {
                format!("the client never completed the opening, asked {tries} times in {took}")
            }
            (Side::Server, Noticed::Handshake) => {
                format!("the server never answered {tries} SYNs, connect() gave up after {took}")
            }
            (Side::Server, _) => format!("the server has not answered {tries} SYNs in {took}"),
        }
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
            Ending::GaveUp(side) => format!("the {side} gave up"),
            Ending::StillTrying(side) => {
                format!("the {side} was still asking when the capture ended")
            }
            Ending::Replaced => "a new connection between the same ports took its place".into(),
        }
    }
}

/// Why a RST may not come from the side that it names.
impl Reset {
    /// What speaks for a forgery, one phrase each.
    #[must_use]
    pub fn suspicions(&self) -> Vec<String> {
        let mut said = Vec::new();
        if let Some((usual, seen)) = self.strange_hops {
            said.push(format!(
                "its TTL is {seen}, that of the {}'s other packets {usual}",
                self.side
            ));
        }
        if self.impossible {
            said.push("its sequence number is one that side cannot be at".into());
        }
        if self.ignored_by_sender > 0 {
            said.push(format!("the {} went on as if it had sent none", self.side));
        }
        said
    }
}

impl Event {
    /// One phrase for a person.
    #[must_use]
    pub fn words(&self) -> String {
        let length = Length(self.until.since(self.at));
        let side = self.side.map_or("nobody", |side| match side {
            Side::Client => "client",
            Side::Server => "server",
        });
        match &self.what {
            Happening::CaptureBegins => "the capture begins, the connection is open".into(),
            Happening::Opening => format!("{side} asks to open"),
            Happening::Established(took) if took.is_zero() => "established".into(),
            Happening::Established(took) => format!("established in {}", Length(*took)),
            Happening::Silence => format!("silent {length}"),
            Happening::Episode(what) => what.words(side, length),
            Happening::Fin => format!("{side} closes"),
            Happening::Closed => "both sides have closed".into(),
            Happening::Reset(reset) => reset_words(reset),
            Happening::GaveUp => format!("{side} gives up within {length}, without a word"),
            Happening::Replaced => "a new connection between the same ports takes its place".into(),
            Happening::CaptureEnds => "the capture ends".into(),
        }
    }
}

impl What {
    fn words(&self, side: &str, length: Length) -> String {
        match self {
            Self::Exchange { bytes, resent, .. } => {
                let [client, server] = bytes.map(size);
                let mut said = match bytes {
                    [_, 0] => format!("client sends {client}"),
                    [0, _] => format!("server sends {server}"),
                    _ => format!("client sends {client}, server {server}"),
                };
                if !length.0.is_zero() {
                    said += &format!(", in {length}");
                }
                if *resent > 0 {
                    said += &format!(", {resent} segments sent again");
                }
                said
            }
            Self::Answered {
                asked,
                count,
                fastest,
                slowest,
            } => {
                let probes = probes(*asked, *count);
                let (fastest, slowest) =
                    (Length(*fastest).to_string(), Length(*slowest).to_string());
                if fastest == slowest {
                    format!("{side} sends {probes}, answered in {slowest}")
                } else {
                    format!("{side} sends {probes}, answered in {fastest} to {slowest}")
                }
            }
            Self::Unanswered { asked, count } => {
                let probes = probes(*asked, *count);
                if *count > 1 {
                    format!("{side} sends {probes} in {length}, unanswered")
                } else {
                    format!("{side} sends {probes}, unanswered")
                }
            }
            Self::Resending {
                what,
                count,
                first_wait,
                last_wait,
                acknowledged,
            } => {
                let what = match what {
                    Resent::Syn => "its SYN",
                    Resent::Data => "the same data",
                    Resent::Fin => "its FIN",
                };
                let times = times(*count);
                let waits = if *count > 1 {
                    format!(
                        ", waiting {} to {}",
                        Length(*first_wait),
                        Length(*last_wait)
                    )
                } else {
                    format!(" after {}", Length(*first_wait))
                };
                let end = if *acknowledged {
                    "then it is acknowledged"
                } else {
                    "unanswered"
                };
                format!("{side} sends {what} again {times}{waits}, {end}")
            }
            Self::WindowShut => {
                format!("{side}'s window is closed for {length}: its application does not read")
            }
            Self::Complaint { trouble, count } => {
                let trouble = trouble.words();
                let times = if *count > 1 {
                    format!(", {}", times(*count))
                } else {
                    String::new()
                };
                format!("an ICMP error tells the {side}: {trouble}{times}")
            }
            Self::LeftOut { episodes } => format!("{episodes} more episodes in {length}"),
        }
    }
}

impl Settings {
    /// The settings that showed, as they would be written; `None` if none did.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let mut said = Vec::new();
        let guess =
            |guess: Guess| format!("{} s (measured {})", guess.seconds, Length(guess.measured));
        said.extend(
            self.idle
                .map(|idle| format!("keepalive idle {}", guess(idle))),
        );
        said.extend(
            self.interval
                .map(|interval| format!("interval {}", guess(interval))),
        );
        said.extend(
            self.count
                .map(|count| format!("gives up after {}", probes(Asked::Presence, count))),
        );
        said.extend(
            self.rto
                .map(|rto| format!("retransmission timeout {}", Length(rto))),
        );
        said.extend(self.gave_up_after.map(|(least, most)| {
            format!(
                "gives up {} to {} after the first retransmission",
                Length(least),
                Length(most)
            )
        }));
        (!said.is_empty()).then(|| said.join(", "))
    }
}

fn reset_words(reset: &Reset) -> String {
    let side = reset.side;
    let mut said = if reset.is_forged() {
        format!("a RST in the name of the {side}")
    } else {
        match reset.reply_to {
            Some(kind) => {
                let what = match kind {
                    Kind::Probe => "the probe",
                    Kind::WindowProbe => "the window probe",
                    Kind::Syn => "the SYN",
                    Kind::Retransmission | Kind::Data => "the data",
                    Kind::Fin => "the FIN",
                    Kind::SynAck
                    | Kind::Ack
                    | Kind::DuplicateAck
                    | Kind::WindowUpdate
                    | Kind::WindowClosed
                    | Kind::Reset
                    | Kind::ProbeAnswer
                    | Kind::WindowProbeAnswer
                    | Kind::Reordered
                    | Kind::SeenTwice => "that",
                };
                format!("{side}'s host answers {what} with a RST: it knows no such connection")
            }
            None if reset.acknowledges => format!("{side} ends it with a RST"),
            None => format!("{side} sends a RST"),
        }
    };
    let suspicions = reset.suspicions();
    if !suspicions.is_empty() {
        said += ": ";
        said += &suspicions.join(", ");
    }
    said
}

fn silence_words(silence: Silence) -> &'static str {
    match silence {
        Silence::Idle => "while the connection was idle",
        Silence::InFlight => "with data in flight",
        Silence::LateWrite => "before a late write",
        Silence::ZeroWindow => "behind its closed window",
        Silence::Connecting => "while connecting",
        Silence::AfterFin => "when the other had closed",
        _ => "",
    }
}

fn noticed_words(noticed: Noticed) -> &'static str {
    match noticed {
        Noticed::Keepalive => "keepalive",
        Noticed::Retransmission => "retransmission",
        Noticed::WindowProbes => "window probes",
        Noticed::Handshake => "connect()",
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

fn probes(asked: Asked, count: u32) -> String {
    let kind = match asked {
        Asked::Presence => "keepalive probe",
        Asked::Window => "window probe",
    };
    match count {
        1 => format!("a {kind}"),
        _ => format!("{count} {kind}s"),
    }
}

fn times(count: u32) -> String {
    match count {
        1 => "once".into(),
        2 => "twice".into(),
        _ => format!("{count} times"),
    }
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}
