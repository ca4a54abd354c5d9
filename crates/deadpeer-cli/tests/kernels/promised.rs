//! What docs/operators.md promises of a kernel, by its version and how far it is locked down.

use deadpeer_core::KernelVersion;

/// The kernel that runs.
#[derive(Debug)]
pub(crate) struct Promised {
    version: KernelVersion,
    locked_down: bool,
}

/// Why something is not to be had.
#[derive(Debug)]
pub(crate) enum Why {
    /// It came with this version of Linux.
    Since(&'static str),
    LockedDown,
}

impl Promised {
    pub(crate) fn by_this_kernel() -> Self {
        let lockdown = std::fs::read_to_string("/sys/kernel/security/lockdown");
        Self {
            version: deadpeer_sys::kernel_version().expect("a release with a version"),
            // Where there is no such file, nothing can be locked down.
            locked_down: lockdown.is_ok_and(|modes| modes.contains("[confidentiality]")),
        }
    }

    /// Sockets, their owners and their ends, from within the kernel.
    pub(crate) fn looking(&self) -> Result<(), Why> {
        self.looks_within(KernelVersion::new(5, 12), "5.12")
    }

    /// Options of open connections, set from within the kernel.
    pub(crate) fn setting(&self) -> Result<(), Why> {
        self.looking()?;
        self.looks_within(KernelVersion::new(5, 15), "5.15")
    }

    /// Options of connections still to come. That looks at nothing, so no lockdown forbids it.
    pub(crate) fn rules(&self) -> Result<(), Why> {
        match self.version >= KernelVersion::new(6, 1) {
            true => Ok(()),
            false => Err(Why::Since("6.1")),
        }
    }

    /// Short deadlines that keep slow readers, without a sysctl.
    pub(crate) fn caps_rto(&self) -> bool {
        self.version >= KernelVersion::new(6, 15)
    }

    fn looks_within(&self, since: KernelVersion, named: &'static str) -> Result<(), Why> {
        if self.version < since {
            return Err(Why::Since(named));
        }
        match self.locked_down {
            true => Err(Why::LockedDown),
            false => Ok(()),
        }
    }
}

impl Why {
    #[track_caller]
    pub(crate) fn is_said_in(&self, text: &str) {
        let words = match self {
            Self::Since(version) => format!("since Linux {version}"),
            Self::LockedDown => "the kernel is locked down (confidentiality)".to_owned(),
        };
        // Tables and paragraphs break lines.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&words), "{words}: {text}");
    }
}
