//! What the program under the rule does, and what it looks at.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use deadpeer_core::{Effective, Forecast, SocketOptions};
use deadpeer_sys::{SysError, sockopt};

use crate::{Asked, kernel};

/// Tells the program what is asked; without it, the tests that are the program do nothing.
pub(crate) const ASKED: &str = "DEADPEER_TEST_RULE";

pub(crate) fn asked() -> Option<Asked> {
    std::env::var(ASKED).ok().map(|words| Asked::read(&words))
}

/// One call of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Keepalive(bool),
    Idle(u32),
    Interval(u32),
    Count(u32),
    UserTimeout(u32),
    RtoMax(u32),
}

impl Call {
    pub(crate) fn make(self, socket: impl AsFd) -> Result<(), SysError> {
        match self {
            Self::Keepalive(on) => sockopt::set_keepalive(socket, on),
            Self::Idle(s) => sockopt::set_keepidle_s(socket, s),
            Self::Interval(s) => sockopt::set_keepintvl_s(socket, s),
            Self::Count(n) => sockopt::set_keepcnt(socket, n),
            Self::UserTimeout(ms) => sockopt::set_user_timeout_ms(socket, Some(ms)),
            Self::RtoMax(ms) => sockopt::set_rto_max_ms(socket, ms),
        }
    }

    /// What a socket without a rule would have.
    pub(crate) fn note(self, wish: &mut Effective) {
        match self {
            Self::Keepalive(on) => wish.keepalive = on,
            Self::Idle(s) => wish.keepidle_s = s,
            Self::Interval(s) => wish.keepintvl_s = s,
            Self::Count(n) => wish.keepcnt = n,
            Self::UserTimeout(ms) => wish.user_timeout_ms = Some(ms).filter(|ms| *ms > 0),
            Self::RtoMax(ms) => wish.rto_max_ms = Some(ms),
        }
    }
}

/// Both ends of a connection, the program's.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let caller = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (called, _) = listener.accept().unwrap();
    (caller, called)
}

pub(crate) fn in_force(socket: impl AsFd) -> Effective {
    sockopt::effective(socket).unwrap()
}

/// A socket that nobody set anything on.
pub(crate) fn untouched() -> Effective {
    Effective::untouched(&kernel().sysctls)
}

/// Idle time, interval, count, user timeout.
pub(crate) fn told(settings: &Effective) -> (u32, u32, u32, u32) {
    assert!(settings.keepalive, "{settings:?}");
    (
        settings.keepidle_s,
        settings.keepintvl_s,
        settings.keepcnt,
        settings.user_timeout_ms.unwrap_or(0),
    )
}

/// What settings promise of every connection that the policy speaks of.
pub(crate) fn promised(settings: &Effective) -> Forecast {
    let capped = settings.rto_max_ms.map_or(1000, |ms| ms.min(1000));
    Forecast::promised(settings, Duration::from_millis(capped.into()), &kernel())
}

/// The options of the plan as they are in force on a socket without wishes.
pub(crate) fn plans(asked: Asked) -> SocketOptions {
    *asked.aim().plan().options()
}
