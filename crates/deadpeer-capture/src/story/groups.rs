//! Stories that are one: many SYNs of a scan, many connections that ended after the same idle time.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use super::evidence::Evidence;
use super::{Forgets, StoryVerdict, limits};
use crate::Endpoint;

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

/// Looks for groups among stories that pass, and remembers of each no more than that takes.
#[derive(Debug, Default)]
pub struct Grouping {
    lone: Vec<Lone>,
    /// The ends of all others.
    spoken: Vec<[IpAddr; 2]>,
    resets: BTreeMap<(Endpoint, u64), Vec<u64>>,
}

/// A connection of which there is nothing but a SYN.
#[derive(Debug, Clone, Copy)]
struct Lone {
    number: u64,
    ends: [Endpoint; 2],
    /// Whether the capture went on until an answer was overdue.
    overdue: bool,
}

impl Grouping {
    /// The verdict on a connection, with its number and its ends (client and server). Those of the
    /// others count too: who speaks in them may have been opening many when the capture ended.
    pub fn take(&mut self, number: u64, ends: [Endpoint; 2], verdict: &StoryVerdict) {
        if verdict.lone_syn {
            let overdue = verdict.untold.is_some();
            self.lone.push(Lone {
                number,
                ends,
                overdue,
            });
        } else {
            self.spoken.push(ends.map(|end| end.address()));
        }
        if verdict.reset.is_some() {
            let idle = verdict.evidence.iter().find_map(|evidence| {
                let Evidence::Idle { silence, forgets } = evidence else {
                    return None;
                };
                // What a host does with its own connections is no trouble on the way.
                let known = limits::known(*silence, *forgets);
                known.filter(|_| *forgets != Forgets::OwnHost)
            });
            if let Some(seconds) = idle {
                let [_, server] = ends;
                self.resets
                    .entry((server, seconds))
                    .or_default()
                    .push(number);
            }
        }
    }

    /// The groups, largest first.
    #[must_use]
    pub fn groups(self) -> Vec<Group> {
        let speakers = speakers(&self.lone, &self.spoken);
        let mut found = scans(self.lone, &speakers);
        let alike = self.resets.into_iter();
        let alike = alike.filter(|(_, connections)| connections.len() >= ALIKE);
        found.extend(alike.map(|((server, seconds), connections)| Group {
            what: Common::IdleReset { server, seconds },
            connections,
        }));
        found.sort_by_key(|group| std::cmp::Reverse(group.connections.len()));
        found
    }
}

type Hosts = HashSet<IpAddr, foldhash::fast::RandomState>;

/// Of the ends of lone SYNs, those that had another connection too.
fn speakers(lone: &[Lone], spoken: &[[IpAddr; 2]]) -> Hosts {
    let hosts = lone.iter().flat_map(|lone| lone.ends);
    let hosts: Hosts = hosts.map(|end| end.address()).collect();
    if hosts.is_empty() {
        return hosts;
    }
    let spoken = spoken.iter().flatten().copied();
    spoken.filter(|host| hosts.contains(host)).collect()
}

fn scans(lone: Vec<Lone>, speakers: &Hosts) -> Vec<Group> {
    let (ports, rest) = split(lone, SCAN, |[client, server]| {
        ((client.bits(), server.bits()), u128::from(server.port))
    });
    let may_scan =
        |lone: &Lone, host: usize| lone.overdue || !speakers.contains(&lone.ends[host].address());
    let (rest, mut busy): (Vec<_>, Vec<_>) = rest.into_iter().partition(|one| may_scan(one, 0));
    let (hosts, mut rest) = split(rest, SCAN, |[client, server]| {
        ((client.bits(), u128::from(server.port)), server.bits())
    });
    rest.append(&mut busy);
    rest.retain(|one| may_scan(one, 1));
    let (floods, _) = split(rest, FLOOD, |[client, server]| {
        ((server.bits(), u128::from(server.port)), client.bits())
    });
    let group = |members: Vec<Lone>, what: &dyn Fn([Endpoint; 2]) -> Common| Group {
        what: what(members[0].ends),
        connections: members.iter().map(|lone| lone.number).collect(),
    };
    let ports = ports.into_iter().map(|(members, ports)| {
        group(members, &|[client, server]| Common::PortScan {
            client: client.address(),
            server: server.address(),
            ports,
        })
    });
    let hosts = hosts.into_iter().map(|(members, hosts)| {
        group(members, &|[client, server]| Common::HostScan {
            client: client.address(),
            port: server.port,
            hosts,
        })
    });
    let floods = floods
        .into_iter()
        .map(|(members, hosts)| group(members, &|[_, server]| Common::SynFlood { server, hosts }));
    ports.chain(hosts).chain(floods).collect()
}

/// Those that share a key with at least `least` different values, with their number; and the
/// others.
type Split = (Vec<(Vec<Lone>, usize)>, Vec<Lone>);

fn split(
    lone: Vec<Lone>,
    least: usize,
    key: impl Fn([Endpoint; 2]) -> ((u128, u128), u128),
) -> Split {
    let mut by_key: BTreeMap<_, (Vec<Lone>, BTreeSet<u128>)> = BTreeMap::new();
    for one in lone {
        let (key, value) = key(one.ends);
        let (members, values) = by_key.entry(key).or_default();
        members.push(one);
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
