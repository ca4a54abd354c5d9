//! Stories that are one: many SYNs of a scan, many connections that ended after the same idle time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::evidence::{Evidence, Untold};
use super::{Story, limits};
use crate::Endpoint;
use crate::talk::Side;

/// So many SYNs of one host to different ports or hosts are a scan.
const SCAN: usize = 5;
/// So many SYNs of different hosts to one port are a flood.
const FLOOD: usize = 20;
/// So many ends of a kind are told together.
const ALIKE: usize = 2;

/// Stories that are one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// What they have in common.
    pub what: Common,
    /// The numbers of their connections.
    pub connections: Vec<u64>,
}

/// What stories have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Common {
    /// One host asked so many ports of another, and none answered.
    PortScan {
        /// Who asked.
        client: IpAddr,
        /// Who was asked.
        server: IpAddr,
        /// How many different ports.
        ports: usize,
    },
    /// One host asked the same port of so many hosts, and none answered.
    HostScan {
        /// Who asked.
        client: IpAddr,
        /// Which port.
        port: u16,
        /// How many different hosts.
        hosts: usize,
    },
    /// So many hosts asked one port, and none was answered.
    SynFlood {
        /// Which.
        server: Endpoint,
        /// How many different hosts.
        hosts: usize,
    },
    /// They were reset after the same idle time.
    IdleReset {
        /// The server of all of them.
        server: Endpoint,
        /// The idle time in whole seconds.
        seconds: u64,
    },
}

impl Common {
    /// Whether nothing but SYNs was seen: nobody hung.
    #[must_use]
    pub fn is_scan(&self) -> bool {
        !matches!(self, Self::IdleReset { .. })
    }
}

/// The groups among some stories, largest first.
#[must_use]
pub fn groups(stories: &[Story]) -> Vec<Group> {
    let mut found = scans(stories);
    found.extend(idle_resets(stories));
    found.sort_by_key(|group| std::cmp::Reverse(group.connections.len()));
    found
}

fn scans(stories: &[Story]) -> Vec<Group> {
    let lone: Vec<&Story> = stories
        .iter()
        .filter(|story| story.verdict.untold == Some(Untold::LoneSyn))
        .collect();
    let (ports, rest) = split(&lone, SCAN, |story| {
        let [client, server] = story.ends;
        ((client.address, server.address), u128::from(server.port))
    });
    let (hosts, rest) = split(&rest, SCAN, |story| {
        let [client, server] = story.ends;
        ((client.address, u128::from(server.port)), server.address)
    });
    let (floods, _) = split(&rest, FLOOD, |story| {
        let [client, server] = story.ends;
        ((server.address, u128::from(server.port)), client.address)
    });
    let ports = ports.into_iter().map(|(members, ports)| {
        let [client, server] = members[0].ends.map(Endpoint::address);
        (
            members,
            Common::PortScan {
                client,
                server,
                ports,
            },
        )
    });
    let hosts = hosts.into_iter().map(|(members, hosts)| {
        let [client, server] = members[0].ends;
        let (client, port) = (client.address(), server.port);
        (
            members,
            Common::HostScan {
                client,
                port,
                hosts,
            },
        )
    });
    let floods = floods.into_iter().map(|(members, hosts)| {
        let server = members[0].end(Side::Server);
        (members, Common::SynFlood { server, hosts })
    });
    ports.chain(hosts).chain(floods).map(group).collect()
}

fn group((members, what): (Vec<&Story>, Common)) -> Group {
    Group {
        what,
        connections: members.iter().map(|story| story.number).collect(),
    }
}

/// Those that share a key with at least `least` different values, with their number; and the others.
type Split<'a> = (Vec<(Vec<&'a Story>, usize)>, Vec<&'a Story>);

fn split<'a>(
    stories: &[&'a Story],
    least: usize,
    key: impl Fn(&Story) -> ((u128, u128), u128),
) -> Split<'a> {
    let mut by_key: BTreeMap<_, (Vec<&Story>, BTreeSet<u128>)> = BTreeMap::new();
    for story in stories {
        let (key, value) = key(story);
        let (members, values) = by_key.entry(key).or_default();
        members.push(story);
        values.insert(value);
    }
    let (mut alike, mut others) = (Vec::new(), Vec::new());
    for (members, values) in by_key.into_values() {
        if values.len() >= least {
            alike.push((members, values.len()));
        } else {
            others.extend(members);
        }
    }
    (alike, others)
}

fn idle_resets(stories: &[Story]) -> Vec<Group> {
    let mut by_key: BTreeMap<_, Vec<&Story>> = BTreeMap::new();
    for story in stories.iter().filter(|story| story.verdict.reset.is_some()) {
        let round = story.verdict.evidence.iter().find_map(|evidence| {
            let Evidence::Idle { silence, .. } = evidence else {
                return None;
            };
            limits::known(*silence)
        });
        if let Some(seconds) = round {
            let key = (story.end(Side::Server), seconds);
            by_key.entry(key).or_default().push(story);
        }
    }
    let alike = by_key
        .into_iter()
        .filter(|(_, members)| members.len() >= ALIKE);
    alike
        .map(|((server, seconds), members)| group((members, Common::IdleReset { server, seconds })))
        .collect()
}
