//! What a supervised watch sets on its sockets, moves while it watches, and gives back.

use std::collections::HashMap;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use deadpeer_core::{Effective, SocketOptions};
use deadpeer_sys::{Remembered, sockopt};

use crate::apply::{ApplyError, apply};

/// The application has set a user timeout of its own.
const NOT_OURS: u32 = u32::MAX;

/// Lends the options of a supervision to sockets.
#[derive(Debug)]
pub(super) struct Lender {
    ours: SocketOptions,
    /// What sockets had before, each different set once: nearly all have the same.
    before: Vec<Effective>,
    numbers: HashMap<Effective, u32>,
    /// `SO_LINGER` of the unreachable ones before they were, by their cookies.
    lingers: HashMap<u64, Option<Duration>>,
}

/// What a socket had before, and the user timeout that it has from us.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loan {
    before: u32,
    user_timeout_ms: u32,
}

impl Lender {
    pub(super) fn new(ours: SocketOptions) -> Self {
        Self {
            ours,
            before: Vec::new(),
            numbers: HashMap::new(),
            lingers: HashMap::new(),
        }
    }

    pub(super) fn lend(
        &mut self,
        fd: BorrowedFd<'_>,
        user_timeout_ms: u32,
    ) -> Result<Loan, ApplyError> {
        let (before, _) = apply(&self.with(user_timeout_ms), fd)?;
        let before = *self.numbers.entry(before).or_insert_with(|| {
            self.before.push(before);
            u32::try_from(self.before.len() - 1).unwrap_or(0)
        });
        Ok(Loan {
            before,
            user_timeout_ms,
        })
    }

    /// Moves the user timeout, unless the application has set its own.
    pub(super) fn move_user_timeout(&self, loan: &mut Loan, socket: Remembered, ms: u32) {
        if loan.user_timeout_ms == ms || loan.user_timeout_ms == NOT_OURS {
            return;
        }
        let Some(held) = hold(socket) else { return };
        let now = sockopt::user_timeout_ms(&held).map(Option::unwrap_or_default);
        let moved = now == Ok(loan.user_timeout_ms)
            && sockopt::set_user_timeout_ms(&held, Some(ms)).is_ok();
        loan.user_timeout_ms = if moved { ms } else { NOT_OURS };
    }

    /// The peer is unreachable: whoever closes the socket now wants it gone, not kept for what
    /// can't be delivered.
    pub(super) fn let_go_at_close(&mut self, socket: Remembered) {
        if self.lingers.contains_key(&socket.cookie()) {
            return;
        }
        let Some(held) = hold(socket) else { return };
        if let Ok(before) = sockopt::linger(&held)
            && sockopt::set_linger(&held, Some(Duration::ZERO)).is_ok()
        {
            self.lingers.insert(socket.cookie(), before);
        }
    }

    /// The peer was heard again.
    pub(super) fn heard_again(&mut self, socket: Remembered) {
        if self.lingers.contains_key(&socket.cookie())
            && let Some(held) = hold(socket)
        {
            self.deliver_at_close(held.as_fd(), socket.cookie());
        }
    }

    /// Lets close() deliver what was written, as it did before the peer was unreachable.
    pub(super) fn deliver_at_close(&mut self, fd: BorrowedFd<'_>, cookie: u64) {
        if let Some(before) = self.lingers.remove(&cookie)
            && sockopt::linger(fd) == Ok(Some(Duration::ZERO))
        {
            // It held this before, and is not refused it now.
            let _ = sockopt::set_linger(fd, before);
        }
    }

    /// Gives back what is still lent. What the application has set meanwhile is its own.
    pub(super) fn give_back(&mut self, fd: BorrowedFd<'_>, loan: Loan) {
        let (Ok(now), Some(before)) = (
            sockopt::effective(fd),
            self.before.get(loan.before as usize),
        ) else {
            return;
        };
        let lent: Vec<_> = self.with(loan.user_timeout_ms).settings().collect();
        for lent in lent.into_iter().rev() {
            if let (Some(held), Some(old)) = (now.held(lent.option), before.held(lent.option))
                && lent.is_held_as(held)
                && old != held
            {
                // As above.
                let _ = sockopt::set(fd, old);
            }
        }
    }

    /// Forgets a socket that is watched no more. An unreachable one keeps the `SO_LINGER` that lets
    /// it go.
    pub(super) fn forget(&mut self, cookie: u64) {
        self.lingers.remove(&cookie);
    }

    fn with(&self, user_timeout_ms: u32) -> SocketOptions {
        let mut options = self.ours;
        options.user_timeout_ms = Some(user_timeout_ms);
        options
    }
}

/// Without room for a descriptor it waits for the next look.
fn hold(socket: Remembered) -> Option<OwnedFd> {
    socket.hold().ok().flatten()
}
