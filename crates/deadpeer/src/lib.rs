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
//! Nothing here needs a privilege, starts a thread or touches data. Linux only.
//!
//! What it can't see: a peer whose kernel answers while its program hangs. Only a heartbeat of the
//! application's own protocol finds that out.
#![forbid(unsafe_code)]

mod apply;
mod inspect;
mod setting;

pub use apply::{Applied, Apply, ApplyError, Difference, Lack, Unsupported};
pub use inspect::{InspectError, OptionsError, inspect, options};
pub use setting::Setting;

pub use deadpeer_core::*;
pub use deadpeer_sys::sysctl::SysctlError;
pub use deadpeer_sys::{Errno, SysError, kernel_version, running_kernel};
