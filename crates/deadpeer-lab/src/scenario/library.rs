//! The scenarios that come with deadpeer, in the order in which they are shown.

use super::{Scenario, ScenarioError};

macro_rules! embedded {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../scenarios/", $name, ".toml")))),*]
    };
}

const FILES: &[(&str, &str)] = embedded! {
    // The peer says goodbye, or its kernel does.
    "orderly-close" "killed" "killed-unread" "abort"
    // The path is gone, silently.
    "cable-pulled" "silent-drop" "silent-drop-ours" "silent-drop-theirs" "nat-lost" "power-off"
    // The path is gone, and somebody says so.
    "far-link-down" "icmp-host" "icmp-network" "icmp-prohibited" "icmp-port" "reject-reset" "nat-lost-reset" "reboot"
    // It is on our side.
    "no-carrier" "own-interface-down" "own-address-removed" "own-route-removed" "destroyed"
    "proxy"
    // The peer lives.
    "not-reading" "slow-reader" "loss-5" "loss-25" "loss-40" "delay"
    "outage-third" "outage-four-fifths" "icmp-outage" "busy"
    // Apart.
    "half-close" "frozen" "fin-wait-2"
};

/// All scenarios that come with deadpeer.
///
/// # Errors
/// None in a build whose tests pass.
pub fn library() -> Result<Vec<Scenario>, ScenarioError> {
    FILES
        .iter()
        .map(|(name, text)| Scenario::parse(name, text))
        .collect()
}

/// The scenario of this name; `None` if there is none.
///
/// # Errors
/// As [`library`].
pub fn named(name: &str) -> Result<Option<Scenario>, ScenarioError> {
    let file = FILES.iter().find(|(known, _)| *known == name);
    file.map(|(name, text)| Scenario::parse(name, text))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_sound_and_listed() {
        let library = library().unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
        let files = std::fs::read_dir(folder).unwrap();
        assert_eq!(files.count(), library.len());
        for scenario in &library {
            assert!(scenario.sentence.ends_with('.'), "{}", scenario.name);
            assert!(!scenario.title.is_empty() && scenario.title.len() < 40);
        }
    }

    #[test]
    fn scenarios_are_found_by_name() {
        assert!(named("power-off").unwrap().is_some());
        assert!(named("bad-weather").unwrap().is_none());
    }
}
