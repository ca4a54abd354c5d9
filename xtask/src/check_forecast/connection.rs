//! The two ends of a connection on loopback, and what can be done to them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use deadpeer_core::{Effective, SocketOptions, TcpInfo, TcpState};
use deadpeer_sys::sockopt;
use socket2::{Domain, Socket, Type};

/// Small segments, so that a window closes to 0 and not to less than a segment.
const MSS: u32 = 1_400;
/// How long the kernel may take for what takes it microseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Our end, whose kernel timers are under test, and the peer's.
pub(super) struct Connection {
    pub(super) ours: Socket,
    /// The peer's end; for a connection that is never accepted its listener.
    peer: Socket,
    pub(super) cookie: u64,
    /// When the options were set, which armed the keepalive timer.
    set_at: Instant,
}

impl Connection {
    /// Establishes a connection with these options on our end.
    pub(super) fn establish(options: &SocketOptions, ipv6: bool, accepted: bool) -> Result<Self> {
        let listener = listener(ipv6)?;
        let client = Socket::new(domain(ipv6), Type::STREAM, None)?;
        client.set_tcp_mss(MSS)?;
        client
            .connect(&listener.local_addr()?)
            .context("connect on loopback")?;
        let (server, _) = listener.accept().context("accept on loopback")?;
        let (ours, peer) = if accepted {
            (server, client)
        } else {
            (client, server)
        };
        ours.set_nonblocking(true)?;
        ours.set_tcp_nodelay(true)?;
        set(&ours, options)?;
        let cookie = sockopt::cookie(&ours)?;
        Ok(Self {
            ours,
            peer,
            cookie,
            set_at: Instant::now(),
        })
    }

    /// Starts connecting to a host that does not answer.
    pub(super) fn connect_to_nobody(options: &SocketOptions, ipv6: bool) -> Result<Self> {
        let peer = listener(ipv6)?;
        sockopt::mute(&peer)?;
        let ours = Socket::new(domain(ipv6), Type::STREAM, None)?;
        set(&ours, options)?;
        ours.set_nonblocking(true)?;
        match ours.connect(&peer.local_addr()?) {
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            other => bail!("connect() to a mute listener: {other:?}"),
        }
        let cookie = sockopt::cookie(&ours)?;
        Ok(Self {
            ours,
            peer,
            cookie,
            set_at: Instant::now(),
        })
    }

    /// The wait that the keepalive timer was armed for when its options were set, if it cannot have fired since.
    pub(super) fn wait_of_unfired_keepalive(&self, options: &Effective) -> Option<Duration> {
        let idle = Duration::from_secs(u64::from(options.keepidle_s));
        (self.set_at.elapsed() < idle).then_some(idle)
    }

    /// A few bytes arrive from the peer.
    pub(super) fn hear(&mut self) -> Result<()> {
        (&self.peer)
            .write_all(b"life")
            .context("write at the peer")?;
        let _read = (&self.ours).read(&mut [0; 16]);
        Ok(())
    }

    /// From now on the peer's host drops all we send.
    pub(super) fn vanish(&self) -> Result<()> {
        Ok(sockopt::mute(&self.peer)?)
    }

    pub(super) fn write(&self) -> Result<()> {
        (&self.ours)
            .write_all(b"?")
            .context("write to a vanished peer")
    }

    pub(super) fn finish(&self) -> Result<()> {
        self.ours.shutdown(Shutdown::Write).context("shutdown")
    }

    pub(super) fn wait_for_acknowledged_fin(&self) -> Result<()> {
        self.wait("FIN_WAIT2", |info| info.state == Some(TcpState::FinWait2))
    }

    /// Writes until the peer's window is closed and nothing is in flight.
    pub(super) fn close_window(&self) -> Result<()> {
        let chunk = [0; 65_536];
        loop {
            match (&self.ours).write(&chunk) {
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
        while !reached(&deadpeer_sys::tcp_info(&self.ours)?) {
            if start.elapsed() > PATIENCE {
                bail!(
                    "no {what} after {PATIENCE:?}: {:?}",
                    deadpeer_sys::tcp_info(&self.ours)?
                );
            }
            std::thread::yield_now();
        }
        Ok(())
    }
}

fn listener(ipv6: bool) -> Result<Socket> {
    let listener = Socket::new(domain(ipv6), Type::STREAM, None)?;
    listener.set_tcp_mss(MSS)?;
    listener.set_recv_buffer_size(8_192)?;
    let address: SocketAddr = if ipv6 {
        (Ipv6Addr::LOCALHOST, 0).into()
    } else {
        (Ipv4Addr::LOCALHOST, 0).into()
    };
    listener.bind(&address.into())?;
    listener.listen(1)?;
    Ok(listener)
}

fn domain(ipv6: bool) -> Domain {
    if ipv6 { Domain::IPV6 } else { Domain::IPV4 }
}

fn set(socket: &Socket, options: &SocketOptions) -> Result<()> {
    use deadpeer::Apply as _;
    let applied = options.apply(socket)?;
    if !applied.is_complete() {
        bail!(
            "this kernel has not every option: {:?}",
            applied.unsupported
        );
    }
    Ok(())
}
