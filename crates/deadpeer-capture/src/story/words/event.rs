//! The events of a timeline as phrases.

use super::count::{probes, size, times, waits};
use super::length::Length;
use super::reset::reset_words;
use crate::story::{Event, Happening};
use crate::talk::{Resent, Side, What};

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
            Happening::Unheard(count) => format!(
                "{side} asks again {}, as if it had not been answered: the answers do not arrive",
                times(*count)
            ),
            Happening::Repeated(count) => format!(
                "{side} acknowledges the same {} in {length}: keepalive probes, or answers to some that the capture lacks",
                times(*count)
            ),
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
            Self::Exchange { bytes, resent, .. } => exchanged(*bytes, *resent, length),
            Self::Answered {
                asked,
                count,
                fastest,
                slowest,
            } => {
                let probes = probes(*asked, *count);
                let fastest = Length::of(*fastest).to_string();
                let slowest = Length::of(*slowest).to_string();
                match fastest == slowest {
                    true => format!("{side} sends {probes}, answered in {slowest}"),
                    false => format!("{side} sends {probes}, answered in {fastest} to {slowest}"),
                }
            }
            Self::Unanswered { asked, count } => {
                let probes = probes(*asked, *count);
                match *count > 1 {
                    true => format!("{side} sends {probes} in {length}, unanswered"),
                    false => format!("{side} sends {probes}, unanswered"),
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
                let waits = match *count > 1 {
                    true => format!(
                        ", waiting {}",
                        waits((*first_wait).into(), (*last_wait).into())
                    ),
                    false => format!(" after {}", Length::of(*first_wait)),
                };
                let end = match *acknowledged {
                    true => "then it is acknowledged",
                    false => "unanswered",
                };
                format!("{side} sends {what} again {times}{waits}, {end}")
            }
            Self::MuteProbes { count } => format!(
                "{side} sends a segment without data {}, which nobody has to answer: a PSH without data or with the next \
                 sequence number is no keepalive probe",
                times(*count)
            ),
            Self::OlderConnection { count } => format!(
                "{side} answers the SYN {} with an acknowledgment of an older connection between the same ports",
                times(*count)
            ),
            Self::AnotherAnswer { count } => format!(
                "{side} answers the SYN {} with another sequence number: a second host or process, which is not taken",
                times(*count)
            ),
            Self::WindowShut => {
                format!("{side}'s window is closed for {length}: its application does not read")
            }
            Self::IcmpError { kind, count, .. } => {
                let kind = kind.words();
                let times = if *count > 1 {
                    format!(", {}", times(*count))
                } else {
                    String::new()
                };
                format!("an ICMP error tells the {side}: {kind}{times}")
            }
            Self::LeftOut { episodes } => format!("{episodes} more episodes in {length}"),
        }
    }
}

/// How many bytes each side sent.
fn exchanged(bytes: [u64; 2], resent: u32, length: Length) -> String {
    let [client, server] = bytes.map(size);
    let mut said = match bytes {
        [_, 0] => format!("client sends {client}"),
        [0, _] => format!("server sends {server}"),
        _ => format!("client sends {client}, server {server}"),
    };
    if !length.0.is_zero() {
        said += &format!(", in {length}");
    }
    if resent > 0 {
        let segments = if resent == 1 { "segment" } else { "segments" };
        said += &format!(", {resent} {segments} sent again");
    }
    said
}
