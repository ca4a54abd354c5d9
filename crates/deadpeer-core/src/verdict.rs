//! Is the peer still there? Judged from what the kernel counts, without a byte of the
//! application's.
//!
//! A [`Judge`] is fed with TCP_INFO at moments of its own choosing ([`Judge::next_check`]) and
//! answers with a [`Verdict`]. *Evidence* is proof that the peer's TCP answered: bytes received,
//! bytes acknowledged, a pure ACK. *Solicitations* are what a live peer must answer: keepalive
//! probes, window probes, retransmissions. A peer is unreachable when it has been silent for the
//! deadline **and** so many solicitations in a row went unanswered that, at the loss measured on
//! this connection, chance is ruled out.
//!
//! The settings that make the kernel ask, and keep it from deciding alone, are
//! [`Supervision::options`].

mod combined;
mod evidence;
mod judge;
mod loss;
mod moment;
mod nanos;
mod questions;
mod supervision;
mod user_timeout;

pub use judge::Judge;
pub use loss::Loss;
pub use supervision::{Keeps, Preference, Supervision};
pub use user_timeout::UserTimeout;

use std::time::Duration;

use crate::cause::Cause;

/// What is known about the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It has answered, and nothing that it had to answer is open.
    Alive {
        /// How old the proof is.
        age: Duration,
    },
    /// Nobody asked, or an answer is still out: a dead peer would look the same.
    Unknown {
        /// Solicitations without an answer so far.
        unanswered: u32,
    },
    /// Its host answers, but its window is closed and data waits: the application there does not
    /// read.
    Stalled {
        /// How long the window has been seen closed.
        since: Duration,
    },
    /// Its host answers, but its application does not: frozen, dead behind a proxy, or stuck in its
    /// event loop. Only heartbeats tell ([`Verdict::with_heartbeat`]).
    ApplicationSilent {
        /// How long ago the application was heard last.
        since: Duration,
        /// Pings that it did not answer.
        unanswered: u32,
    },
    /// Its FIN was seen: it will send nothing more. Whether it still reads cannot be told.
    PeerFinished,
    /// It is gone, or the path to it.
    Unreachable {
        /// How long ago it was heard last.
        since: Duration,
        /// Solicitations in a row that it did not answer.
        unanswered: u32,
    },
    /// The connection is over.
    Closed {
        /// Why, as far as TCP_INFO tells; the error itself belongs to the application and is not
        /// taken.
        cause: Cause,
    },
}
