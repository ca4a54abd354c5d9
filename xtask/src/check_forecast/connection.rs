//! The two ends of a connection, and what can be done to them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use deadpeer_core::{Effective, SocketOptions, TcpInfo};
use deadpeer_lab::Host;
use deadpeer_sys::sockopt;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::time::Timespec;
use socket2::{Domain, Socket, Type};

use super::paths::{Paths, Place};
use super::scenario::Scenario;

/// Small segments, so that a window closes to 0 and not to less than a segment.
const MSS: u32 = 1_400;
/// The size of a response.
const RESPONSE: usize = 5_000;
/// How long the kernel may take for what takes it microseconds, or a handshake on the longest path.
const PATIENCE: Duration = Duration::from_secs(5);

/// Our end, whose kernel timers are under test, and the peer's.
pub(super) struct Connection {
    /// Our end; `None` once it is closed, or where there is none but a request in a listener's
    /// queue.
    ours: Option<Socket>,
    /// The peer's end; its listener for a connection that is never accepted; our listener for a
    /// request.
    peer: Socket,
    /// Our address and the peer's.
    pub(super) ends: (SocketAddr, SocketAddr),
    /// What is in force: read when asked about, the last time before close().
    options: Effective,
}

/// A connection whose handshake runs.
pub(super) struct Handshake {
    listener: Socket,
    client: Socket,
}

impl Handshake {
    /// Begins a connection as the scenario wants it.
    pub(super) fn begin(scenario: &Scenario, paths: &Paths) -> Result<Self> {
        let (near, far) = (paths.near()?, paths.peer(scenario.place)?);
        let (listening, connecting) = if scenario.accepted {
            (near, far)
        } else {
            (far, near)
        };
        for (name, on) in [
            ("tcp_timestamps", scenario.timestamps),
            ("tcp_sack", scenario.sack),
        ] {
            near.sysctl(&format!("net.ipv4.{name}"), u32::from(on))?;
        }
        let listener = listener(listening, scenario)?;
        let client = client(connecting, scenario.ipv6)?;
        connect(&client, &listener)?;
        Ok(Self { listener, client })
    }

    /// Waits for its end and sets the options.
    pub(super) fn finish(self, scenario: &Scenario) -> Result<Connection> {
        ready(&self.client, PollFlags::OUT).context("the handshake")?;
        ready(&self.listener, PollFlags::IN).context("the handshake")?;
        let (server, _) = self.listener.accept().context("accept")?;
        let (ours, peer) = if scenario.accepted {
            (server, self.client)
        } else {
            (self.client, server)
        };
        ours.set_nonblocking(true)?;
        ours.set_tcp_nodelay(true)?;
        set(&ours, &scenario.options)?;
        if scenario.thin {
            sockopt::set_thin_linear_timeouts(&ours, true)?;
            // BBR never leaves the initial slow start, in which no stream counts as thin.
            ours.set_tcp_congestion(b"reno")?;
        }
        Connection::of(Some(ours), peer)
    }
}

impl Connection {
    fn of(ours: Option<Socket>, peer: Socket) -> Result<Self> {
        let of = ours.as_ref().context("our end is open")?;
        let ends = (address(of.local_addr()?)?, address(of.peer_addr()?)?);
        let options = sockopt::effective(of)?;
        Ok(Self {
            ends,
            options,
            ours,
            peer,
        })
    }

    /// Starts connecting to a host that does not answer.
    pub(super) fn to_nobody(scenario: &Scenario, paths: &Paths) -> Result<Self> {
        let peer = listener(paths.peer(scenario.place)?, scenario)?;
        sockopt::mute(&peer)?;
        let ours = client(paths.near()?, scenario.ipv6)?;
        set(&ours, &scenario.options)?;
        connect(&ours, &peer)?;
        let ends = (address(ours.local_addr()?)?, address(peer.local_addr()?)?);
        let options = sockopt::effective(&ours)?;
        Ok(Self {
            ends,
            options,
            ours: Some(ours),
            peer,
        })
    }

    /// Somebody asks for a connection and is gone before the answer.
    pub(super) fn request(scenario: &Scenario, paths: &Paths) -> Result<Self> {
        let near = paths.near()?;
        let listener = listener(near, scenario)?;
        if let Some(retries) = scenario.options.syncnt {
            sockopt::set_syncnt(&listener, retries)?;
        }
        let client = client(paths.peer(Place::Gone)?, scenario.ipv6)?;
        connect(&client, &listener)?;
        let ends = (
            address(listener.local_addr()?)?,
            address(client.local_addr()?)?,
        );
        let mut options = sockopt::effective(&listener)?;
        options.syncnt = scenario.options.syncnt;
        // The client's socket ends here, and its SYN is not repeated.
        Ok(Self {
            ends,
            options,
            ours: None,
            peer: listener,
        })
    }

    /// Our end, while its descriptor is open.
    pub(super) fn ours(&self) -> Option<&Socket> {
        self.ours.as_ref()
    }

    fn open(&self) -> Result<&Socket> {
        self.ours.as_ref().context("our end is closed already")
    }

    /// The settings in force.
    pub(super) fn options(&mut self) -> Result<Effective> {
        if let Some(ours) = &self.ours {
            self.options = sockopt::effective(ours)?;
        }
        Ok(self.options)
    }

    /// A few bytes arrive from the peer.
    pub(super) fn hear(&self) -> Result<()> {
        (&self.peer)
            .write_all(b"life")
            .context("write at the peer")?;
        let _read = self.open()?.read(&mut [0; 16]);
        Ok(())
    }

    /// From now on the peer's host drops all we send.
    pub(super) fn mute(&self) -> Result<()> {
        Ok(sockopt::mute(&self.peer)?)
    }

    /// The peer's host takes what we send again.
    pub(super) fn unmute(&self) -> Result<()> {
        Ok(sockopt::unmute(&self.peer)?)
    }

    pub(super) fn write(&self) -> Result<()> {
        self.open()?
            .write_all(b"?")
            .context("write to a vanished peer")
    }

    pub(super) fn respond(&self) -> Result<()> {
        let written = self.open()?.write(&[b'!'; RESPONSE]);
        ensure!(written? == RESPONSE, "a small response fits the buffer");
        Ok(())
    }

    /// Whether the peer has all of the response, and its end.
    pub(super) fn has_arrived(&self) -> Result<bool> {
        self.peer.set_nonblocking(true)?;
        let mut response = Vec::new();
        let ended = (&self.peer).read_to_end(&mut response).is_ok();
        Ok(ended && response.len() == RESPONSE)
    }

    pub(super) fn finish(&self) -> Result<()> {
        self.open()?.shutdown(Shutdown::Write).context("shutdown")
    }

    pub(super) fn peer_finishes(&self) -> Result<()> {
        self.peer
            .shutdown(Shutdown::Write)
            .context("shutdown at the peer")
    }

    /// Another keepalive interval, which an armed timer doesn't heed.
    pub(super) fn set_interval(&self, seconds: u32) -> Result<()> {
        Ok(sockopt::set_keepintvl_s(self.open()?, seconds)?)
    }

    /// The application closes its end; what came is read before, else the kernel would reset the
    /// connection.
    pub(super) fn close(&mut self) -> Result<()> {
        self.options()?;
        let mut ours = self.open()?;
        while ours.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
        self.ours = None;
        Ok(())
    }

    /// Writes until the peer's window is closed and nothing is in flight.
    pub(super) fn close_window(&self) -> Result<()> {
        let mut ours = self.open()?;
        let chunk = [0; 65_536];
        loop {
            match ours.write(&chunk) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("fill the peer's window"),
            }
        }
        self.wait("a closed window", |info| {
            info.unacked == Some(0) && info.snd_wnd == Some(0) && info.notsent_bytes > Some(0)
        })
    }

    fn wait(&self, what: &str, reached: impl Fn(&TcpInfo) -> bool) -> Result<()> {
        let start = Instant::now();
        while !reached(&deadpeer_sys::tcp_info(self.open()?)?) {
            if start.elapsed() > PATIENCE {
                bail!(
                    "no {what} after {PATIENCE:?}: {:?}",
                    deadpeer_sys::tcp_info(self.open()?)?
                );
            }
            std::thread::yield_now();
        }
        Ok(())
    }
}

fn listener(host: &Host, scenario: &Scenario) -> Result<Socket> {
    let listener = host.enter(|| Socket::new(domain(scenario.ipv6), Type::STREAM, None))??;
    listener.set_tcp_mss(MSS)?;
    listener.set_recv_buffer_size(8_192)?;
    listener.bind(&Paths::address(host, scenario.place, scenario.ipv6).into())?;
    listener.listen(1)?;
    Ok(listener)
}

fn client(host: &Host, ipv6: bool) -> Result<Socket> {
    let client = host.enter(|| Socket::new(domain(ipv6), Type::STREAM, None))??;
    client.set_tcp_mss(MSS)?;
    client.set_recv_buffer_size(8_192)?;
    Ok(client)
}

/// Sends the SYN, and does not wait for an answer.
fn connect(client: &Socket, listener: &Socket) -> Result<()> {
    client.set_nonblocking(true)?;
    let in_progress = Errno::INPROGRESS.raw_os_error();
    match client.connect(&listener.local_addr()?) {
        Err(error) if error.raw_os_error() != Some(in_progress) => Err(error).context("connect"),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn ready(socket: &Socket, what: PollFlags) -> Result<()> {
    let patience = Timespec::try_from(PATIENCE)?;
    let ready = poll(&mut [PollFd::new(socket, what)], Some(&patience))?;
    ensure!(ready > 0, "nothing after {PATIENCE:?}");
    Ok(())
}

fn address(address: socket2::SockAddr) -> Result<SocketAddr> {
    address.as_socket().context("an address of another family")
}

fn domain(ipv6: bool) -> Domain {
    if ipv6 { Domain::IPV6 } else { Domain::IPV4 }
}

fn set(socket: &Socket, options: &SocketOptions) -> Result<()> {
    use deadpeer::Apply as _;
    let applied = options.apply(socket)?;
    ensure!(
        applied.is_complete(),
        "this kernel has not every option: {:?}",
        applied.unsupported
    );
    Ok(())
}
