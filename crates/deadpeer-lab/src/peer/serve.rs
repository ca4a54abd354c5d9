//! The peer's own program.

mod connection;

use std::io::{self, BufRead as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use deadpeer_sys::sockopt::{set_linger, set_max_segment};
use deadpeer_sys::unconnected;
use rustix::net::{bind, sockopt};

pub(crate) use self::connection::{BEAT_EVERY, BEATS};
use self::connection::{Connection, Reading};
use super::orders::Order;
use crate::state::State;

/// How often the program looks at its connections; nothing that is measured depends on it.
const TICK: Duration = Duration::from_millis(20);
/// So that a window closes to zero soon, and not to less than a segment.
const RECEIVE_BUFFER: usize = 8_192;
/// The largest segment of the lab's connections.
pub(crate) const MSS: u32 = 1_400;
/// Threads that burn processor time: more than the small machines have that labs run on.
const BURNERS: usize = 2;

/// Takes orders from stdin until it ends, and answers on stdout.
///
/// # Errors
/// A listener could not be made, or stdout is closed.
pub fn serve() -> io::Result<()> {
    let (sender, orders) = channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    Program::default().run(&orders)
}

#[derive(Default)]
struct Program {
    listeners: Vec<TcpListener>,
    connections: Vec<Connection>,
    reading: Reading,
    burning: Arc<AtomicBool>,
}

impl Program {
    fn run(&mut self, orders: &Receiver<String>) -> io::Result<()> {
        loop {
            loop {
                match orders.try_recv() {
                    Ok(line) => self.obey(&line)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            self.accept();
            for connection in &mut self.connections {
                connection.serve(self.reading);
            }
            match orders.recv_timeout(TICK) {
                Ok(line) => self.obey(&line)?,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn obey(&mut self, line: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let done = serde_json::from_str(line)
            .map_err(io::Error::from)
            .and_then(|order| self.carry_out(order));
        match done {
            Ok(lines) => {
                for line in lines {
                    writeln!(out, "{line}")?;
                }
                writeln!(out, "done")?;
            }
            Err(why) => writeln!(out, "cannot {why}")?,
        }
        out.flush()
    }

    fn carry_out(&mut self, order: Order) -> io::Result<Vec<String>> {
        match order {
            Order::Listen => {
                self.listeners = State::ALL
                    .into_iter()
                    .map(|state| listen(state.port()))
                    .collect::<io::Result<_>>()?;
            }
            Order::Close => self.hang_up(),
            Order::Abort => {
                for connection in &self.connections {
                    set_linger(&connection.stream, Some(Duration::ZERO))?;
                }
                self.hang_up();
            }
            Order::Shutdown => self
                .connections
                .iter_mut()
                .for_each(Connection::end_sending),
            Order::StopReading => self.reading = Reading::Nothing,
            Order::ReadSlowly(bytes_per_s) => self.reading = Reading::Slowly { bytes_per_s },
            Order::Resume => self.reading = Reading::Everything,
            Order::Burn => self.burn(),
            Order::Rest => self.burning.store(false, Ordering::Relaxed),
            Order::Say => {
                for connection in &mut self.connections {
                    (connection.say, connection.said) = (true, false);
                }
            }
            Order::SayWhereUnsaid => {
                for connection in self.connections.iter_mut().filter(|one| !one.said) {
                    connection.say = true;
                }
            }
            Order::Report => {
                return Ok(self
                    .connections
                    .iter()
                    .filter_map(Connection::line)
                    .collect());
            }
        }
        Ok(Vec::new())
    }

    fn hang_up(&mut self) {
        self.connections.clear();
        self.listeners.clear();
    }

    fn burn(&self) {
        self.burning.store(true, Ordering::Relaxed);
        for _ in 0..BURNERS {
            let burning = Arc::clone(&self.burning);
            std::thread::spawn(move || {
                while burning.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
    }

    fn accept(&mut self) {
        for listener in &self.listeners {
            while let Ok((stream, _)) = listener.accept() {
                let state = stream.local_addr().ok();
                let state = state.and_then(|address| State::of_port(address.port()));
                let ready =
                    stream.set_nonblocking(true).is_ok() && stream.set_nodelay(true).is_ok();
                if let (Some(state), true) = (state, ready) {
                    self.connections.push(Connection::new(stream, state));
                }
            }
        }
    }
}

/// A listener at all addresses of this host, whose connections have a small receive buffer.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let listener = TcpListener::from(unconnected(address)?);
    sockopt::set_ipv6_v6only(&listener, false)?;
    sockopt::set_socket_reuseaddr(&listener, true)?;
    sockopt::set_socket_recv_buffer_size(&listener, RECEIVE_BUFFER)?;
    set_max_segment(&listener, MSS)?;
    bind(&listener, &address)?;
    rustix::net::listen(&listener, 128)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
