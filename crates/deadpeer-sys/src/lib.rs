//! What deadpeer asks and tells the kernel, and nothing else: no policy, no judgement.
//!
//! One free function for each thing that the kernel can be asked or told about a descriptor, each
//! taking any (`impl AsFd`) and owning nothing it was lent. Every errno travels with the name of
//! the call that returned it ([`SysError`]). What a kernel does not know is `None`.
//!
//! This crate, the eBPF loader and the C interface are the only ones with `unsafe` code.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "deadpeer asks the Linux kernel and builds for Linux alone: depend on it under \
     [target.'cfg(target_os = \"linux\")'.dependencies]"
);

mod alarm;
pub mod clock;
mod door;
pub mod enclosure;
mod error;
#[cfg(feature = "faults")]
pub mod faults;
pub mod files;
pub mod inherited;
mod kernel;
pub mod netns;
pub mod packet;
pub mod pidfd;
mod process_stat;
pub mod readiness;
mod remembered;
mod route_events;
pub mod signals;
#[cfg(feature = "sock_diag")]
pub mod sock_diag;
pub mod sockopt;
pub mod start;
pub mod sysctl;
mod tcp_info;
#[cfg(feature = "testing")]
pub mod testing;
mod unconnected;

pub use alarm::Alarm;
pub use error::{Result, SysError, errno_name};
pub use kernel::{kernel_version, running_kernel};
pub use process_stat::ProcessStat;
pub use remembered::Remembered;
pub use route_events::{RouteEvent, RouteEvents};
pub use rustix::io::Errno;
pub use tcp_info::{tcp_info, tcp_info_or};
pub use unconnected::{disconnect, unconnected};
