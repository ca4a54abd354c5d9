//! A relay in the middle: every connection to it is continued to the peer by a program that copies
//! bytes.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use deadpeer_sys::sockopt::set_max_segment;
use deadpeer_sys::{netns, unconnected};
use rustix::net::{connect, sockopt};

use crate::host::Host;
use crate::peer::{MSS, listen};
use crate::state::State;

const SEND_BUFFER: usize = 8_192;
const ACCEPT_EVERY: Duration = Duration::from_millis(20);

/// A running relay; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    stop: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens in a host on the ports of all states, and relays to the same ports of the peer.
    pub(crate) fn start(host: &Host, peer: std::net::IpAddr) -> io::Result<Self> {
        let listeners = host
            .enter(|| {
                State::ALL
                    .into_iter()
                    .map(|state| listen(state.port()))
                    .collect::<io::Result<Vec<_>>>()
            })
            .map_err(io::Error::other)??;
        let namespace = rustix::io::dup(host)?;
        let stop = Arc::new(AtomicBool::new(false));
        let streams = Arc::new(Mutex::new(Vec::new()));
        let relay = Relay {
            stop: Arc::clone(&stop),
            streams: Arc::clone(&streams),
            peer,
        };
        let thread = std::thread::Builder::new()
            .name("proxy".into())
            .spawn(move || {
                if netns::move_thread(&namespace).is_ok() {
                    relay.run(&listeners);
                }
            })?;
        Ok(Self {
            stop,
            streams,
            thread: Some(thread),
        })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
        if let Ok(streams) = self.streams.lock() {
            for stream in streams.iter() {
                // Wakes the threads that wait for bytes.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

struct Relay {
    stop: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    peer: std::net::IpAddr,
}

impl Relay {
    fn run(&self, listeners: &[TcpListener]) {
        while !self.stop.load(Ordering::Relaxed) {
            for listener in listeners {
                while let Ok((stream, _)) = listener.accept() {
                    // A connection that cannot be continued is closed, as proxies do.
                    let _ = self.continue_to_peer(stream);
                }
            }
            std::thread::sleep(ACCEPT_EVERY);
        }
    }

    fn continue_to_peer(&self, near: TcpStream) -> io::Result<()> {
        near.set_nonblocking(false)?;
        near.set_nodelay(true)?;
        let to = SocketAddr::from((self.peer, near.local_addr()?.port()));
        let far = TcpStream::from(unconnected(to)?);
        set_max_segment(&far, MSS)?;
        sockopt::set_socket_send_buffer_size(&far, SEND_BUFFER)?;
        far.set_nodelay(true)?;
        connect(&far, &to)?;
        copy(near.try_clone()?, far.try_clone()?);
        copy(far.try_clone()?, near.try_clone()?);
        if let Ok(mut streams) = self.streams.lock() {
            streams.extend([near, far]);
        }
        Ok(())
    }
}

/// Copies one direction to its end, and passes the end on.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        // Its error ends the copying as its end does.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
