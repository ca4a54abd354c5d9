//! The judgement of deadpeer, without a kernel in sight.
//!
//! Everything here is a pure function of its arguments: no descriptor, no clock, no thread. What a
//! connection's settings promise ([`Forecast`]), which settings keep a promise ([`Policy`]), what
//! the kernel said about a connection ([`TcpInfo`]) and why it ended ([`Cause`]).
#![forbid(unsafe_code)]

pub mod alarms;
pub mod cause;
pub mod close_reason;
pub mod finding;
pub mod forecast;
pub mod heartbeat;
pub mod kernel;
pub mod options;
pub mod policy;
pub mod state;
pub mod sysctl;
pub mod tcp_info;
pub mod verdict;
pub mod wheel;

pub use cause::Cause;
pub use close_reason::CloseReason;
pub use finding::Finding;
pub use forecast::{Forecast, Notice, Outlook, Silence, Snapshot};
pub use kernel::{Kernel, Sysctls};
pub use options::{Effective, Setting, SocketOption, SocketOptions};
pub use policy::{Plan, Policy, Refusal, SlowReaders};
pub use state::TcpState;
pub use tcp_info::{KernelVersion, TcpInfo};
pub use verdict::{Judge, Supervision, Verdict};
