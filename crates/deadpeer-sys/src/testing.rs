//! What the tests of this workspace share: private namespaces and honest skips.
//!
//! Behind the feature `testing`; no product code sees it.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _};

use crate::netns::{self, NetnsError};
use crate::signals::{self, Signal};
use crate::sockopt::raw;
use crate::{SysError, door, tcp_info};

/// Runs a test in a network namespace of its own, or skips it where none can be made.
///
/// Root can always make one. Anybody else runs the tests inside `unshare -Ur`.
///
/// # Panics
/// With the panic of `test`; instead of skipping if `DEADPEER_NO_SKIP=1`; and if a namespace could
/// be made but not set up.
pub fn in_private_netns(test: impl FnOnce() + Send) {
    heed_signals();
    match netns::private(test) {
        Ok(()) => {}
        Err(NetnsError::Call(error)) if error.call == "unshare" => {
            skip(&format!("no private network namespace ({error})"));
        }
        Err(error) => panic!("setting up a private network namespace: {error}"),
    }
}

/// Ignores SIGINT, SIGQUIT and SIGHUP no longer, which whoever started the tests may have done:
/// nohup(1), or a script in whose background they run. Programs that they start inherit it
/// (signal(7)), and are ended by these signals.
///
/// # Panics
/// If the kernel refuses.
pub fn heed_signals() {
    for signal in [Signal::INT, Signal::QUIT, Signal::HUP] {
        signals::heed(signal).expect("nothing but a wrong number is refused");
    }
}

/// Says why a test cannot run here. The test returns after it.
///
/// # Panics
/// If `DEADPEER_NO_SKIP=1`: there, a skip is a failure.
pub fn skip(why: &str) {
    assert!(
        std::env::var_os("DEADPEER_NO_SKIP").is_none_or(|v| v != "1"),
        "SKIP is a failure here (DEADPEER_NO_SKIP=1): {why}"
    );
    #[expect(
        clippy::print_stderr,
        reason = "a skipped test says so, and this module is for tests alone"
    )]
    {
        eprintln!("SKIP: {why}");
    }
}

/// `getsockopt(TCP_INFO)` and nothing else, again and again: what a benchmark compares with.
///
/// # Errors
/// `fd` is no TCP socket.
pub fn ask_tcp_info(fd: impl AsFd, times: u32) -> Result<(), SysError> {
    let mut room = MaybeUninit::new([0; tcp_info::BUFFER]);
    for _ in 0..times {
        tcp_info::read_bytes(fd.as_fd().as_raw_fd(), &mut room)?;
        std::hint::black_box(&room);
    }
    Ok(())
}

/// Sets `SO_MAX_PACING_RATE`, bytes a second: the socket then stamps what it sends with the moment
/// when it is its turn, which may be one to come, as it does under a congestion control that paces
/// itself.
///
/// # Errors
/// `fd` is no socket.
pub fn pace(fd: impl AsFd, bytes_per_s: u32) -> Result<(), SysError> {
    let call = "setsockopt(SO_MAX_PACING_RATE)";
    raw::write(
        fd,
        libc::SOL_SOCKET,
        libc::SO_MAX_PACING_RATE,
        &bytes_per_s,
        call,
    )
}

/// Whether the calling thread has left the network namespace that the process was started in.
pub fn is_private() -> Result<bool, SysError> {
    let inode = |path| door::call("stat", || rustix::fs::stat(path)).map(|stat| stat.st_ino);
    // The first thread of a process is the one that /proc/self shows.
    Ok(inode("/proc/thread-self/ns/net")? != inode("/proc/self/ns/net")?)
}

/// Whether the kernel has a socket with this cookie in its table, closed by its owner or not.
///
/// # Errors
/// The table cannot be read.
#[cfg(feature = "sock_diag")]
pub fn is_in_the_table(cookie: u64) -> Result<bool, crate::sock_diag::DumpError> {
    use std::ops::ControlFlow;

    use crate::sock_diag::{Request, SockDiag, States};

    let request = Request {
        states: States::ALL,
        tcp_info: false,
    };
    let mut found = false;
    let mut table = SockDiag::open()?;
    table.dump(request, |socket| {
        found |= socket.cookie == cookie;
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
