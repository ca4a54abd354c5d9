//! What a RST says, and what speaks against it.

use super::length::Length;
use crate::talk::{Kind, Reset};

/// Why a RST may not come from the side that it names.
impl Reset {
    /// What speaks for a forgery, one phrase each.
    #[must_use]
    pub fn suspicions(&self) -> Vec<String> {
        let mut said = Vec::new();
        if let Some((usual, seen)) = self.other_distance {
            said.push(format!(
                "it came {}, the {}'s other packets {}",
                hops(seen),
                self.side,
                hops(usual)
            ));
        }
        if let Some((took, fastest)) = self.too_quick {
            said.push(format!(
                "it came after {}, the {}'s fastest answer after {}",
                Length(took),
                self.side,
                Length(fastest)
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

pub(super) fn hops(count: u8) -> String {
    match count {
        1 => "1 hop".into(),
        count => format!("{count} hops"),
    }
}

/// What a RST says.
pub(super) fn reset_words(reset: &Reset) -> String {
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
                    Kind::Data => "the data",
                    Kind::Retransmission => "what was sent again",
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
                format!("a RST in the {side}'s name answers {what}: no such connection is known")
            }
            None if reset.acknowledges => format!("{side} ends it with a RST"),
            None => format!("{side} sends a RST"),
        }
    };
    let suspicions = reset.suspicions();
    if reset.is_forged() && !suspicions.is_empty() {
        said += ": ";
        said += &suspicions.join(", ");
    }
    said
}
