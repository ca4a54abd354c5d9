//! Where everything begins.

use std::os::fd::AsFd;

use rustix::io::Errno;

use crate::deaths::{Deaths, Watched};
use crate::held::HeldSockets;
use crate::kernel::{self, Contents, ProgramKind};
use crate::load::Types;
use crate::new_connections::{Adoption, Protection};
use crate::owners::SocketOwners;
use crate::rule::{Rule, Whom};
use crate::set::{Change, Outcome, set};
use crate::sockets::Sockets;
use crate::{Unavailable, feature};

/// The kernel's description of itself, and what can be done with it.
///
/// Opening it costs a few milliseconds, and each program a few more; keep what will be used again.
#[derive(Debug)]
pub struct Engine {
    types: Types<'static>,
    hz: u32,
}

impl Engine {
    /// Whether we may look into the kernel at all, which takes `CAP_BPF` and `CAP_PERFMON`. Costs
    /// microseconds, where opening costs milliseconds.
    ///
    /// # Errors
    /// [`Unavailable::NotPermitted`] or [`Unavailable::LockedDown`]. Whatever else may be missing
    /// shows later.
    pub fn permitted() -> Result<(), Unavailable> {
        // No type has this number, and the kernel asks for privilege first (kernel/bpf/syscall.c,
        // `bpf_prog_load`).
        let nothing = ProgramKind::Iterator(u32::MAX);
        // r0 = 0; exit
        let instructions = [[0xb7, 0, 0, 0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
        match kernel::program_load(
            nothing,
            "deadpeer_may",
            instructions.as_flattened(),
            c"GPL",
            &mut [],
        ) {
            Err(error) if matches!(error.errno, Errno::PERM | Errno::ACCESS) => {
                Err(feature::SOCKETS.failed(error))
            }
            Err(_) | Ok(_) => Ok(()),
        }
    }

    /// Reads the kernel's description of its types. Needs no privilege. `hz` is its clock rate
    /// (`CONFIG_HZ`), which every time that a socket has is counted in.
    ///
    /// # Errors
    /// [`Unavailable::NoBtf`].
    pub fn open(hz: u32) -> Result<Self, Unavailable> {
        let section = std::fs::File::open("/sys/kernel/btf/vmlinux").and_then(Contents::read);
        let section = section.map_err(|error| Unavailable::NoBtf(error.to_string()))?;
        let types = Types::read(section);
        let types = types.ok_or_else(|| Unavailable::NoBtf("not understood".to_owned()))?;
        Ok(Self {
            types,
            hz: hz.max(1),
        })
    }

    /// The sockets of the *calling thread's* network namespace, each time it is asked. Takes
    /// `CAP_BPF` and `CAP_PERFMON`, Linux 5.12.
    ///
    /// # Errors
    /// What is missing on this machine.
    pub fn sockets(&self) -> Result<Sockets, Unavailable> {
        Sockets::load(&self.types, self.hz)
    }

    /// Sets options on sockets of the *calling thread's* network namespace and shows what became of
    /// each to `visit`, in no order. Each socket is locked while its options are set. Takes
    /// `CAP_BPF` and `CAP_PERFMON`, Linux 5.15.
    ///
    /// SO_KEEPALIVE is set first and TCP_KEEPIDLE last, which makes all of them hold at once.
    ///
    /// # Errors
    /// What is missing on this machine; nothing has been set then. [`Unavailable::Failed`] may also
    /// come halfway: the outcomes shown so far stand.
    pub fn set(
        &self,
        changes: impl IntoIterator<Item = Change>,
        visit: impl FnMut(&Outcome),
    ) -> Result<(), Unavailable> {
        set(&self.types, self.hz, changes, None, visit)
    }

    /// The same, and each socket is taken in: for connections that wait in the queue of one that
    /// was [taken in](Adoption::take_in).
    ///
    /// # Errors
    /// As there.
    pub fn set_adopting(
        &self,
        adoption: &Adoption,
        changes: impl IntoIterator<Item = Change>,
        visit: impl FnMut(&Outcome),
    ) -> Result<(), Unavailable> {
        set(&self.types, self.hz, changes, Some(adoption.map()), visit)
    }

    /// The TCP sockets that processes of our pid namespace hold, in every network namespace. Takes
    /// `CAP_BPF` and `CAP_PERFMON`, Linux 5.12.
    ///
    /// # Errors
    /// What is missing on this machine.
    pub fn socket_owners(&self) -> Result<SocketOwners, Unavailable> {
        SocketOwners::load(&self.types)
    }

    /// The TCP sockets of single processes of our pid namespace, in whichever network namespace,
    /// as [`sockets`](Self::sockets) shows them. Takes `CAP_BPF` and `CAP_PERFMON`, Linux 6.1.
    ///
    /// # Errors
    /// What is missing on this machine.
    pub fn held_sockets(&self) -> Result<HeldSockets, Unavailable> {
        HeldSockets::load(&self.types, self.hz)
    }

    /// Makes a rule hold in a cgroup (v2) and those below it, for every TCP connection of a process
    /// in them that begins from now on. Takes `CAP_BPF` and `CAP_NET_ADMIN`, Linux 6.1. A cgroup
    /// may have several.
    ///
    /// # Errors
    /// What is missing on this machine; nothing has been changed then.
    pub fn protect(&self, cgroup: impl AsFd, rule: &Rule) -> Result<Protection, Unavailable> {
        Protection::attach(&self.types, cgroup, rule, Whom::Everybody)
    }

    /// Makes a rule hold for sockets that are taken in one by one, as long as what is returned
    /// lives: those that a program is given, which belong to the cgroup that they were made in. The
    /// cgroup is one above all of them, best the root. Takes what [`protect`](Self::protect) does.
    ///
    /// # Errors
    /// What is missing on this machine; nothing has been changed then.
    pub fn adopt(&self, cgroup: impl AsFd, rule: &Rule) -> Result<Adoption, Unavailable> {
        Adoption::attach(&self.types, cgroup, rule)
    }

    /// Reports connections as they end, from now on. `ring` is the size of the buffer between the
    /// kernel and us in bytes, rounded up to a power of two and whole pages; a death takes 256
    /// bytes of it. Takes `CAP_BPF` and `CAP_PERFMON`, Linux 5.12.
    ///
    /// # Errors
    /// What is missing on this machine.
    pub fn deaths(&self, watched: Watched, ring: usize) -> Result<Deaths, Unavailable> {
        Deaths::watch(&self.types, self.hz, watched, ring)
    }
}
