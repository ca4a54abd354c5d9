//! What became of our end of each connection, by its kernel: the truth that captures of it are
//! compared with.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::state::State;

/// Our end of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Life {
    /// Our port, which no other connection of the experiment has.
    pub port: u16,
    /// The state it was in when the fault came.
    pub state: State,
    /// The method that watched it; `None`: nobody did, and nothing was set on it.
    pub method: Option<String>,
    /// Probes and retransmissions that were unanswered when the experiment or the connection ended
    /// (`tcpi_probes`, `tcpi_retransmits`).
    pub asked_in_vain: u32,
    /// When and how our kernel let it go; `None`: it still had it when the experiment ended.
    pub ended: Option<Ended>,
    /// The error that its program got, or would have got; `None`: none.
    pub errno: Option<i32>,
}

/// The end of a connection: its state became CLOSE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Ended {
    /// Not before this, since 1970.
    pub after: Duration,
    /// Not after this, since 1970.
    pub before: Duration,
    /// Retransmissions that were unanswered then.
    pub retransmits: u8,
    /// Probes that were unanswered then.
    pub probes: u8,
}
