//! One word, or a few, for each thing that has a name.

use super::length::Length;
use crate::dissect::IcmpKind;
use crate::story::{Ending, Gone, Note, Noticed};
use crate::talk::{Kind, Side};

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

impl Note {
    /// One phrase for a person.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Stalled(side, length) => {
                format!("what the {side} sent stalled for {}", Length(length))
            }
            Self::WindowClosed(side, length) => {
                format!("the {side}'s window was closed for {}", Length(length))
            }
            Self::OlderConnection(side) => format!(
                "the {side} still knew an older connection between the same ports and answered the SYN for that: a stale acknowledgment"
            ),
            Self::AnotherAnswer(side) => format!(
                "the {side}'s SYN and its repetition were answered by two hosts or processes"
            ),
            Self::Unasked(length) => format!("silent for {}, nobody asked", Length(length)),
        }
    }
}

impl IcmpKind {
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
            Self::NoReader(_) => "no-reader",
            Self::GaveUp(_) => "gave-up",
            Self::StillTrying(_) => "still-trying",
            Self::Replaced => "replaced",
        }
    }
}

impl Gone {
    /// One word for filters, labels and JSON; `None` for nobody, and where the capture does not
    /// tell.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Nobody | Self::Unknown => None,
            Self::Side(Side::Client) => Some("client"),
            Self::Side(Side::Server) => Some("server"),
            Self::NotReceiving(Side::Client) => Some("way-to-client"),
            Self::NotReceiving(Side::Server) => Some("way-to-server"),
            Self::Path => Some("path"),
            Self::Connection => Some("connection"),
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
            Self::Router => "router",
            Self::Application => "application",
            Self::Nobody => "nobody",
        })
    }
}
