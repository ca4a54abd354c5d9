//! What a story must say of a connection, from what the lab did and what our kernel made of it.
//!
//! Our end is the client in every experiment, the peer's the server.

mod fault;

use std::time::Duration;

use deadpeer_capture::Side;
use deadpeer_core::Cause;

use self::fault::{Fault, Gone};
use super::{At, Truth};
use crate::matrix::{Ended, Life};
use crate::scenario::Fate;
use crate::state::State;

/// What a story may say. An empty list: nothing is asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    pub(super) gone: Vec<Gone>,
    pub(super) endings: Vec<&'static str>,
    pub(super) noticed: Vec<Option<&'static str>>,
    /// When our program was told, since 1970: between these two.
    pub(super) noticed_at: Option<(Duration, Duration)>,
    pub(super) cause: Option<Cause>,
    /// When our kernel gave up, since 1970, where no packet says so: it shows by the next question
    /// not coming, for which it may have waited as long again.
    pub(super) silent_since: Option<Duration>,
    /// Who was gone was not heard after this, since 1970.
    pub(super) heard_until: Option<Duration>,
    /// Nothing of this side arrived after this, since 1970, on any connection.
    pub(super) silent_to_all: Option<(Side, Duration)>,
}

/// What a capture at one end must tell of a connection; `None`: the scenario is not of the library,
/// or its connection is not in that capture.
pub(super) fn expected(truth: &Truth, life: &Life, at: At) -> Option<Expected> {
    let case = Case {
        truth,
        life,
        at,
        fault: Fault::of(&truth.scenario)?,
    };
    let expected = match at {
        At::Ours => case.at_ours(),
        // The relay's connection is another one.
        At::Theirs if case.fault == Fault::Relayed => return None,
        At::Theirs => case.at_theirs(),
    };
    Some(Expected {
        silent_to_all: case
            .fault
            .silences(at)
            .map(|side| (side, truth.struck_at + UNDER_WAY)),
        ..expected
    })
}

struct Case<'a> {
    truth: &'a Truth,
    life: &'a Life,
    at: At,
    fault: Fault,
}

impl Case<'_> {
    fn at_ours(&self) -> Expected {
        let cause = self
            .life
            .errno
            .and_then(|errno| Cause::from_errno(errno, None));
        match (self.life.ended, cause) {
            (Some(ended), Some(Cause::Reset | Cause::ResetAfterFin)) => self.reset(ended, cause),
            (Some(ended), Some(Cause::Refused)) if !self.router_speaks() => Expected {
                gone: vec![None],
                endings: vec!["refused"],
                ..self.told(ended, cause)
            },
            (Some(_), Some(Cause::Destroyed)) => self.destroyed(),
            (Some(ended), Some(cause)) => self.given_up(ended, cause),
            (Some(_), None) => Expected {
                gone: vec![None],
                endings: vec!["closed"],
                ..Expected::default()
            },
            (None, _) => self.still_there(),
        }
    }

    /// Our kernel lost patience.
    fn given_up(&self, ended: Ended, cause: Cause) -> Expected {
        if self.fault.is_our_machines() {
            return self.unseen();
        }
        // A user timeout takes a closed window for silence.
        let was_there =
            matches!(self.fault, Fault::Passing | Fault::Relayed) && self.life.behind_a_window();
        let mut gone = self.fault.gone(self.at).to_vec();
        if was_there {
            gone.push(None);
        }
        Expected {
            gone,
            endings: vec!["gave-up"],
            noticed: self.noticed_by(ended),
            silent_since: (!self.says_so(ended)).then_some(ended.before),
            heard_until: self.heard_until(),
            ..self.told(ended, Some(cause))
        }
    }

    /// Whether a packet says that our kernel gave up: only keepalive sends a RST.
    fn says_so(&self, ended: Ended) -> bool {
        self.noticed_by(ended) == [Some("keepalive")]
    }

    /// Which of the kernel's timers it was, or a router's word.
    fn noticed_by(&self, ended: Ended) -> Vec<Option<&'static str>> {
        let at_once = self.life.method.as_deref() == Some("ip-recverr");
        vec![Some(match self.life.state {
            _ if self.router_speaks() && at_once => "router",
            State::Connecting if self.router_speaks() => "router",
            State::Connecting if ended.probes == 0 => "handshake",
            _ if ended.retransmits > 0 => "retransmission",
            State::ZeroWindow => "window-probes",
            State::Sending if ended.probes > 0 || self.life.behind_a_window() => "window-probes",
            State::Idle
            | State::OneWrite
            | State::Sending
            | State::OnlyReading
            | State::HalfClosedByUs
            | State::HalfClosedByPeer
            | State::Connecting => "keepalive",
        })]
    }

    fn reset(&self, ended: Ended, cause: Option<Cause>) -> Expected {
        // Its peer had been heard a moment ago.
        let busy = ended.before < self.truth.struck_at + UNDER_WAY;
        let endings = match self.fault {
            Fault::Closed => vec!["no-reader", "aborted"],
            Fault::Aborted => vec!["aborted"],
            // After a FIN it may as well have closed the other half too.
            Fault::Forgotten if self.life.state == State::HalfClosedByPeer => {
                vec!["forgotten", "no-reader"]
            }
            // Who spoke a moment ago may as well have aborted it.
            Fault::Forgotten if busy => vec!["forgotten", "aborted"],
            Fault::Forgotten => vec!["forgotten"],
            // Of a connection that the peer never knew, or gave up itself.
            Fault::BothWays
            | Fault::TheirNetwork
            | Fault::Ours
            | Fault::Theirs
            | Fault::OurNetwork
            | Fault::OurAddress
            | Fault::Destroyed
            | Fault::Relayed
            | Fault::Passing => vec!["aborted", "forgotten", "gave-up"],
        };
        let mut gone = self.fault.gone(self.at).to_vec();
        if self.life.state == State::HalfClosedByPeer || self.fault == Fault::Forgotten && busy {
            gone.push(None);
        }
        Expected {
            gone,
            endings,
            ..self.told(ended, cause)
        }
    }

    fn destroyed(&self) -> Expected {
        if self.life.state == State::Connecting {
            // A SYN that nobody answers is not sent again: no packet says so.
            return self.unseen();
        }
        Expected {
            gone: vec![None],
            endings: vec!["aborted"],
            ..Expected::default()
        }
    }

    /// What our kernel did was in no packet. Before the fault, the lab held the SYNs of those who
    /// were connecting.
    fn unseen(&self) -> Expected {
        let mut gone = self.fault.gone(self.at).to_vec();
        gone.push(None);
        if self.life.state == State::Connecting {
            gone.push(Some("server"));
        }
        Expected {
            gone,
            ..Expected::default()
        }
    }

    /// Our kernel still had it when the experiment ended.
    fn still_there(&self) -> Expected {
        if self.fault.is_our_machines() {
            return self.unseen();
        }
        let dies = self.truth.peer == Fate::Gone;
        let in_vain = self.life.asked_in_vain;
        if !dies || in_vain == 0 && self.fault != Fault::Ours {
            return Expected {
                gone: vec![None],
                endings: vec!["open", "half-closed"],
                ..Expected::default()
            };
        }
        let mut gone = self.fault.gone(self.at).to_vec();
        if in_vain < 2 {
            gone.push(None);
        }
        Expected {
            endings: if in_vain < 2 {
                vec![]
            } else {
                vec!["still-trying"]
            },
            noticed: if in_vain < 2 {
                vec![]
            } else {
                vec![Some("nobody")]
            },
            gone,
            heard_until: self.heard_until(),
            ..Expected::default()
        }
    }

    fn at_theirs(&self) -> Expected {
        let mut gone = self.fault.gone(At::Theirs).to_vec();
        let asks = self.life.state.peer_may_write() && self.truth.scenario != "power-off";
        let silent = matches!(
            self.fault,
            Fault::BothWays | Fault::Ours | Fault::Theirs | Fault::OurNetwork | Fault::OurAddress
        );
        // Who asked to open is not blamed for not going on.
        if !(silent && asks) || self.life.state == State::Connecting {
            gone.push(None);
        }
        let false_alarm = self.life.ended.is_some();
        if self.fault == Fault::Passing && !false_alarm {
            gone = vec![None];
        }
        Expected {
            gone,
            heard_until: silent.then(|| self.heard_until()).flatten(),
            ..Expected::default()
        }
    }

    /// When and what our program was told.
    fn told(&self, ended: Ended, cause: Option<Cause>) -> Expected {
        Expected {
            noticed_at: Some((ended.after, ended.before)),
            cause,
            ..Expected::default()
        }
    }

    /// Whether a router answers what we send.
    fn router_speaks(&self) -> bool {
        self.truth.scenario.starts_with("icmp") || self.truth.scenario == "far-link-down"
    }

    /// Nothing of who was gone arrives once the fault has begun, but for what was under way.
    fn heard_until(&self) -> Option<Duration> {
        (self.truth.peer == Fate::Gone).then(|| self.truth.struck_at + UNDER_WAY)
    }
}

/// What is under way when a fault begins has arrived after this, on a busy machine too.
pub(super) const UNDER_WAY: Duration = Duration::from_secs(2);

impl Life {
    /// Whether the peer's window was closed, or was closed by what it no longer read.
    fn behind_a_window(&self) -> bool {
        matches!(self.state, State::ZeroWindow | State::Sending)
    }
}
