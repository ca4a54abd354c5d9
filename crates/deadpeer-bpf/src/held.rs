//! Every TCP socket of a process, as the kernel has it (iter/task_file).

use std::ops::ControlFlow;

use crate::iterate::Iterator;
use crate::load::{Loaded, Recipe, Target, Types};
use crate::records::Row;
use crate::{CallError, Socket, Unavailable, feature};

/// A program that shows the TCP sockets of a process, loaded and ready:
/// [`Engine::held_sockets`](crate::Engine::held_sockets).
///
/// What it costs grows with the descriptors of the process. [`Sockets`](crate::Sockets) walks the
/// kernel's hash of connections, which network namespaces have in common
/// (net.ipv4.tcp_child_ehash_entries is 0): for each namespace it passes all connections of the
/// machine.
#[derive(Debug)]
pub struct HeldSockets {
    loaded: Loaded,
    hz: u32,
}

impl HeldSockets {
    pub(crate) fn load(kernel: &Types<'_>, hz: u32) -> Result<Self, Unavailable> {
        let recipe = Recipe {
            feature: &feature::HELD,
            object: include_bytes!("../objects/held.bpf.o"),
            target: Target::Iterator("bpf_iter_task_file"),
            maps: &[],
            shared: &[],
            constants: &[],
        };
        // An older kernel would take no notice of the process and show everybody's.
        if !recipe.is_there(kernel) {
            return Err(feature::HELD.not_yet());
        }
        Ok(Self {
            loaded: recipe.load(kernel)?,
            hz,
        })
    }

    /// Shows every connection and listener that the process has a descriptor of to `visit`, until
    /// it breaks: one with several descriptors several times, on Linux 6.1 perhaps any, if the
    /// process has several threads; and none that is closed. Not shown are parts of Multipath TCP
    /// connections, and what waits in a listener's queue.
    ///
    /// # Errors
    /// `ESRCH`: there is no such process. The kernel's answer could not be read to its end; what
    /// was shown before stands.
    pub fn each(
        &self,
        pid: u32,
        mut visit: impl FnMut(&Socket) -> ControlFlow<()>,
    ) -> Result<(), CallError> {
        let iterator = Iterator::over_process(&self.loaded, pid)?;
        iterator.run(|row: &Row| match Socket::read(row, self.hz) {
            Some(socket) => visit(&socket),
            None => ControlFlow::Continue(()),
        })
    }
}
