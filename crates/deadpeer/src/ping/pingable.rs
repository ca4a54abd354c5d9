//! What a ping needs of a socket, however that is reached.

use std::os::fd::AsFd;

use deadpeer_core::{Effective, TcpInfo};
use deadpeer_sys::readiness::{self, Signs};
use deadpeer_sys::sockopt;

use super::loan;
use crate::error::SocketError;

/// A TCP socket that a [`Ping`](crate::Ping) can ask by.
///
/// Every descriptor of one is. Who can reach sockets otherwise implements it for those that have no
/// descriptor of their own, as the parts of a Multipath TCP connection.
pub trait Pingable {
    /// Its condition now; in the state `Close` if it is gone.
    ///
    /// # Errors
    /// See [`SocketError`].
    fn tcp_info(&mut self) -> Result<TcpInfo, SocketError>;

    /// What it shows of its end, once it is in the state `Close`.
    ///
    /// # Errors
    /// See [`SocketError`].
    fn signs(&mut self) -> Result<Signs, SocketError>;

    /// The options in force on it.
    ///
    /// # Errors
    /// See [`SocketError`].
    fn options(&mut self) -> Result<Effective, SocketError>;

    /// Sets what is [lent to a ping](crate::lent_to_ping()), so that the kernel sends a probe in
    /// its next timer tick. `before` is what [`options`](Self::options) has told.
    ///
    /// # Errors
    /// See [`SocketError`]. Nothing is lent then.
    fn lend(&mut self, before: &Effective) -> Result<(), SocketError>;

    /// Puts back what is still lent. What the application has set meanwhile is its own.
    fn give_back(&mut self, before: &Effective);
}

impl<F: AsFd> Pingable for F {
    fn tcp_info(&mut self) -> Result<TcpInfo, SocketError> {
        deadpeer_sys::tcp_info(&*self).map_err(|error| SocketError::of(self, error))
    }

    fn signs(&mut self) -> Result<Signs, SocketError> {
        readiness::signs(&*self).map_err(SocketError::Call)
    }

    fn options(&mut self) -> Result<Effective, SocketError> {
        sockopt::effective(&*self).map_err(SocketError::Call)
    }

    fn lend(&mut self, before: &Effective) -> Result<(), SocketError> {
        loan::take(self.as_fd(), before).map_err(SocketError::Call)
    }

    fn give_back(&mut self, before: &Effective) {
        loan::give_back(self.as_fd(), before);
    }
}
