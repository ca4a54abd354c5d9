//! Keeping a program under a deadline that deadpeer itself starts.
//!
//! [`ProtectedCgroup`] is the whole thing: a cgroup of its own with a program in the kernel that
//! sees each connection before its first packet. Where that can't be had, [`PollingProtector`]
//! looks at the program's sockets again and again, which leaves a gap.

mod adopted;
mod descendants;
mod directory;
mod inherited;
mod polling;
mod protected_cgroup;
mod removal;

pub use adopted::{NotCovered, WhyNot};
pub use inherited::Inherited;
pub use polling::{PollingCounts, PollingProtector};
pub use protected_cgroup::{ProtectedCgroup, ProtectedCgroupError};
pub use removal::Removal;
