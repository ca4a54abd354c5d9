//! Is the other end of this TCP connection still there, and how long until I would notice that it isn't?
//!
//! A peer that loses its power, its network or its route says nothing. By default Linux notices after two
//! hours, after a quarter of an hour, or never, depending on what the connection was doing at the time.
//! This crate takes the one number that you know, the deadline, and sets the socket options that keep it
//! in every state of the connection:
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
//! From Linux 6.15 on the second half of the first line can go: live peers that are slow to read are then
//! left alone. On an older kernel a plan without it is refused, and [`Refusal`] says what could be had.
//!
//! Any socket will do: `std`, `socket2`, `mio`, `tokio` or a bare descriptor; IPv4 and IPv6; fresh,
//! connecting, connected or accepted. Applied to a listener, the options go to every connection that it
//! accepts from then on. [`Applied`] is what the kernel made of it, read back.
//!
//! - [`options()`] reads what is in force on a socket, the system's defaults included.
//! - [`inspect`] reads what the kernel knows of a connection, without touching a byte of it.
//! - [`Forecast`] tells from both when a peer that vanishes now would be noticed.
//!
//! # Is it still there?
//!
//! How to learn that the other end is gone without reading or writing, in three strengths:
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
//! - [`ping()`] is for the moment of need: before a connection from a pool is handed out.
//! - [`died`] is for who does long work on behalf of a peer that may leave; `deadpeer::tokio::died` for `select!`.
//! - [`Watch`] is for servers. It explains the two ways to be protected, by the kernel alone or supervised.
//! - [`Cause`] says why a connection ended; [`take_error`] takes its error for that, and says what that costs.
//!
//! | feature | what it adds |
//! |---|---|
//! | `tokio` | the module `deadpeer::tokio`: `died`, `ping`, and a `Watch` for tasks |
//! | `mio` | [`Watch`] is a source of events |
//! | `heartbeat` | the module `deadpeer::heartbeat`: a heartbeat over any tokio stream |
//!
//! Nothing here needs a privilege, starts a thread or touches data. Linux only; `Watch` needs 4.12.
//!
//! What it can't see: a peer whose kernel answers while its program hangs, and a proxy that answers for a peer that
//! is gone. Only a heartbeat of the application's own protocol finds those out.
#![forbid(unsafe_code)]

mod apply;
#[cfg(feature = "axum")]
pub mod axum;
mod death;
mod died;
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
mod setting;
mod take_error;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(feature = "tower")]
pub mod tower;
mod watch;

pub use apply::{Applied, Apply, ApplyError, Difference, Lack, Unsupported};
pub use death::{Death, Ending, Evidence, HalfClose};
pub use died::{WatchError, died, died_with};
pub use inspect::{InspectError, OptionsError, inspect, options};
pub use ping::{Answer, NotNow, PingError, lent_to_ping, ping};
pub use protect::{ProtectError, Protected, protect};
pub use reusable::{NotReusable, Reuse, reusable};
pub use setting::Setting;
pub use take_error::take_error;
pub use watch::{AddError, Event, NewWatchError, News, Watch};

pub use deadpeer_core::*;
pub use deadpeer_sys::readiness::Signs;
pub use deadpeer_sys::sysctl::SysctlError;
pub use deadpeer_sys::{Errno, SysError, kernel_version, running_kernel};
