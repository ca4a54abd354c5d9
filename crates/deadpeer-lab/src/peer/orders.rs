//! What the peer can be told, and what it knows of a connection: lines of JSON.

use serde::{Deserialize, Serialize};

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Begin to listen.
    Listen,
    /// Close every connection and every listener.
    Close,
    /// Shut down the sending half of every connection.
    Shutdown,
    /// Close everything with `SO_LINGER` 0.
    Abort,
    /// Read no more.
    StopReading,
    /// Read so many bytes a second from each connection.
    ReadSlowly(u32),
    /// Read everything again.
    Resume,
    /// Burn processor time.
    Burn,
    /// Stop burning it.
    Rest,
    /// Write a `Q` to each connection that can be written to.
    Say,
    /// The same to each connection to which none was written yet.
    SayWhereUnsaid,
    /// Tell of each connection what was heard.
    Report,
}

/// What the peer knows of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Heard {
    /// A `q` of ours has arrived.
    pub(crate) ours: bool,
    /// Its own `Q` was written, and everything it wrote is acknowledged.
    pub(crate) theirs_acknowledged: bool,
}
