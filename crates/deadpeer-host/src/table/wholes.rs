//! Multipath TCP connections as wholes. The table shows their parts, which stay established when
//! the peer closes: that, the whole hears alone (RFC 8684, section 3.3.3).

use std::cell::OnceCell;
use std::num::NonZeroU32;

use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::{SockDiag, States};
use rustc_hash::FxHashMap;

use super::namespace::Namespace;

/// The states of the Multipath TCP connections of a namespace, read when the first is asked for:
/// most have none.
#[derive(Debug)]
pub(super) struct Wholes<'a> {
    place: &'a Namespace,
    states: OnceCell<FxHashMap<NonZeroU32, TcpState>>,
}

impl<'a> Wholes<'a> {
    pub(super) fn new(place: &'a Namespace) -> Self {
        Self {
            place,
            states: OnceCell::new(),
        }
    }

    /// The state of the connection that a descriptor with this inode number stands for; `None`:
    /// the kernel doesn't tell (Linux 5.9, `CONFIG_INET_MPTCP_DIAG`).
    pub(super) fn state(&self, inode: NonZeroU32) -> Option<TcpState> {
        self.states().get(&inode).copied()
    }

    /// Whether any of them waits for its program to close it.
    pub(super) fn any_unclosed(&self) -> bool {
        let mut states = self.states().values();
        states.any(|state| *state == TcpState::CloseWait)
    }

    fn states(&self) -> &FxHashMap<NonZeroU32, TcpState> {
        self.states
            .get_or_init(|| self.place.run(read).unwrap_or_default())
    }
}

fn read() -> FxHashMap<NonZeroU32, TcpState> {
    let mut states = FxHashMap::default();
    if let Ok(mut diag) = SockDiag::open() {
        // What was told before a dump broke off stands.
        let _ = diag.multipath(States::ALL, |whole| {
            states.extend(whole.inode.map(|inode| (inode, whole.state)));
        });
    }
    states
}
