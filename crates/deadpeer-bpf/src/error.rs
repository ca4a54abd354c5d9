//! Why something could not be done.

use std::path::PathBuf;

use rustix::io::Errno;

/// Why a feature can't be had on this machine, or not by us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The kernel was built without a description of its own types (`CONFIG_DEBUG_INFO_BTF`).
    #[error("the kernel has no description of its types: /sys/kernel/btf/vmlinux: {0}")]
    NoBtf(String),
    /// The kernel has BTF, but not what a program needs of it.
    #[error("this kernel has no {what}, so {feature} can't be had from it (since Linux {since})")]
    KernelTooOld {
        /// What was to be had.
        feature: &'static str,
        /// What the kernel lacks.
        what: String,
        /// The first version of Linux that has everything.
        since: &'static str,
    },
    /// The kernel refused for want of privilege.
    #[error("{feature} needs {capabilities}: {call}: {errno}")]
    NotPermitted {
        /// What was to be had.
        feature: &'static str,
        /// The capabilities it takes: "CAP_BPF and CAP_PERFMON".
        capabilities: &'static str,
        /// The call that was refused.
        call: &'static str,
        /// `EPERM` or `EACCES`.
        errno: Errno,
    },
    /// The machine is locked down (kernel_lockdown(7)): nobody may look into the kernel.
    #[error("{feature} can't be had: the kernel is locked down ({mode})")]
    LockedDown {
        /// What was to be had.
        feature: &'static str,
        /// "confidentiality": the other mode, "integrity", takes nothing away.
        mode: &'static str,
    },
    /// The kernel's verifier refused the program.
    #[error("{feature}: the kernel refuses the program: {errno}: {log}")]
    Rejected {
        /// What was to be had.
        feature: &'static str,
        /// What the kernel said.
        errno: Errno,
        /// The end of the verifier's log.
        log: String,
    },
    /// A call failed that should not.
    #[error("{feature}: {call}: {errno}")]
    Failed {
        /// What was to be had.
        feature: &'static str,
        /// The call.
        call: &'static str,
        /// What the kernel said.
        errno: Errno,
    },
    /// There is no second version of control groups, which programs are attached to.
    #[error("no cgroup v2: {0}")]
    NoCgroup2(CallError),
    /// A program of this crate is not what it should be: a fault of ours.
    #[error("the program for {feature} is damaged: {what}")]
    Damaged {
        /// What was to be had.
        feature: &'static str,
        /// What is wrong.
        what: String,
    },
}

/// A system call that failed: which one, and what the kernel said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {errno}")]
pub struct CallError {
    /// The call, with its command where it has many: `bpf(LINK_CREATE)`.
    pub call: &'static str,
    /// What the kernel said.
    pub errno: Errno,
}

impl CallError {
    pub(crate) fn of(call: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| Self { call, errno }
    }
}

/// A pinned protection that could not be kept, found or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// No BPF file system is mounted there.
    #[error("{} is not a BPF file system: mount -t bpf bpf {}", path.display(), path.display())]
    NoBpffs {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A protection of that name is there already.
    #[error("{} already exists", path.display())]
    Taken {
        /// Its directory.
        path: PathBuf,
    },
    /// A name with a slash in it, or none at all.
    #[error("{name:?} is not a name for a protection")]
    Name {
        /// What was given.
        name: String,
    },
    /// The file system or the kernel refused.
    #[error("{}: {error}", path.display())]
    Call {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: CallError,
    },
}
