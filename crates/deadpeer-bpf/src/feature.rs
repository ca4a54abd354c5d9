//! What each feature takes, for errors that say it.

use rustix::io::Errno;

use crate::{CallError, Unavailable};

/// One thing this crate can do.
#[derive(Debug)]
pub(crate) struct Feature {
    /// As a sentence names it: "reading the sockets".
    pub(crate) name: &'static str,
    /// What tools that list programs show.
    pub(crate) program: &'static str,
    pub(crate) capabilities: &'static str,
    /// The first Linux that has everything.
    pub(crate) since: &'static str,
}

pub(crate) const SOCKETS: Feature = Feature {
    name: "reading the sockets from within the kernel",
    program: "deadpeer_look",
    capabilities: TRACING,
    since: "5.12",
};
pub(crate) const SET: Feature = Feature {
    name: "setting options from within the kernel",
    program: "deadpeer_set",
    capabilities: TRACING,
    since: "5.15",
};
pub(crate) const HOLDERS: Feature = Feature {
    name: "asking the kernel for the owners",
    program: "deadpeer_own",
    capabilities: TRACING,
    since: "5.12",
};
pub(crate) const PROTECT: Feature = Feature {
    name: "protecting new connections",
    program: "deadpeer_new",
    capabilities: "CAP_BPF and CAP_NET_ADMIN",
    since: "6.1",
};
pub(crate) const DEATHS: Feature = Feature {
    name: "watching connections end",
    program: "deadpeer_deaths",
    capabilities: TRACING,
    since: "5.12",
};

const TRACING: &str = "CAP_BPF and CAP_PERFMON";

impl Feature {
    /// A call failed: for want of privilege, because the machine is locked down, or for no good reason.
    pub(crate) fn failed(&self, CallError { call, errno }: CallError) -> Unavailable {
        let feature = self.name;
        let capabilities = self.capabilities;
        match (errno, lockdown()) {
            (Errno::PERM, Some(mode)) => Unavailable::LockedDown { feature, mode },
            (Errno::PERM | Errno::ACCESS, _) => Unavailable::NotPermitted {
                feature,
                capabilities,
                call,
                errno,
            },
            _ => Unavailable::Failed {
                feature,
                call,
                errno,
            },
        }
    }

    /// The kernel lacks something.
    pub(crate) fn too_old(&self, what: String) -> Unavailable {
        Unavailable::KernelTooOld {
            feature: self.name,
            what,
            since: self.since,
        }
    }

    /// Our own object is not what it should be.
    pub(crate) fn damaged(&self, what: String) -> Unavailable {
        Unavailable::Damaged {
            feature: self.name,
            what,
        }
    }

    /// The verifier refused. `log` is what it wrote.
    pub(crate) fn rejected(&self, error: CallError, log: &[u8]) -> Unavailable {
        let written = log.split(|byte| *byte == 0).next().unwrap_or_default();
        let log = String::from_utf8_lossy(written);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(6)..)
            .unwrap_or_default();
        Unavailable::Rejected {
            feature: self.name,
            errno: error.errno,
            log: last.join("; "),
        }
    }
}

/// How far the machine is locked down (kernel_lockdown(7)); `None`: it isn't, or we can't see it.
fn lockdown() -> Option<&'static str> {
    let text = std::fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    ["integrity", "confidentiality"]
        .into_iter()
        .find(|mode| text.contains(&format!("[{mode}]")))
}
