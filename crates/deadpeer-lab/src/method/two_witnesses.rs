//! deadpeer's heartbeat beside its verdict: the kernel speaks for the peer's host, the heartbeat
//! for its program.
//!
//! The machine of `deadpeer_core::heartbeat`, driven by hand over the lab's own protocol: a byte
//! `p` is a ping, the n-th `P` answers the n-th ping, and the peer has promised to say `B` every
//! half second. It has no numbers and no greeting; the machine needs neither.

use std::time::Duration;

use deadpeer::Watch as Supervisor;
use deadpeer_core::Verdict;
use deadpeer_core::heartbeat::{Heartbeat, Hello, Received, Sent, Settings, Standing, Transmit};

use super::nominal_s;
use super::signal::Signal;
use super::watch::{WatchFailed, received};
use crate::link::Link;
use crate::peer::BEAT_EVERY;

/// A host that was asked and not heard for a fifth of the deadline is cut off: what its program
/// says is under way.
const CUT_OFF_SHARE: u32 = 5;

#[derive(Debug)]
pub(super) struct TwoWitnesses {
    deadline: Duration,
    /// It begins when the connection does.
    machine: Option<Heartbeat>,
    bytes_received: u64,
    bytes_acked: u64,
    pongs: u64,
    /// The ping that the send queue has not taken yet.
    in_hand: Option<u64>,
    /// When the peer's host was cut off last.
    cut_off: Duration,
}

impl TwoWitnesses {
    /// `None` where the peer cannot speak any more: there, its host is the only witness.
    pub(super) fn new(deadline: Duration, link: &Link) -> Option<Self> {
        link.state.peer_may_write().then(|| Self {
            deadline: Duration::from_secs(nominal_s(deadline).into()),
            machine: None,
            bytes_received: 0,
            bytes_acked: 0,
            pongs: 0,
            in_hand: None,
            cut_off: Duration::ZERO,
        })
    }

    /// Does what the machine wants and compares the witnesses.
    pub(super) fn check(
        &mut self,
        link: &mut Link,
        now: Duration,
        supervisor: &mut Supervisor,
    ) -> Result<Option<Signal>, WatchFailed> {
        if let Some(signal) = received(link) {
            return Ok(Some(signal));
        }
        if !link.is_introduced() {
            return Ok(None);
        }
        let heard = self.drive(link, now)?;
        let Some(standing) = self.standing(now) else {
            return Ok(None);
        };
        // The supervisor judges by itself, at moments of its own. Beside those it looks when the
        // program was heard, as any program does that reads: then what comes again later,
        // unacknowledged, cannot pass for an answer. And while the program is silent.
        if !heard && !matches!(standing, Standing::Silent { .. }) {
            return Ok(None);
        }
        let kernel = supervisor.verdict(&*link);
        Ok(match kernel.map(|kernel| kernel.with_heartbeat(standing)) {
            Some(Verdict::ApplicationSilent { .. }) if now >= self.cut_off + self.deadline => {
                Some(Signal::silent("program silent, kernel answers"))
            }
            Some(Verdict::Unreachable { unanswered, .. }) => Some(Signal::dead(format!(
                "unreachable, {unanswered} unanswered"
            ))),
            Some(_) | None => None,
        })
    }

    /// Tells the machine what happened; returns whether the program was heard.
    fn drive(&mut self, link: &mut Link, now: Duration) -> Result<bool, WatchFailed> {
        let info = link.info()?;
        let silence = info.heard_ago().unwrap_or_default();
        if silence > self.deadline / CUT_OFF_SHARE {
            self.cut_off = now;
        }
        let may_ask = link.state.we_may_write();
        let machine = match &mut self.machine {
            Some(machine) => machine,
            none => {
                let settings = match may_ask {
                    true => Settings::within(self.deadline),
                    false => Settings::answering(self.deadline),
                };
                let machine = none.insert(Heartbeat::new(settings.without_hello(), now));
                let promise = Hello {
                    every: Some(BEAT_EVERY),
                    floor: BEAT_EVERY,
                };
                machine.handle_received(now, Received::Hello(promise))?;
                machine
            }
        };
        if let Some(sequence) = self.in_hand.take_if(|_| link.has_pinged()) {
            machine.handle_sent(now, Sent::Ping { sequence });
        }
        let acked = info.bytes_acked.unwrap_or(0);
        if acked > self.bytes_acked {
            self.bytes_acked = acked;
            machine.handle_sent(now, Sent::Data);
        }
        if info.notsent_bytes > Some(0) {
            machine.handle_blocked(now);
        }
        let bytes = info.bytes_received.unwrap_or(0);
        let heard = bytes > self.bytes_received;
        if heard {
            self.bytes_received = bytes;
            machine.handle_received(now, Received::Data)?;
        }
        while self.pongs < u64::from(link.pongs()) {
            self.pongs += 1;
            let sequence = self.pongs;
            let echo = None;
            machine.handle_received(now, Received::Pong { sequence, echo })?;
        }
        if machine.poll_timeout().is_some_and(|wake| wake.at <= now) {
            machine.handle_timeout(now);
        }
        while let Some(transmit) = machine.poll_transmit(now) {
            if let Transmit::Ping { sequence, .. } = transmit {
                self.in_hand = Some(sequence);
                link.ping();
            }
        }
        while machine.poll_event().is_some() {}
        Ok(heard)
    }

    /// What the machine knows. A program that takes nothing is silent when it says nothing either.
    fn standing(&self, now: Duration) -> Option<Standing> {
        let standing = self.machine.as_ref()?.standing(now);
        if let Standing::Stuck { age, .. } = standing
            && age >= self.deadline
        {
            return Some(Standing::Silent { age, unanswered: 0 });
        }
        Some(standing)
    }
}
