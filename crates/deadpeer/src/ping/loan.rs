//! Borrowing two options of a socket for the moment that a probe takes.

use std::os::fd::BorrowedFd;

use deadpeer_core::{Effective, Setting, SocketOption, SocketOptions};
use deadpeer_sys::{SysError, sockopt};

/// `TCP_KEEPIDLE` while it is borrowed, seconds.
const BORROWED_IDLE_S: u32 = 1;

/// What [`ping`](crate::ping()) borrows of a socket's options for some milliseconds and gives back:
/// `SO_KEEPALIVE` is on and `TCP_KEEPIDLE` a second. A process that is killed in that time leaves
/// them so.
#[must_use]
pub fn lent_to_ping() -> SocketOptions {
    SocketOptions {
        keepalive: Some(true),
        keepidle_s: Some(BORROWED_IDLE_S),
        ..SocketOptions::default()
    }
}

/// Makes the kernel send a probe in its next timer tick, if a second of silence has passed.
///
/// `TCP_KEEPIDLE` is the first to be borrowed and the last to be given back: whoever comes after a
/// process that was killed in between knows by it that the loan stands.
pub(super) fn take(fd: BorrowedFd<'_>, before: &Effective) -> Result<(), SysError> {
    set(fd, SocketOption::Keepidle, BORROWED_IDLE_S)?;
    if !before.keepalive {
        // Switched on, it waits afresh; set once more, the silence until now counts.
        let asked = set(fd, SocketOption::Keepalive, 1)
            .and_then(|()| set(fd, SocketOption::Keepidle, BORROWED_IDLE_S));
        if let Err(error) = asked {
            give_back(fd, before);
            return Err(error);
        }
    }
    Ok(())
}

/// Gives back what is still borrowed. What the application has set meanwhile is its own.
pub(super) fn give_back(fd: BorrowedFd<'_>, before: &Effective) {
    let give_back = |_| -> Result<(), SysError> {
        if sockopt::keepidle_s(fd)? != BORROWED_IDLE_S {
            return Ok(());
        }
        if !before.keepalive {
            set(fd, SocketOption::Keepalive, 0)?;
        }
        if before.keepidle_s != BORROWED_IDLE_S {
            set(fd, SocketOption::Keepidle, before.keepidle_s)?;
        }
        Ok(())
    };
    // These options were just set on this socket: they are not refused, and fail for a moment at
    // most, for want of memory.
    let _ = (0..3).map(give_back).find(Result::is_ok);
}

/// A loan is no wish of the program's: under a rule for new connections, it would not be lent.
fn set(fd: BorrowedFd<'_>, option: SocketOption, value: u32) -> Result<(), SysError> {
    sockopt::set_from_outside(fd, Setting::new(option, value))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    use deadpeer_sys::testing::in_private_netns;

    use super::*;

    /// Borrows, lets the application do something, and gives back.
    fn meanwhile(keepalive: bool, act: impl FnOnce(BorrowedFd<'_>) + Send) -> (bool, u32) {
        let mut held = (false, 0);
        in_private_netns(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let fd = socket.as_fd();
            sockopt::set_keepalive(fd, keepalive).unwrap();
            sockopt::set_keepidle_s(fd, 70).unwrap();
            let before = sockopt::effective(fd).unwrap();
            take(fd, &before).unwrap();
            act(fd);
            give_back(fd, &before);
            held = (
                sockopt::keepalive(fd).unwrap(),
                sockopt::keepidle_s(fd).unwrap(),
            );
        });
        held
    }

    #[test]
    fn what_was_borrowed_is_given_back() {
        assert_eq!(meanwhile(true, |_| {}), (true, 70));
        assert_eq!(meanwhile(false, |_| {}), (false, 70));
    }

    #[test]
    fn what_the_application_sets_meanwhile_stays() {
        for keepalive in [true, false] {
            let sets = |fd: BorrowedFd<'_>| sockopt::set_keepidle_s(fd, 20).unwrap();
            assert_eq!(meanwhile(keepalive, sets), (true, 20));
        }
        let switches_off = |fd: BorrowedFd<'_>| {
            sockopt::set_keepidle_s(fd, 20).unwrap();
            sockopt::set_keepalive(fd, false).unwrap();
        };
        assert_eq!(meanwhile(true, switches_off), (false, 20));
    }
}
