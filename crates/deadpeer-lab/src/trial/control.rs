//! The control: a connection of our own beside the server's, that shows whether a fault bites.

use std::io::Write;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use deadpeer_core::TcpState;

use super::TrialError;
use super::watch::TICK;
use crate::host::Host;

/// How soon a lost packet shows: the retransmission timeout of a fresh connection, with room.
const BOUND: Duration = Duration::from_secs(4);

/// A connection between the server's host and a client's, with nothing on it yet.
#[derive(Debug)]
pub(super) struct Control {
    server: TcpStream,
    client: TcpStream,
}

impl Control {
    /// Connects the two hosts over the family of this address, which is the server's.
    pub(super) fn open(server: &Host, client: &Host, address: IpAddr) -> Result<Self, TrialError> {
        let failed = |source| TrialError::Io {
            what: "control connection",
            source,
        };
        let listener = server
            .enter(|| TcpListener::bind((address, 0)))?
            .map_err(failed)?;
        let there = listener.local_addr().map_err(failed)?;
        let near = client.enter(|| TcpStream::connect_timeout(&there, BOUND))?;
        let near = near.map_err(failed)?;
        let (far, _) = listener.accept().map_err(failed)?;
        Ok(Self {
            server: far,
            client: near,
        })
    }

    /// Sends something from the server's host; whether it gets lost, or the connection with it.
    pub(super) fn loses(mut self) -> bool {
        let began = Instant::now();
        let mut wrote = self.server.write_all(b"are you there?").is_ok();
        while wrote && began.elapsed() < BOUND {
            let Ok(info) = deadpeer_sys::tcp_info(&self.server) else {
                return false;
            };
            if info.state == Some(TcpState::Close) {
                wrote = false;
            }
            if info.total_retrans.is_some_and(|count| count > 0) {
                return true;
            }
            std::thread::sleep(TICK);
        }
        !wrote
    }

    /// Sends a little from both ends again and again, until something holds; whether it ever does.
    pub(super) fn chatter(mut self, mut holds: impl FnMut() -> bool) -> bool {
        let began = Instant::now();
        while began.elapsed() < BOUND * 3 {
            if holds() {
                return true;
            }
            // What finds no way is what this is about.
            let _ = self.server.write(b"x");
            let _ = self.client.write(b"x");
            std::thread::sleep(TICK);
        }
        false
    }
}
