//! The ways in which a client vanishes.

use std::time::Duration;

use super::State;
use super::path::Path;
use crate::error::LabError;
use crate::router::Reject;

named! {
    /// How the client goes.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Fault {
        /// Its machine is without power: every packet is lost without a word.
        PowerOff = "power-off",
        /// The last router says that the host is unreachable (ICMP 3/1, ICMPv6 1/3).
        Unreachable = "unreachable",
        /// Its machine starts again: a second of silence, then a RST to everything.
        Reboot = "reboot",
        /// A NAT on the way forgot the connection and is silent about it. The client itself lives
        /// on.
        NatLost = "nat-lost",
        /// The same with a NAT that answers by RST.
        NatReset = "nat-reset",
        /// It closes its connection, or is killed: a FIN.
        Close = "close",
        /// It aborts its connection: a RST.
        Abort = "abort",
    }
}

/// How long a machine needs to start again.
const BOOT: Duration = Duration::from_secs(1);

impl Fault {
    /// Those that a trial strikes unless told otherwise: every kind of answer, and silence, once.
    pub const USUAL: [Self; 5] = [
        Self::PowerOff,
        Self::Unreachable,
        Self::Reboot,
        Self::Close,
        Self::Abort,
    ];

    /// Whether it means anything in this state. A client that closes does so when all is said.
    #[must_use]
    pub const fn strikes_in(self, state: State) -> bool {
        !self.is_clients() || matches!(state, State::Idle)
    }

    /// Whether the client does it itself, and not the path.
    pub(super) const fn is_clients(self) -> bool {
        matches!(self, Self::Close | Self::Abort)
    }

    /// Whether the server's packets are answered by RST, at once or later.
    pub(super) const fn resets(self) -> bool {
        matches!(self, Self::Reboot | Self::NatReset | Self::Abort)
    }

    /// When the path changes once more, if it does.
    pub(super) const fn second_act(self) -> Option<Duration> {
        match self {
            Self::Reboot => Some(BOOT),
            Self::PowerOff
            | Self::Unreachable
            | Self::NatLost
            | Self::NatReset
            | Self::Close
            | Self::Abort => None,
        }
    }

    /// Makes the path as the fault has it at first, or, after its second act, for good.
    pub(super) fn strike(self, path: &mut Path<'_>, again: bool) -> Result<(), LabError> {
        match self {
            Self::PowerOff | Self::NatLost => path.silence(),
            Self::Reboot if !again => path.silence(),
            Self::Reboot | Self::NatReset => path.answer(Reject::Reset),
            Self::Unreachable => path.answer(Reject::Host),
            Self::Close | Self::Abort => Ok(()),
        }
    }
}
