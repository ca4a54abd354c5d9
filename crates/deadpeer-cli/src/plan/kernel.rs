//! The kernel that is planned for: this one, or one that this isn't.

use deadpeer_core::{Kernel, KernelVersion};

use crate::exit::Stop;

/// What `--sysctl` stands for without a value.
pub(super) const CHOOSE: &str = "choose";

/// `--kernel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KernelArg {
    /// The one this runs on, with its sysctls.
    Running,
    /// Linux 6.15 or newer with untouched sysctls.
    Modern,
    /// Older, without TCP_RTO_MAX_MS, with untouched sysctls.
    Before615,
    /// What this version has, with untouched sysctls.
    Version(KernelVersion),
}

/// `--sysctl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SysctlArg {
    /// The plan may set what helps.
    Choose,
    /// The namespace has this.
    Set(String, u32),
}

/// Reads `--kernel`.
pub(super) fn which(text: &str) -> Result<KernelArg, String> {
    match text {
        "running" => Ok(KernelArg::Running),
        "modern" => Ok(KernelArg::Modern),
        "before-6.15" => Ok(KernelArg::Before615),
        version => KernelVersion::parse(version)
            // Those before 2.6.37 lack TCP_USER_TIMEOUT.
            .filter(|version| *version >= KernelVersion::new(3, 0))
            .map(KernelArg::Version)
            .ok_or_else(|| {
                "give running, modern, before-6.15, or a version from 3.0 on, like 6.1".to_owned()
            }),
    }
}

/// Reads one `--sysctl`.
pub(super) fn sysctl(text: &str) -> Result<SysctlArg, String> {
    if text == CHOOSE {
        return Ok(SysctlArg::Choose);
    }
    let (name, value) = text
        .split_once('=')
        .ok_or("give name=value, like net.ipv4.tcp_retries2=5")?;
    let value = value
        .trim()
        .parse()
        .map_err(|_| format!("{value:?} is not a whole number"))?;
    Ok(SysctlArg::Set(name.trim().to_owned(), value))
}

impl KernelArg {
    pub(super) fn kernel(self) -> Result<Kernel, Stop> {
        match self {
            Self::Running => Ok(deadpeer_sys::running_kernel()?),
            Self::Modern => Ok(Kernel::modern(None)),
            Self::Before615 => Ok(Kernel::before_rto_max(None)),
            Self::Version(version) => Ok(Kernel::of_version(version, None)),
        }
    }
}

/// The kernel in a namespace with these sysctls.
pub(super) fn with_sysctls(kernel: Kernel, sysctls: &[SysctlArg]) -> Result<Kernel, Stop> {
    sysctls
        .iter()
        .try_fold(kernel, |kernel, sysctl| match sysctl {
            SysctlArg::Choose => Ok(kernel),
            SysctlArg::Set(name, value) => Ok(kernel.with_sysctl(name, *value)?),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_named_or_numbered() {
        assert_eq!(which("before-6.15"), Ok(KernelArg::Before615));
        let old = KernelArg::Version(KernelVersion::new(6, 1));
        assert_eq!(which("6.1"), Ok(old));
        assert_eq!(which("6.1.0-49-amd64"), Ok(old));
        assert!(which("newest").is_err() && which("2.4").is_err());
    }

    #[test]
    fn sysctls_have_a_name_and_a_number() {
        let set = SysctlArg::Set("net.ipv4.tcp_retries2".to_owned(), 5);
        assert_eq!(sysctl("net.ipv4.tcp_retries2=5"), Ok(set.clone()));
        assert_eq!(sysctl("net.ipv4.tcp_retries2 = 5"), Ok(set));
        assert_eq!(sysctl(CHOOSE), Ok(SysctlArg::Choose));
        for wrong in [
            "tcp_retries2",
            "tcp_retries2=",
            "tcp_retries2=-1",
            "tcp_retries2=five",
        ] {
            assert!(sysctl(wrong).is_err(), "{wrong}");
        }
    }
}
