//! What systemd is told (sd_notify(3)), and how often it wants to hear from us.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use deadpeer_sys::clock;

/// Whoever has started us, if it wants to hear.
#[derive(Debug)]
pub(crate) struct Supervisor {
    /// `None`: nobody does.
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
    next: Instant,
}

impl Supervisor {
    /// By the environment that systemd has set: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and
    /// `WATCHDOG_PID`.
    pub(crate) fn of_environment() -> io::Result<Self> {
        let socket = match env::var_os("NOTIFY_SOCKET") {
            Some(name) => Some((UnixDatagram::unbound()?, address(name.as_bytes())?)),
            None => None,
        };
        let number = |name| -> Option<u64> { env::var(name).ok()?.parse().ok() };
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC")
            .filter(|_| ours)
            .map(Duration::from_micros);
        Ok(Self {
            socket,
            // Twice as often as it must be.
            watchdog: watchdog.map(|every| every / 2),
            next: Instant::now(),
        })
    }

    /// The work has begun, or goes on after a reload.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The configuration is read again.
    pub(crate) fn reloading(&self) {
        let now = clock::monotonic().as_micros();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
    }

    /// The work is over.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// When it wants to hear from us.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.watchdog.map(|_| self.next)
    }

    /// The work goes on.
    pub(crate) fn alive(&mut self, now: Instant) {
        if let Some(every) = self.watchdog.filter(|_| now >= self.next) {
            self.tell("WATCHDOG=1");
            self.next = now + every;
        }
    }

    fn tell(&self, words: &str) {
        if let Some((socket, address)) = &self.socket {
            // A supervisor that is gone needs to hear nothing.
            let _ = socket.send_to_addr(words.as_bytes(), address);
        }
    }
}

/// A path, or an abstract name behind `@`.
fn address(name: &[u8]) -> io::Result<SocketAddr> {
    match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(std::path::Path::new(std::ffi::OsStr::from_bytes(name))),
    }
}
