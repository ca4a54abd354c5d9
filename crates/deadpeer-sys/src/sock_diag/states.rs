//! A set of TCP states, as the kernel's bit mask.

use deadpeer_core::TcpState;

/// A set of TCP states. The kernel filters by it, so what is not asked for costs next to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct States(u32);

impl States {
    /// No state.
    pub const NONE: Self = Self(0);
    /// Every state of [`TcpState::ALL`].
    pub const ALL: Self = Self(0x1ffe);
    /// Every state in which somebody may still wait for the peer: all but TIME_WAIT and CLOSE.
    pub const LIVE: Self = Self::ALL
        .without(TcpState::TimeWait)
        .without(TcpState::Close);

    /// This set and `state`. SYN_RECV takes its twin in a listener's queue (NEW_SYN_RECV) with it:
    /// both are shown as SYN_RECV.
    #[must_use]
    pub const fn with(self, state: TcpState) -> Self {
        Self(self.0 | bits(state))
    }

    /// This set but `state`.
    #[must_use]
    pub const fn without(self, state: TcpState) -> Self {
        Self(self.0 & !bits(state))
    }

    /// The states that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether `state` is in the set.
    #[must_use]
    pub const fn contains(self, state: TcpState) -> bool {
        self.0 & bits(state) != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The mask as `idiag_states` takes it: bit n is the state with the number n.
    #[must_use]
    pub const fn mask(self) -> u32 {
        self.0
    }
}

const fn bits(state: TcpState) -> u32 {
    let twins = 1 << TcpState::SynRecv as u32 | 1 << TcpState::NewSynRecv as u32;
    let bit = 1 << state as u32;
    if bit & twins != 0 { twins } else { bit }
}

impl Default for States {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<TcpState> for States {
    fn from_iter<I: IntoIterator<Item = TcpState>>(states: I) -> Self {
        states.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_every_state() {
        assert_eq!(States::from_iter(TcpState::ALL), States::ALL);
    }

    #[test]
    fn syn_recv_and_its_twin_go_together() {
        let set = States::NONE.with(TcpState::SynRecv);
        assert!(set.contains(TcpState::NewSynRecv));
        assert!(set.without(TcpState::NewSynRecv).is_empty());
    }

    #[test]
    fn live_leaves_out_what_is_over() {
        assert!(!States::LIVE.contains(TcpState::TimeWait));
        assert!(!States::LIVE.contains(TcpState::Close));
        assert!(States::LIVE.contains(TcpState::FinWait2));
        assert!(States::LIVE.contains(TcpState::Listen));
    }
}
