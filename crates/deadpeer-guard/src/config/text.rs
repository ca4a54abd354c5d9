//! The words of a configuration that are no plain values.

use std::time::Duration;

use deadpeer_host::Namespace;
use deadpeer_report::{duration, middlebox};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::event::Mode;

/// A duration as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time(pub(super) Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a duration goes in quotes, for example \"30s\"")]
        enum Quoted {
            Text(String),
        }
        let Quoted::Text(text) = Quoted::deserialize(from)?;
        let time = duration::parse(&text);
        time.map(Self)
            .map_err(|why| D::Error::custom(format!("{text}: {why}")))
    }
}

/// The idle limit of a box in the path, by its name or as a duration.
pub(super) fn idle_limit<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    let limit = middlebox::parse(&text);
    limit
        .map(Some)
        .map_err(|why| D::Error::custom(format!("{text}: {why}")))
}

/// Network namespaces, one or a list, each a name of `ip netns`, a path, the number of a process,
/// or `own`.
pub(super) fn namespaces<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Namespace>, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "a name, a path, the number of a process, or a list of them"
    )]
    enum Ways {
        One(Way),
        Several(Vec<Way>),
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Way {
        Process(u32),
        Text(String),
    }
    let ways = match Ways::deserialize(from)? {
        Ways::One(one) => vec![one],
        Ways::Several(several) => several,
    };
    let namespace = |way| match way {
        Way::Process(pid) => Ok(Namespace::Process(pid)),
        Way::Text(text) if text.is_empty() => Err(D::Error::custom("netns: it is empty")),
        Way::Text(text) if text == "own" => Ok(Namespace::Own),
        Way::Text(text) => text.parse().map_err(D::Error::custom),
    };
    ways.into_iter().map(namespace).collect()
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::named(&text)
            .ok_or_else(|| D::Error::custom(format!("{text}: it must be off, observe or enforce")))
    }
}
