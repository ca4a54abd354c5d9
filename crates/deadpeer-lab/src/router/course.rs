//! The way of a packet through the rules, and what each of them does to it.

use std::time::Duration;

use super::bucket::Rate;
use super::packet::ETHERNET;
use super::state::Active;
use super::{Action, Decision, Emission, Link, Lost, Packet, Reject, answer};

/// A packet on its way through the rules.
pub(super) struct Course<'a> {
    link: Link,
    exit: Link,
    packet: Packet<'a>,
    /// What leaves: the packet, perhaps with a broken bit.
    frame: Vec<u8>,
    arrived: Duration,
    /// When it leaves, as far as the rules so far have it.
    at: Duration,
}

/// What a rule leaves of a course.
enum Fate {
    On,
    Out,
    Gone,
}

/// Takes a course through these rules to its end.
pub(super) fn walk(rules: &mut [Active], mut course: Course<'_>, decision: &mut Decision) {
    for place in 0..rules.len() {
        let (passed, rest) = rules.split_at_mut(place + 1);
        let Some(active) = passed.last_mut() else {
            break;
        };
        let (from, to) = (course.link.end, course.exit.end);
        let holds = active.rule.when.holds(&course.packet, from, to);
        if !holds || !active.pick(course.packet.ports()) {
            continue;
        }
        if let Action::Duplicate { copies, apart } = active.rule.action {
            active.note(decision);
            for copy in 1..=copies {
                walk(rest, course.copy(apart * copy), decision);
            }
            continue;
        }
        match active.act(&mut course, decision) {
            Fate::On => {}
            Fate::Out => break,
            Fate::Gone => {
                active.ended += 1;
                return;
            }
        }
    }
    decision.emissions.push(course.leave());
}

impl Active {
    fn act(&mut self, course: &mut Course<'_>, decision: &mut Decision) -> Fate {
        let direction = (course.link.end, course.exit.end);
        match self.rule.action {
            Action::Pass => {
                self.note(decision);
                Fate::Out
            }
            Action::Drop => {
                self.note(decision);
                Fate::Gone
            }
            Action::Delay { by, jitter } => {
                self.note(decision);
                let last = self.released.entry(direction).or_default();
                course.at = (course.at + by + self.chance.part_of(jitter)).max(*last);
                *last = course.at;
                Fate::On
            }
            Action::Reorder { by } => {
                self.note(decision);
                course.at += by;
                Fate::On
            }
            Action::Corrupt => {
                self.note(decision);
                let carried = course.packet.transport_at..course.frame.len();
                if !carried.is_empty() {
                    let bit = self.chance.below(carried.len() as u64 * 8) as usize;
                    course.frame[carried.start + bit / 8] ^= 1 << (bit % 8);
                }
                Fate::On
            }
            Action::Reject(how) => {
                self.note(decision);
                course.turn_away(how, decision);
                Fate::Gone
            }
            Action::Limit {
                bits_per_s,
                burst_bytes,
                queue_bytes,
            } => {
                let rate = Rate {
                    bits_per_s,
                    burst_bytes,
                    queue_bytes,
                };
                self.limit(rate, course, decision)
            }
            Action::Track { idle, lost } => {
                if self.flows.admits(&course.packet, course.arrived, idle) {
                    return Fate::On;
                }
                self.note(decision);
                match lost {
                    Lost::Silent => {}
                    Lost::Reset => course.turn_away(Reject::Reset, decision),
                }
                Fate::Gone
            }
            Action::Duplicate { .. } => Fate::On,
        }
    }

    /// Waits in the queue of its direction, if that has room.
    fn limit(&mut self, rate: Rate, course: &mut Course<'_>, decision: &mut Decision) -> Fate {
        let direction = (course.link.end, course.exit.end);
        let bucket = self.buckets.entry(direction).or_default();
        let leaves = bucket.take(course.frame.len() as u64, course.at, rate);
        if leaves != Some(course.at) {
            self.note(decision);
        }
        let Some(leaves) = leaves else {
            return Fate::Gone;
        };
        course.at = leaves;
        Fate::On
    }
}

impl<'a> Course<'a> {
    pub(super) fn new(link: Link, exit: Link, packet: Packet<'a>, now: Duration) -> Self {
        Self {
            link,
            exit,
            packet,
            frame: packet.frame.to_vec(),
            arrived: now,
            at: now,
        }
    }

    fn copy(&self, later: Duration) -> Self {
        Self {
            frame: self.frame.clone(),
            at: self.at + later,
            ..*self
        }
    }

    fn turn_away(&self, how: Reject, decision: &mut Decision) {
        let answer = answer::rejection(&self.packet, &self.link, how);
        decision.emissions.extend(answer.map(|frame| Emission {
            at: self.at,
            to: self.link.end,
            frame,
        }));
    }

    /// The frame for the next link: its Ethernet addresses, and one hop less.
    fn leave(mut self) -> Emission {
        let (destination, rest) = self.frame.split_at_mut(6);
        destination.copy_from_slice(&self.exit.host.mac);
        rest[..6].copy_from_slice(&self.exit.gateway.mac);
        let ip = &mut self.frame[ETHERNET..];
        if self.packet.source.is_ipv4() {
            ip[8] -= 1;
            let sum = u16::from_be_bytes([ip[10], ip[11]]);
            ip[10..12].copy_from_slice(&one_hop_less(sum).to_be_bytes());
        } else {
            ip[7] -= 1;
        }
        Emission {
            at: self.at,
            to: self.exit.end,
            frame: self.frame,
        }
    }
}

/// The checksum of an IPv4 header after its time to live fell by one: RFC 1624 equation 3 for the
/// word of time to live and protocol, which falls by 0x0100.
fn one_hop_less(sum: u16) -> u16 {
    let (raised, carry) = sum.overflowing_add(0x0100);
    raised + u16::from(carry)
}
