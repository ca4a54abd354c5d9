//! Being told to end: by Ctrl-C, by SIGTERM, by a terminal that goes.

use crate::exit::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Becomes readable with the first signal to end. The second ends the process where it stands.
#[derive(Debug)]
pub(super) struct Interrupt(UnixStream);

impl Interrupt {
    pub(super) fn watched() -> Result<Self, Stop> {
        let watched = || {
            let (read, write) = UnixStream::pair()?;
            let once = Arc::new(AtomicBool::new(false));
            for signal in [SIGINT, SIGTERM, SIGHUP] {
                signal_hook::flag::register_conditional_shutdown(
                    signal,
                    128 + signal,
                    Arc::clone(&once),
                )?;
                signal_hook::flag::register(signal, Arc::clone(&once))?;
                signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
            }
            Ok(Self(read))
        };
        watched().map_err(|error: std::io::Error| {
            Stop::because(format!("cannot watch for signals: {error}"))
        })
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
