//! What a ping needs of a socket, however that is reached.

use std::os::fd::AsFd;

use deadpeer_core::{Effective, TcpInfo};
use deadpeer_sys::readiness::{self, Signs};
use deadpeer_sys::sockopt::{self, Transport};
use deadpeer_sys::{Errno, SysError};

use super::{PingError, loan};

/// A TCP socket that a [`Ping`](crate::Ping) can ask by.
///
/// Every descriptor of one is. Who can reach sockets otherwise implements it for those that have no
/// descriptor of their own, as the parts of a Multipath TCP connection.
pub trait Pingable {
    /// Its condition now; in the state `Close` if it is gone.
    ///
    /// # Errors
    /// See [`PingError`].
    fn tcp_info(&mut self) -> Result<TcpInfo, PingError>;

    /// What it shows of its end, once it is in the state `Close`.
    ///
    /// # Errors
    /// See [`PingError`].
    fn signs(&mut self) -> Result<Signs, PingError>;

    /// The options in force on it.
    ///
    /// # Errors
    /// See [`PingError`].
    fn options(&mut self) -> Result<Effective, PingError>;

    /// Sets what is [lent to a ping](crate::lent_to_ping()), so that the kernel sends a probe in
    /// its next timer tick. `before` is what [`options`](Self::options) has told.
    ///
    /// # Errors
    /// See [`PingError`]. Nothing is lent then.
    fn lend(&mut self, before: &Effective) -> Result<(), PingError>;

    /// Puts back what is still lent. What the application has set meanwhile is its own.
    fn give_back(&mut self, before: &Effective);
}

impl<F: AsFd> Pingable for F {
    fn tcp_info(&mut self) -> Result<TcpInfo, PingError> {
        deadpeer_sys::tcp_info(&*self).map_err(|error| refusal(self, error))
    }

    fn signs(&mut self) -> Result<Signs, PingError> {
        readiness::signs(&*self).map_err(PingError::Call)
    }

    fn options(&mut self) -> Result<Effective, PingError> {
        sockopt::effective(&*self).map_err(PingError::Call)
    }

    fn lend(&mut self, before: &Effective) -> Result<(), PingError> {
        loan::take(self.as_fd(), before).map_err(PingError::Call)
    }

    fn give_back(&mut self, before: &Effective) {
        loan::give_back(self.as_fd(), before);
    }
}

fn refusal(fd: impl AsFd, error: SysError) -> PingError {
    let asked_in_vain = matches!(error.errno, Errno::OPNOTSUPP | Errno::NOPROTOOPT);
    match sockopt::transport(fd) {
        Ok(Transport::Other) if asked_in_vain => PingError::NotTcp,
        Ok(_) | Err(_) => PingError::Call(error),
    }
}
