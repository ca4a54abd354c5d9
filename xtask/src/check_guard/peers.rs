//! The other ends, on hosts of their own.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use deadpeer_lab::Host;
use deadpeer_lab::state::State;
use deadpeer_sys::unconnected;
use rustix::net::{connect, sockopt};

use super::server::port;

/// How often each peer does what its state asks for.
const TURN: Duration = Duration::from_secs(1);
/// So that a window is soon closed.
const RECEIVE_BUFFER: usize = 4_096;

type All = Arc<Mutex<Vec<(TcpStream, State)>>>;

/// Everybody, alive until dropped.
pub(super) struct Peers {
    all: All,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peers {
    /// Nobody yet.
    pub(super) fn none() -> Result<Self> {
        let (all, over) = (All::default(), Arc::new(AtomicBool::new(false)));
        let (living, ends) = (Arc::clone(&all), Arc::clone(&over));
        let thread = thread::Builder::new().name("peers".into()).spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                let mut all = living.lock().unwrap_or_else(PoisonError::into_inner);
                all.iter_mut()
                    .for_each(|(stream, state)| live(stream, *state));
                drop(all);
                thread::sleep(TURN);
            }
        })?;
        Ok(Self {
            all,
            over,
            thread: Some(thread),
        })
    }

    /// So many more on a host, in these states in turn.
    pub(super) fn add(
        &self,
        host: &Host,
        server: Ipv4Addr,
        states: impl Iterator<Item = State> + Send,
    ) -> Result<()> {
        let made: Result<Vec<_>> = host.enter(|| {
            states
                .map(|state| Ok((join(server, state)?, state)))
                .collect()
        })?;
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(made.with_context(|| host.name().to_owned())?);
        Ok(())
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

fn join(server: Ipv4Addr, state: State) -> Result<TcpStream> {
    let address = SocketAddr::from((server, port(state)));
    let stream = TcpStream::from(unconnected(address)?);
    sockopt::set_socket_recv_buffer_size(&stream, RECEIVE_BUFFER)?;
    connect(&stream, &address)?;
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    if state == State::HalfClosedByPeer {
        stream.shutdown(Shutdown::Write)?;
    }
    Ok(stream)
}

/// What ended is told by the other end.
fn live(stream: &mut TcpStream, state: State) {
    if state == State::OnlyReading {
        let _ = stream.write(&[b'x'; 64]);
    }
    let mut bytes = [0; 4_096];
    while state != State::ZeroWindow && stream.read(&mut bytes).is_ok_and(|length| length > 0) {}
}
