//! The settings that showed, as a list.

use super::count::probes;
use super::length::Length;
use crate::story::{Guess, Settings};
use crate::talk::Asked;

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
            let range = match least == most {
                true => String::new(),
                false => format!(" to {}", Length(most)),
            };
            let least = Length(least);
            format!("gives up {least}{range} after its first retransmission timeout")
        }));
        (!said.is_empty()).then(|| said.join(", "))
    }
}
