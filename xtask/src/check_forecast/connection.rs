//! The two ends of a connection, and what can be done to them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use deadpeer_core::{Effective, SocketOptions, TcpInfo, TcpState};
use deadpeer_lab::Host;
use deadpeer_sys::sockopt;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::bind;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::time::Timespec;

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
    ours: Option<TcpStream>,
    /// The peer's end; its listener for a connection that is never accepted; our listener for a
    /// request.
    peer: Peer,
    /// Our address and the peer's.
    pub(super) ends: (SocketAddr, SocketAddr),
    /// What is in force: read when asked about, the last time before close().
    options: Effective,
}

/// A connection whose handshake runs.
pub(super) struct Handshake {
    listener: TcpListener,
    client: TcpStream,
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
        ours.set_nodelay(true)?;
        set(&ours, &scenario.options)?;
        if scenario.thin {
            sockopt::set_thin_linear_timeouts(&ours, true)?;
            // BBR never leaves the initial slow start, in which no stream counts as thin.
            rustix::net::sockopt::set_tcp_congestion(&ours, "reno")?;
        }
        Connection::of(ours, peer)
    }
}

impl Connection {
    fn of(ours: TcpStream, peer: TcpStream) -> Result<Self> {
        let ends = (ours.local_addr()?, ours.peer_addr()?);
        let options = sockopt::effective(&ours)?;
        Ok(Self {
            ends,
            options,
            ours: Some(ours),
            peer: Peer::Stream(peer),
        })
    }

    /// Starts connecting to a host that does not answer.
    pub(super) fn to_nobody(scenario: &Scenario, paths: &Paths) -> Result<Self> {
        let peer = listener(paths.peer(scenario.place)?, scenario)?;
        sockopt::mute(&peer)?;
        let ours = client(paths.near()?, scenario.ipv6)?;
        set(&ours, &scenario.options)?;
        connect(&ours, &peer)?;
        let ends = (ours.local_addr()?, peer.local_addr()?);
        let options = sockopt::effective(&ours)?;
        Ok(Self {
            ends,
            options,
            ours: Some(ours),
            peer: Peer::Listener(peer),
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
        let ends = (listener.local_addr()?, client.local_addr()?);
        let mut options = sockopt::effective(&listener)?;
        options.syncnt = scenario.options.syncnt;
        // The client's socket ends here, and its SYN is not repeated.
        Ok(Self {
            ends,
            options,
            ours: None,
            peer: Peer::Listener(listener),
        })
    }

    /// Our end, while its descriptor is open.
    pub(super) fn ours(&self) -> Option<&TcpStream> {
        self.ours.as_ref()
    }

    fn open(&self) -> Result<&TcpStream> {
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
        self.peer
            .stream()?
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

    /// The first ten segments are not paced (net/ipv4/tcp_output.c, `tcp_update_skb_after_send`).
    pub(super) fn warm_up(&self) -> Result<()> {
        (0..12).try_for_each(|_| self.write())
    }

    /// Writes 1,000 bytes, at `rate` a second.
    pub(super) fn write_paced(&self, rate: u32) -> Result<()> {
        deadpeer_sys::testing::pace(self.open()?, rate)?;
        self.open()?
            .write_all(&[b'?'; 1_000])
            .context("write to a vanished peer")
    }

    /// Whether the peer has all of the response, and its end.
    pub(super) fn has_arrived(&self) -> Result<bool> {
        let mut peer = self.peer.stream()?;
        peer.set_nonblocking(true)?;
        let mut response = Vec::new();
        let ended = peer.read_to_end(&mut response).is_ok();
        Ok(ended && response.len() == RESPONSE)
    }

    pub(super) fn finish(&self) -> Result<()> {
        self.open()?.shutdown(Shutdown::Write).context("shutdown")
    }

    /// Waits until our FIN is acknowledged.
    pub(super) fn await_acknowledgement(&self) -> Result<()> {
        self.wait("acknowledged FIN", |info| {
            info.state == Some(TcpState::FinWait2)
        })
    }

    pub(super) fn peer_finishes(&self) -> Result<()> {
        self.peer
            .stream()?
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

fn listener(host: &Host, scenario: &Scenario) -> Result<TcpListener> {
    let address = Paths::address(host, scenario.place, scenario.ipv6);
    let listener = TcpListener::from(socket(host, address)?);
    bind(&listener, &address)?;
    rustix::net::listen(&listener, 1)?;
    Ok(listener)
}

fn client(host: &Host, ipv6: bool) -> Result<TcpStream> {
    let any: IpAddr = match ipv6 {
        true => Ipv6Addr::UNSPECIFIED.into(),
        false => Ipv4Addr::UNSPECIFIED.into(),
    };
    Ok(socket(host, SocketAddr::new(any, 0))?.into())
}

/// With small segments and a small window.
fn socket(host: &Host, address: SocketAddr) -> Result<OwnedFd> {
    let socket = host.enter(|| deadpeer_sys::unconnected(address))??;
    sockopt::set_max_segment(&socket, MSS)?;
    set_socket_recv_buffer_size(&socket, 8_192)?;
    Ok(socket)
}

/// Sends the SYN, and does not wait for an answer.
fn connect(client: &TcpStream, listener: &TcpListener) -> Result<()> {
    client.set_nonblocking(true)?;
    match rustix::net::connect(client, &listener.local_addr()?) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(()),
        Err(errno) => Err(errno).context("connect"),
    }
}

fn ready(socket: &impl AsFd, what: PollFlags) -> Result<()> {
    let patience = Timespec::try_from(PATIENCE)?;
    let ready = poll(&mut [PollFd::new(socket, what)], Some(&patience))?;
    ensure!(ready > 0, "nothing after {PATIENCE:?}");
    Ok(())
}

/// The other end, as far as it came.
enum Peer {
    Stream(TcpStream),
    Listener(TcpListener),
}

impl Peer {
    fn stream(&self) -> Result<&TcpStream> {
        match self {
            Self::Stream(stream) => Ok(stream),
            Self::Listener(_) => bail!("the peer has not accepted"),
        }
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Stream(stream) => stream.as_fd(),
            Self::Listener(listener) => listener.as_fd(),
        }
    }
}

fn set(socket: &TcpStream, options: &SocketOptions) -> Result<()> {
    use deadpeer::Apply as _;
    let applied = options.apply(socket)?;
    ensure!(
        applied.is_complete(),
        "this kernel has not every option: {:?}",
        applied.unsupported
    );
    Ok(())
}
