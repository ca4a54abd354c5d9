//! `TCP_INFO` of every kernel from Linux 2.6.37 to 7.0.
//!
//! The kernel appends fields to `struct tcp_info` and never removes one, so any answer is a prefix
//! of the newest structure: what lies beyond its end is absent. Decoding has two levels.
//! [`TcpInfoView`] checks lengths and yields numbers as the kernel wrote them. [`TcpInfo`] yields
//! what they mean: a number that the kernel has not measured, or that means nothing in this state,
//! is `None`, never 0.
//!
//! The bytes come from `getsockopt(TCP_INFO)` (tcp(7)) or from sock_diag's `INET_DIAG_INFO`
//! (sock_diag(7)); the kernel fills both in `tcp_get_info`, net/ipv4/tcp.c. Neither needs a
//! privilege.

mod decode;
mod heard;
mod info;
mod layout;
mod version;
mod view;
mod words;

pub use heard::last_heard;
pub use info::TcpInfo;
pub use layout::{LAYOUTS, MAX_SIZE};
pub use version::KernelVersion;
pub use view::TcpInfoView;
pub use words::{AccEcnFailures, AccEcnOption, CaState, EcnMode, FastopenFail, Negotiated};
