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
    /// The kernel's function that came with the last of it.
    pub(crate) came_with: &'static str,
}

pub(crate) const SOCKETS: Feature = Feature {
    name: "reading the sockets from within the kernel",
    program: "deadpeer_socket",
    capabilities: TRACING,
    since: "5.12",
    came_with: "bpf_get_socket_ptr_cookie",
};
pub(crate) const HELD: Feature = Feature {
    name: "reading the sockets of a process from within the kernel",
    program: "deadpeer_held",
    capabilities: TRACING,
    since: "6.1",
    came_with: "bpf_iter_attach_task",
};
pub(crate) const SET: Feature = Feature {
    name: "setting options from within the kernel",
    program: "deadpeer_set",
    capabilities: TRACING,
    since: "5.15",
    came_with: "bpf_iter_tcp_get_func_proto",
};
pub(crate) const OWNERS: Feature = Feature {
    name: "asking the kernel for the owners",
    program: "deadpeer_owners",
    capabilities: TRACING,
    since: "5.12",
    came_with: "bpf_get_socket_ptr_cookie",
};
pub(crate) const PROTECT: Feature = Feature {
    name: "protecting new connections",
    program: "deadpeer_new",
    capabilities: "CAP_BPF and CAP_NET_ADMIN",
    since: "6.1",
    came_with: "sk_getsockopt",
};
/// What programs set later, under the same feature for whoever asks for it.
pub(crate) const WISHES: Feature = Feature {
    program: "deadpeer_wish",
    ..PROTECT
};
pub(crate) const DEATHS: Feature = Feature {
    name: "watching connections end",
    program: "deadpeer_deaths",
    capabilities: TRACING,
    since: "5.12",
    came_with: "bpf_get_socket_ptr_cookie",
};

const TRACING: &str = "CAP_BPF and CAP_PERFMON";

impl Feature {
    /// A call failed: for want of privilege, because the machine is locked down, or for no good
    /// reason.
    pub(crate) fn failed(&self, error: CallError) -> Unavailable {
        self.failed_under(lockdown(), error)
    }

    fn failed_under(
        &self,
        lockdown: Lockdown,
        CallError { call, errno }: CallError,
    ) -> Unavailable {
        let feature = self.name;
        match (errno, lockdown) {
            (Errno::PERM, Lockdown::Confidentiality) => self.locked_down(),
            (Errno::PERM | Errno::ACCESS, _) => Unavailable::NotPermitted {
                feature,
                capabilities: self.capabilities,
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

    fn locked_down(&self) -> Unavailable {
        Unavailable::LockedDown {
            feature: self.name,
            mode: "confidentiality",
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

    /// The kernel lacks what the feature came with.
    pub(crate) fn not_yet(&self) -> Unavailable {
        self.too_old(format!("{}()", self.came_with))
    }

    /// A refusal by a kernel that lacks what the feature came with has that for its reason.
    pub(crate) fn explain(&self, is_there: bool, error: Unavailable) -> Unavailable {
        let refused = matches!(
            error,
            Unavailable::NotPermitted { .. } | Unavailable::Rejected { .. }
        );
        match refused && !is_there {
            true => self.not_yet(),
            false => error,
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
        self.rejected_under(lockdown(), error, log)
    }

    fn rejected_under(&self, lockdown: Lockdown, error: CallError, log: &[u8]) -> Unavailable {
        let written = log.split(|byte| *byte == 0).next().unwrap_or_default();
        let log = String::from_utf8_lossy(written);
        // Taken away from programs, the helper is unknown to the verifier (kernel/bpf/helpers.c,
        // `bpf_base_func_proto`).
        if lockdown == Lockdown::Confidentiality && log.contains("bpf_probe_read_kernel") {
            return self.locked_down();
        }
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

/// How far the machine is locked down (kernel_lockdown(7)). Integrity takes nothing away that a
/// program here needs: it forbids to write to user memory alone (include/linux/security.h,
/// `LOCKDOWN_BPF_WRITE_USER`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lockdown {
    /// Not at all, to integrity, or we can't see it.
    Harmless,
    /// Nobody may look into the kernel.
    Confidentiality,
}

fn lockdown() -> Lockdown {
    let text = std::fs::read_to_string("/sys/kernel/security/lockdown");
    Lockdown::read(&text.unwrap_or_default())
}

impl Lockdown {
    /// The mode in force stands in brackets: `none [integrity] confidentiality`.
    fn read(text: &str) -> Self {
        match text.contains("[confidentiality]") {
            true => Self::Confidentiality,
            false => Self::Harmless,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(errno: Errno) -> CallError {
        CallError {
            call: "bpf(PROG_LOAD)",
            errno,
        }
    }

    #[test]
    fn the_mode_in_force_stands_in_brackets() {
        let read = Lockdown::read;
        assert_eq!(
            read("none integrity [confidentiality]\n"),
            Lockdown::Confidentiality
        );
        for harmless in [
            "[none] integrity confidentiality\n",
            "none [integrity] confidentiality\n",
            "",
        ] {
            assert_eq!(read(harmless), Lockdown::Harmless, "{harmless}");
        }
    }

    #[test]
    fn a_machine_that_is_locked_down_is_not_taken_for_want_of_privilege() {
        let told = SOCKETS.failed_under(Lockdown::Confidentiality, refused(Errno::PERM));
        assert_eq!(
            told.to_string(),
            "reading the sockets from within the kernel can't be had: the kernel is locked down (confidentiality)"
        );
        let told = SOCKETS.failed_under(Lockdown::Harmless, refused(Errno::PERM));
        assert!(
            told.to_string()
                .contains("needs CAP_BPF and CAP_PERFMON: bpf(PROG_LOAD)"),
            "{told}"
        );
        let told = SOCKETS.failed_under(Lockdown::Confidentiality, refused(Errno::NOMEM));
        assert!(
            matches!(
                told,
                Unavailable::Failed {
                    errno: Errno::NOMEM,
                    ..
                }
            ),
            "{told}"
        );
    }

    #[test]
    fn a_helper_that_lockdown_took_away_is_not_taken_for_a_fault_of_the_program() {
        let log = b"12: (85) call bpf_probe_read_kernel#113\nprogram of this type cannot use helper bpf_probe_read_kernel#113\n\0";
        let invalid = || refused(Errno::INVAL);
        let told = OWNERS.rejected_under(Lockdown::Confidentiality, invalid(), log);
        assert!(matches!(told, Unavailable::LockedDown { .. }), "{told}");
        let told = OWNERS.rejected_under(Lockdown::Harmless, invalid(), log);
        assert!(matches!(told, Unavailable::Rejected { .. }), "{told}");
        let other = b"R1 invalid mem access 'scalar'\n\0";
        let told = OWNERS.rejected_under(Lockdown::Confidentiality, invalid(), other);
        assert!(matches!(told, Unavailable::Rejected { .. }), "{told}");
    }

    #[test]
    fn a_kernel_that_lacks_something_is_not_taken_for_want_of_privilege() {
        // Before Linux 5.11 large maps are refused to root as well (RLIMIT_MEMLOCK).
        let told = DEATHS.explain(
            false,
            DEATHS.failed_under(Lockdown::Harmless, refused(Errno::PERM)),
        );
        assert_eq!(
            told.to_string(),
            "this kernel has no bpf_get_socket_ptr_cookie(), so watching connections end can't be had from it (since Linux 5.12)"
        );
        let other = DEATHS.failed_under(Lockdown::Harmless, refused(Errno::PERM));
        assert_eq!(DEATHS.explain(true, other.clone()), other);
    }
}
