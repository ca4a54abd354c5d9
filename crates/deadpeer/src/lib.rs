//! Is the other end of this TCP connection still there, and how long until I would notice that it
//! isn't?
//!
//! A peer that loses its power, its network or its route says nothing. By default Linux notices
//! after two hours, after a quarter of an hour, or never, depending on what the connection was
//! doing at the time. This crate takes the one number that you know, the deadline.
//!
//! **One call** sets the socket options by which the kernel keeps the deadline in every state of
//! the connection, or says which deadline it could keep:
//!
//! ```
//! # use std::net::{TcpListener, TcpStream};
//! # use std::time::Duration;
//! # fn main() -> std::io::Result<()> {
//! # let listener = TcpListener::bind("127.0.0.1:0")?;
//! # let socket = TcpStream::connect(listener.local_addr()?)?;
//! # if !deadpeer::running_kernel()?.rto_max_option { return Ok(()); }
//! deadpeer::protect(&socket, Duration::from_secs(60))?;
//! # Ok(())
//! # }
//! ```
//!
//! **A pool** asks before it hands a connection out, and gets one answer:
//!
//! ```
//! # use std::net::{TcpListener, TcpStream};
//! # use std::time::Duration;
//! # fn main() -> std::io::Result<()> {
//! # let listener = TcpListener::bind("127.0.0.1:0")?;
//! # let socket = TcpStream::connect(listener.local_addr()?)?;
//! # let timeout = Duration::from_millis(500);
//! if deadpeer::reusable(&socket, timeout)?.is_reusable() {
//!     // It has not ended, and its peer was heard within the last second or answered just now.
//! }
//! # Ok(())
//! # }
//! ```
//!
//! **A stream of tokio** fails with `ETIMEDOUT` when its peer is gone, whatever stands on it; axum,
//! hyper-util and tower know what to do with it (feature `tokio` and its neighbours below):
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example(stream: tokio::net::TcpStream) -> std::io::Result<()> {
//! use deadpeer::tokio::{Guard, Guarded};
//! # use std::time::Duration;
//!
//! let guard = Guard::within(Duration::from_secs(30))?; // One for all.
//! let stream = Guarded::new(stream, &guard)?;
//! # Ok(())
//! # }
//! ```
//!
//! Any socket will do: `std`, `socket2`, `mio`, `tokio` or a bare descriptor; IPv4 and IPv6; fresh,
//! connecting, connected or accepted. Options on a listener go to every connection that it accepts
//! from then on. Every error becomes an [`std::io::Error`] by `?`.
//!
//! # With more choice
//!
//! ```
//! use deadpeer::{Apply, Policy, SlowReaders};
//! # use std::net::{TcpListener, TcpStream};
//! # use std::time::Duration;
//! # let listener = TcpListener::bind("127.0.0.1:0")?;
//! # let socket = TcpStream::connect(listener.local_addr()?)?;
//!
//! let policy = Policy::detect_within(Duration::from_secs(60)).slow_readers(SlowReaders::Drop);
//! let plan = policy.plan(&deadpeer::running_kernel()?)?;
//! plan.apply(&socket)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Policy`] has what [`protect`] decides for you. From Linux 6.15 on, live peers that are slow
//!   to read are left alone; on an older kernel a short deadline needs [`SlowReaders::Drop`], and
//!   [`Refusal`] says what else could be had.
//! - [`Applied`] is what the kernel made of it, read back; [`options()`] reads it at any time, the
//!   system's defaults included.
//! - [`inspect`] reads what the kernel knows of a connection, without touching a byte of it.
//! - [`Forecast`] tells from both when a peer that vanishes now would be noticed, and what becomes
//!   of what was written before close().
//!
//! # Is it still there?
//!
//! ```
//! # use deadpeer::{Answer, Supervision, Watch};
//! # use std::net::{TcpListener, TcpStream};
//! # use std::time::Duration;
//! # let listener = TcpListener::bind("127.0.0.1:0")?;
//! # let socket = TcpStream::connect(listener.local_addr()?)?;
//! // Ask its kernel now. No byte of the application's is sent.
//! let answer = deadpeer::ping(&socket, Duration::from_secs(1))?;
//! # assert!(matches!(answer, Answer::NotNow(_)));
//!
//! // Wait until it is gone. No byte is read, no error taken, and data wakes nobody.
//! let death = deadpeer::died(&socket, Some(Duration::from_millis(10)))?;
//! # assert_eq!(death, None);
//!
//! // Watch thousands through one descriptor, and be told who is unreachable.
//! let mut watch = Watch::supervised(Supervision::within(Duration::from_secs(30)))?;
//! watch.add(&socket, 1)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`died`] is for code that does long work on behalf of a peer that may leave;
//!   `deadpeer::tokio::died` for `select!`.
//! - [`Watch`] is for servers with an event loop of their own. It explains the two ways to be
//!   protected, by the kernel alone or supervised.
//! - [`Cause`] says why a connection ended; [`take_error`] takes its error for that, and says what
//!   that costs.
//!
//! | feature | what it adds |
//! |---|---|
//! | `tokio` | the module `deadpeer::tokio`: guarded streams, `died`, `ping`, `reusable`, and a `Watch` for tasks |
//! | `axum` | a listener whose connections are guarded |
//! | `hyper-util` | a connector whose connections are guarded, and a pool that hands out no doubtful one |
//! | `tower` | `CancelWhenGone`: drops a handler when its client is gone |
//! | `mio` | [`Watch`] is a source of events |
//! | `heartbeat` | the module `deadpeer::heartbeat`: a heartbeat over any tokio stream |
//!
//! Nothing here needs a privilege, starts a thread or touches data. `Watch` and what stands on it
//! need Linux 4.12. For a program that is built for other systems, too, depend on it where it
//! builds, and leave its calls out elsewhere (`#[cfg(target_os = "linux")]`):
//!
//! ```toml
//! [target.'cfg(target_os = "linux")'.dependencies]
//! deadpeer = "0.1"
//! ```
//!
//! What it can't see: a peer whose kernel answers while its program hangs, and a proxy that answers
//! for a peer that is gone. Only a heartbeat of the application's own protocol finds those out.
#![forbid(unsafe_code)]

mod apply;
#[cfg(feature = "axum")]
pub mod axum;
mod death;
mod died;
mod error;
#[cfg(feature = "heartbeat")]
pub mod heartbeat;
#[cfg(feature = "hyper-util")]
pub mod hyper_util;
mod inspect;
mod io_error;
#[cfg(feature = "mio")]
pub mod mio;
mod ping;
mod protect;
mod reusable;
mod take_error;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(feature = "tower")]
pub mod tower;
mod watch;

pub use apply::{Applied, Apply, ApplyError, Difference, Lack, Unsupported};
pub use death::{Death, Ending, Evidence, HalfClose};
pub use died::{WatchError, died, died_with};
pub use error::SocketError;
pub use inspect::{inspect, options};
pub use ping::{Answer, NotNow, Ping, Pingable, lent_to_ping, ping};
pub use protect::{ProtectError, Protected, protect};
pub use reusable::{NotReusable, Reuse, reusable};
pub use take_error::take_error;
pub use watch::{AddError, Event, NewWatchError, News, Slip, Watch};

pub use deadpeer_core::forecast::Forecast;
pub use deadpeer_core::policy::{Plan, Policy, Refusal, SlowReaders};
pub use deadpeer_core::sysctl::InvalidSysctl;
pub use deadpeer_core::verdict::{Supervision, Verdict};
pub use deadpeer_core::{
    Cause, Effective, Finding, Kernel, KernelVersion, SocketOptions, Sysctls, TcpInfo, TcpState,
};
pub use deadpeer_sys::readiness::Signs;
pub use deadpeer_sys::sysctl::SysctlError;
pub use deadpeer_sys::{Errno, SysError, kernel_version, running_kernel};

/// What a [`Forecast`] says, and of what.
pub mod forecast {
    pub use deadpeer_core::forecast::{AfterClose, Notice, Outlook, Silence, Snapshot, Span};
}

/// Why a [`Policy`] is refused, and what would not be.
pub mod policy {
    pub use deadpeer_core::policy::{LONGEST_DEADLINE, Reason, Relaxation};
}

/// What [`SocketOptions`] are made of.
pub mod setting {
    pub use deadpeer_core::options::{Asked, OptionFacts, OutOfRange, Setting, SocketOption};
}

/// How a [`Verdict`] comes about.
pub mod verdict {
    pub use deadpeer_core::verdict::{Judge, Keeps, Loss, Preference, UserTimeout};
}
