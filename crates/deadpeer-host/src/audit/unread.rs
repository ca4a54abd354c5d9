//! Bytes that a program has not read for long: it is frozen, or busy with something else.

use std::time::Duration;

use deadpeer_core::Snapshot;

use crate::table::Connection;

/// Whoever reads at all has read by then.
const LONG: Duration = Duration::from_secs(10);

/// Bytes in a receive queue that nobody has fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// How many.
    pub bytes: u32,
    /// For how long the newest of them have waited, at least.
    pub since: Duration,
}

impl Unread {
    /// What an open connection with a descriptor has had waiting for more than ten seconds. The
    /// clock is that of the last data received (`tcpi_last_data_recv`): while more comes in,
    /// nothing is told.
    pub(super) fn of(connection: &Connection<'_>, snapshot: &Snapshot) -> Option<Self> {
        let socket = connection.socket;
        let bytes = socket.unread();
        let open = socket.state.may_send() && socket.inode.is_some() && bytes > 0;
        let since = snapshot.received_ago.filter(|_| open)?;
        (since >= LONG).then_some(Self { bytes, since })
    }
}
