//! Which process holds which TCP socket (iter/task_file).

use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::os::fd::RawFd;

use zerocopy::IntoBytes as _;

use crate::iterate::Iterator;
use crate::load::{Recipe, Target, Types};
use crate::pid_namespace;
use crate::{CallError, Unavailable, feature, records};

/// A program that shows every descriptor of a stream socket of IPv4 or IPv6, loaded and ready:
/// [`Engine::socket_owners`](crate::Engine::socket_owners).
#[derive(Debug)]
pub struct SocketOwners {
    iterator: Iterator,
}

/// One descriptor of a stream socket of IPv4 or IPv6: of TCP, of Multipath TCP or, rarely, of SCTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketOwner {
    /// The process, as our pid namespace numbers it.
    pub pid: u32,
    /// Its descriptor.
    pub fd: RawFd,
    /// The socket's inode number, as [`Holding::File`](crate::Holding::File) has it.
    pub inode: NonZeroU32,
}

impl SocketOwners {
    pub(crate) fn load(kernel: &Types<'_>) -> Result<Self, Unavailable> {
        let failed = |error| feature::OWNERS.failed(error);
        let namespace = pid_namespace().map_err(failed)?;
        let recipe = Recipe {
            feature: &feature::OWNERS,
            object: include_bytes!("../objects/owners.bpf.o"),
            target: Target::Iterator("bpf_iter_task_file"),
            maps: &[],
            shared: &[],
            constants: namespace.as_bytes(),
        };
        let iterator = Iterator::attach(&recipe.load(kernel)?).map_err(failed)?;
        Ok(Self { iterator })
    }

    /// Shows every descriptor of a stream socket of IPv4 or IPv6 to `visit`, until it breaks:
    /// sorted by process, then by descriptor. A socket that was inherited or passed on has several.
    ///
    /// # Errors
    /// The kernel's answer could not be read to its end. What was shown before stands.
    pub fn each(
        &self,
        mut visit: impl FnMut(&SocketOwner) -> ControlFlow<()>,
    ) -> Result<(), CallError> {
        self.iterator.run(|seen: &records::SocketOwner| {
            match (seen.pid, NonZeroU32::new(seen.inode)) {
                // A process of another pid namespace has no number in ours.
                (0, _) | (_, None) => ControlFlow::Continue(()),
                (pid, Some(inode)) => visit(&SocketOwner {
                    pid,
                    fd: seen.fd as RawFd,
                    inode,
                }),
            }
        })
    }
}
