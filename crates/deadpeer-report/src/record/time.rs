//! Times as text that needs no memory of its own: a million stories have twenty million of them.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time as RFC 3339 writes it, in UTC, with nanoseconds at most.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Time {
    text: [u8; Self::LONGEST],
    length: u8,
}

impl Time {
    /// The length of `2024-05-01T10:55:50.123456789Z`.
    pub const LONGEST: usize = 30;

    /// One with nanoseconds, as text in ASCII.
    #[must_use]
    pub fn of(text: [u8; Self::LONGEST]) -> Self {
        let length = Self::LONGEST as u8;
        Self { text, length }
    }

    fn read(said: &str) -> Option<Self> {
        let mut text = [0; Self::LONGEST];
        let there = text.get_mut(..said.len())?;
        there.copy_from_slice(said.as_bytes());
        let length = said.len() as u8;
        Some(Self { text, length })
    }

    /// The same as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.text[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let said = String::deserialize(deserializer)?;
        Self::read(&said).ok_or_else(|| D::Error::custom(format!("no time: {said:?}")))
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_was_written() {
        for text in ["2024-05-01T10:55:50.123456789Z", "2024-05-01T10:55:50Z"] {
            let json = format!("{text:?}");
            let time: Time = serde_json::from_str(&json).unwrap();
            assert_eq!(time.as_str(), text);
            assert_eq!(serde_json::to_string(&time).unwrap(), json);
        }
        let longer = "\"2024-05-01T10:55:50.1234567891Z\"";
        assert!(serde_json::from_str::<Time>(longer).is_err());
    }
}
