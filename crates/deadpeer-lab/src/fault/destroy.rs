//! What `ss -K` does to sockets.

use std::io;
use std::net::IpAddr;
use std::ops::ControlFlow;

use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::{DestroyError, Request, SockDiag, States};

/// Destroys every connection, listeners excepted, of the calling thread's network namespace that
/// goes to one of these addresses. Says how many.
pub(super) fn destroy_all_to(peers: &[IpAddr]) -> io::Result<u32> {
    let mut ids = Vec::new();
    let request = Request {
        states: States::ALL,
        tcp_info: false,
    };
    let mut sock_diag = SockDiag::open().map_err(io::Error::other)?;
    sock_diag
        .dump(request, |socket| {
            if socket.state != TcpState::Listen && peers.contains(&socket.peer.ip()) {
                ids.push(socket.id());
            }
            ControlFlow::Continue(())
        })
        .map_err(io::Error::other)?;
    let mut destroyed = 0;
    for id in &ids {
        match sock_diag.destroy(id) {
            Ok(()) => destroyed += 1,
            // It ended by itself meanwhile.
            Err(DestroyError::Gone) => {}
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    Ok(destroyed)
}
