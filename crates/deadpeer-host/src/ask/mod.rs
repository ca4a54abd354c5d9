//! Asking the peers of other processes' connections whether they are still there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpeer::{Answer, PingError};

use crate::table::Target;
use crate::table::Unreadable;
use crate::table::fd_borrower::FdBorrower;

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// The question was put, or need not be.
    Answer(Answer),
    /// The connection can't be reached: not permitted, or no process holds it.
    Unreachable(Unreadable),
    /// The kernel refused.
    Failed(PingError),
}

/// So many questions are open at once. Each waits on a thread of its own, and holds one descriptor.
const AT_ONCE: usize = 128;

impl Target {
    /// Sends a keepalive probe to the peer's kernel now, and waits for the answer: see [`deadpeer::ping`].
    ///
    /// The descriptor is borrowed from its owner for as long as this takes, `timeout` at most. Were the owner to close it
    /// meanwhile, its FIN would go out when this returns. Takes `CAP_SYS_PTRACE`, or the same user.
    #[must_use]
    pub fn ask(&self, timeout: Duration) -> Reply {
        if !self.held {
            return Reply::Unreachable(Unreadable::NoDescriptor);
        }
        let socket = match FdBorrower::default().borrow_from(self.numbers(), self.id.cookie) {
            Ok(socket) => socket,
            Err(why) => return Reply::Unreachable(why),
        };
        match deadpeer::ping(&socket, timeout) {
            Ok(answer) => Reply::Answer(answer),
            Err(error) => Reply::Failed(error),
        }
    }
}

/// Asks for all of the targets at once, as far as threads go, and returns what came of it in the same order.
#[must_use]
pub fn ask_all(targets: &[&Target], timeout: Duration) -> Vec<Reply> {
    let next = AtomicUsize::new(0);
    let replies = Mutex::new(vec![None; targets.len()]);
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(target) = targets.get(place) else {
                return;
            };
            let reply = target.ask(timeout);
            if let Ok(mut replies) = replies.lock()
                && let Some(slot) = replies.get_mut(place)
            {
                *slot = Some(reply);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..targets.len().min(AT_ONCE) {
            // Fewer threads are slower, not wrong.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let replies = replies.into_inner().unwrap_or_default();
    replies
        .into_iter()
        .map(|reply| reply.unwrap_or(Reply::Unreachable(Unreadable::Gone)))
        .collect()
}
