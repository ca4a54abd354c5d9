//! Durations in scenario files: `time = "300ms"`.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, de::Error as _};

/// Reads a duration as people write it.
pub(crate) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(&text).map_err(|_| {
        D::Error::custom(format!(
            "{text:?} is no duration, write for example 300ms or 1s"
        ))
    })
}

/// Reads a duration that may be left out.
pub(crate) fn read_some<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    read(from).map(Some)
}
