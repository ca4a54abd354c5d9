//! Stretches of data going back and forth.

use std::time::Duration;

use super::episode::What;
use super::kind::Kind;
use super::log::Log;
use super::side::Side;
use crate::Moment;
use crate::dissect::Segment;

/// Data that comes later than this begins a new exchange.
const PAUSE: Duration = Duration::from_secs(10);
/// An acknowledgment that comes later than this belongs to none.
const LATE: Duration = Duration::from_secs(1);

/// Writes down that data went back and forth.
pub(super) fn exchange(log: &mut Log<'_>, side: Side, segment: &Segment, kind: Kind, now: Moment) {
    let fresh = kind == Kind::Data || (kind == Kind::Fin && segment.length > 0);
    let again = kind == Kind::Retransmission && segment.length > 0;
    let acknowledges = matches!(
        kind,
        Kind::Ack | Kind::DuplicateAck | Kind::WindowUpdate | Kind::Reordered
    );
    if !(fresh || again || acknowledges) {
        return;
    }
    if let Some(last) = log.episodes.last_mut()
        && let What::Exchange {
            packets,
            bytes,
            resent,
        } = &mut last.what
    {
        let pause = now.since(last.until);
        if pause < if fresh { PAUSE } else { LATE } {
            *packets = packets.saturating_add(1);
            if fresh {
                bytes[side.index()] += u64::from(segment.length);
            }
            *resent = resent.saturating_add(u32::from(again));
            if fresh {
                last.until = now;
            }
            return;
        }
    }
    if fresh {
        let mut bytes = [0; 2];
        bytes[side.index()] = u64::from(segment.length);
        let what = What::Exchange {
            packets: 1,
            bytes,
            resent: 0,
        };
        log.push((now, now), side, what);
    }
}
