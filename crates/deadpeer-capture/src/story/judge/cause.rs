//! What the application of the side that was left got to know.

use deadpeer_core::Cause;

use super::Case;
use crate::Moment;
use crate::dissect::IcmpKind;
use crate::story::verdict::{Ending, Gone, Noticed, StoryVerdict};
use crate::talk::{Side, What};

impl Case<'_> {
    pub(super) fn cause(&self, verdict: &StoryVerdict) -> Option<Cause> {
        let after_fin = |side: Side| {
            let closed_first = self.half(side).fin.is_some();
            if closed_first {
                Cause::ResetAfterFin
            } else {
                Cause::Reset
            }
        };
        match verdict.ending {
            Ending::Closed => Some(Cause::Closed),
            Ending::HalfClosed(_) => Some(Cause::PeerClosed),
            Ending::Refused => Some(Cause::Refused),
            Ending::GaveUp(_) if verdict.noticed == Noticed::Application => None,
            Ending::GaveUp(side) => {
                let until = verdict.noticed_at.map(|(_, latest)| latest);
                Some(self.unreachable(side, until).unwrap_or(Cause::TimedOut))
            }
            Ending::Aborted(side) if verdict.gone == Gone::Nobody => Some(after_fin(side)),
            Ending::ForgedReset(side) | Ending::Forgotten(side) | Ending::NoReader(side) => {
                Some(after_fin(side))
            }
            Ending::Aborted(_) | Ending::Open | Ending::StillTrying(_) | Ending::Replaced => None,
        }
    }

    /// What routers said that the kernel of a side takes, and since the other was heard last.
    pub(super) fn icmp_errors(&self, side: Side) -> impl Iterator<Item = (Moment, IcmpKind)> {
        self.conversation
            .episodes
            .iter()
            .filter_map(move |episode| {
                let What::IcmpError { kind, taken, .. } = episode.what else {
                    return None;
                };
                let counts =
                    taken && episode.side == side && Some(episode.until) >= self.half(!side).last;
                counts.then_some((episode.at, kind))
            })
    }

    /// What a router said until then about the way to the other side, and since that was heard,
    /// which would have made up for it (net/ipv4/tcp_input.c, `tcp_ack` clears `sk_err_soft`).
    fn unreachable(&self, side: Side, until: Option<Moment>) -> Option<Cause> {
        let icmp_errors = self
            .icmp_errors(side)
            .filter(|(at, _)| until.is_none_or(|until| *at <= until));
        let (_, last) = icmp_errors.last()?;
        match last {
            IcmpKind::HostUnreachable => Some(Cause::HostUnreachable),
            IcmpKind::NetworkUnreachable => Some(Cause::NetworkUnreachable),
            IcmpKind::PortUnreachable => Some(Cause::Refused),
            // EHOSTUNREACH of IPv4 (net/ipv4/icmp.c, `icmp_err_convert`), EACCES of IPv6
            // (net/ipv6/icmp.c, `tab_unreach`).
            IcmpKind::Prohibited if self.conversation.ends[0].address().is_ipv4() => {
                Some(Cause::HostUnreachable)
            }
            IcmpKind::Prohibited => Some(Cause::Prohibited),
            IcmpKind::TooBig(_) | IcmpKind::HopsExceeded | IcmpKind::Other(..) => None,
        }
    }
}
