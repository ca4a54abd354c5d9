//! Keeping a program under a deadline that deadpeer itself starts.
//!
//! [`Shelter`] is the whole thing: a cgroup of its own with a program in the kernel that sees each connection before its first packet.
//! Where that can't be had, [`Follower`] looks at the program's sockets again and again, which leaves a gap.

mod descendants;
mod follower;
mod shelter;

pub use follower::{Followed, Follower};
pub use shelter::{Shelter, ShelterError};
