//! Deaths, added up.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;
use deadpeer_core::close_reason::CloseCause;
use deadpeer_history::network;
use deadpeer_report::duration::milliseconds;
use deadpeer_report::raw::RawText;
use deadpeer_report::record::{CauseCount, Death, DeathGroup, Word};
use ipnet::IpNet;

/// What deaths are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// What they died of.
    Cause,
    /// The process, and the port it accepted them on or connected to.
    Service,
    /// The network of the peer, with the longest silence that peers there survived and the
    /// shortest that killed.
    Peer,
    /// The hour they died in.
    Hour,
}

/// Groups as they fill.
#[derive(Debug)]
pub(super) struct Groups {
    by: By,
    groups: HashMap<Key, Group>,
}

/// What the deaths of a group have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Cause(Word),
    Service(Option<RawText>, Word, u16),
    Peer(IpNet),
    /// Up to the hour, RFC 3339.
    Hour(String),
}

#[derive(Debug, Default)]
struct Group {
    deaths: u64,
    causes: HashMap<Word, u64>,
    last_at: String,
    fatal_silence_ms: Option<u64>,
}

impl Groups {
    pub(super) fn by(by: By) -> Self {
        Self {
            by,
            groups: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, death: Death) {
        let Some(key) = self.key(&death) else { return };
        let group = self.groups.entry(key).or_default();
        group.deaths += 1;
        if was_given_up(&death) {
            let shortest = [group.fatal_silence_ms, death.silent_ms];
            group.fatal_silence_ms = shortest.into_iter().flatten().min();
        }
        *group.causes.entry(death.cause).or_default() += 1;
        group.last_at = death.at;
    }

    /// The largest first; hours in their order. `survived`: the longest silences by network.
    pub(super) fn into_records(self, survived: &[(IpNet, Duration)]) -> Vec<DeathGroup> {
        let mut groups: Vec<(Key, Group)> = self.groups.into_iter().collect();
        match self.by {
            By::Hour => groups.sort_by(|(one, _), (other, _)| one.cmp(other)),
            By::Cause | By::Service | By::Peer => {
                groups.sort_by(|(a, one), (b, other)| {
                    (Reverse(one.deaths), a).cmp(&(Reverse(other.deaths), b))
                });
            }
        }
        let record = |(key, group): (Key, Group)| group.into_record(key, survived);
        groups.into_iter().map(record).collect()
    }

    /// `None`: somebody has written what deadpeer does not write.
    fn key(&self, death: &Death) -> Option<Key> {
        let end = |text: &str| text.parse::<SocketAddr>().ok();
        Some(match self.by {
            By::Cause => Key::Cause(death.cause.clone()),
            By::Service => {
                let process = death.owner.as_ref().map(|owner| owner.process.clone());
                let of_service = match death.direction.as_ref() {
                    "outgoing" => &death.peer,
                    _ => &death.local,
                };
                Key::Service(process, death.direction.clone(), end(of_service)?.port())
            }
            By::Peer => Key::Peer(network(end(&death.peer)?.ip())),
            By::Hour => Key::Hour(death.at.get(.."2026-01-01T00".len())?.to_owned()),
        })
    }
}

/// Whether its peer answered nothing any more: the kernel gave it up, or a guard destroyed it while
/// questions were open.
fn was_given_up(death: &Death) -> bool {
    let cause = CloseCause::from_word(&death.cause);
    let by = death.destroyed_by.as_ref().map(|by| by.process.as_bytes());
    let asked = [death.tcpi_probes, death.tcpi_retransmits];
    let is_asked = asked.into_iter().flatten().any(|unanswered| unanswered > 0);
    cause.is_some_and(CloseCause::is_silence)
        || cause == Some(CloseCause::Destroyed) && by == Some(b"deadpeer".as_slice()) && is_asked
}

impl Group {
    fn into_record(self, key: Key, survived: &[(IpNet, Duration)]) -> DeathGroup {
        let mut causes: Vec<CauseCount> = (self.causes.into_iter())
            .map(|(cause, deaths)| CauseCount { cause, deaths })
            .collect();
        causes.sort_by(|one, other| {
            (Reverse(one.deaths), &one.cause).cmp(&(Reverse(other.deaths), &other.cause))
        });
        let mut record = DeathGroup {
            by: "cause".into(),
            cause: None,
            process: None,
            direction: None,
            port: None,
            network: None,
            hour: None,
            deaths: self.deaths,
            causes,
            last_at: self.last_at,
            survived_silence_ms: None,
            fatal_silence_ms: self.fatal_silence_ms,
        };
        match key {
            Key::Cause(cause) => record.cause = Some(cause),
            Key::Service(process, direction, port) => {
                record.by = "service".into();
                record.process = process;
                record.direction = Some(direction);
                record.port = Some(port);
            }
            Key::Peer(network) => {
                record.by = "peer".into();
                let longest = survived.iter().find(|(of, _)| *of == network);
                record.survived_silence_ms = longest.map(|(_, silence)| milliseconds(*silence));
                record.network = Some(network.to_string());
            }
            Key::Hour(hour) => {
                record.by = "hour".into();
                record.hour = Some(format!("{hour}:00:00Z"));
            }
        }
        record
    }
}

#[cfg(test)]
mod tests {
    use deadpeer_report::record::Line;

    use super::*;

    fn death(cause: &'static str, peer: &str, silent_ms: u64, at: &str) -> Death {
        let example = include_str!("../../../../schemas/examples/death.jsonl");
        let Ok(Line::Death(death)) = serde_json::from_str(example.lines().next().unwrap()) else {
            panic!("no death: {example}");
        };
        Death {
            cause: cause.into(),
            peer: peer.to_owned(),
            silent_ms: Some(silent_ms),
            at: at.to_owned(),
            ..*death
        }
    }

    fn groups(by: By) -> Vec<DeathGroup> {
        let mut groups = Groups::by(by);
        for (cause, peer, silent_ms, at) in [
            ("reset", "192.0.2.1:1", 1, "2026-05-28T20:59:59.9Z"),
            (
                "keepalive-unanswered",
                "192.0.2.9:2",
                9_000,
                "2026-05-28T21:00:00Z",
            ),
            (
                "keepalive-unanswered",
                "192.0.2.7:3",
                7_000,
                "2026-05-28T21:10:00Z",
            ),
            (
                "keepalive-unanswered",
                "198.51.100.1:4",
                8_000,
                "2026-05-28T22:00:00Z",
            ),
        ] {
            groups.add(death(cause, peer, silent_ms, at));
        }
        let network = "192.0.2.0/24".parse().unwrap();
        groups.into_records(&[(network, Duration::from_secs(6))])
    }

    #[test]
    fn by_peer_the_silences_stand_beside_each_other() {
        let [first, second] = &groups(By::Peer)[..] else {
            panic!("two networks");
        };
        assert_eq!(
            (first.network.as_deref(), first.deaths),
            (Some("192.0.2.0/24"), 3)
        );
        assert_eq!(first.fatal_silence_ms, Some(7_000), "a reset is no silence");
        assert_eq!(first.survived_silence_ms, Some(6_000));
        assert_eq!(first.causes[0].cause, "keepalive-unanswered");
        assert_eq!(second.survived_silence_ms, None);
    }

    /// One that was ended while its peer answered has survived no silence and died of none.
    #[test]
    fn what_a_guard_destroyed_was_given_up() {
        for (probes, fatal_silence_ms) in [(Some(9), Some(12_500)), (Some(0), None), (None, None)] {
            let mut death = death("destroyed", "192.0.2.1:1", 12_500, "2026-05-28T21:00:00Z");
            assert!(death.destroyed_by.is_some());
            death.tcpi_probes = probes;
            let mut groups = Groups::by(By::Peer);
            groups.add(death);
            let [group] = &groups.into_records(&[])[..] else {
                panic!("one network");
            };
            assert_eq!(group.fatal_silence_ms, fatal_silence_ms, "{probes:?}");
        }
    }

    #[test]
    fn by_hour_they_stand_in_order() {
        let hours: Vec<_> = groups(By::Hour)
            .into_iter()
            .map(|one| (one.hour, one.deaths))
            .collect();
        let hour = |hour: u32| Some(format!("2026-05-28T{hour}:00:00Z"));
        assert_eq!(hours, [(hour(20), 1), (hour(21), 2), (hour(22), 1)]);
    }

    #[test]
    fn by_cause_and_service_the_largest_is_first() {
        let causes: Vec<_> = groups(By::Cause)
            .into_iter()
            .map(|one| one.deaths)
            .collect();
        assert_eq!(causes, [3, 1]);
        let services = groups(By::Service);
        assert_eq!((services.len(), services[0].port), (1, Some(6379)));
    }
}
