//! The TCP sysctls of the calling thread's network namespace.
//!
//! Everything under `/proc/sys/net/` shows the namespace of the task that opens the file, not the
//! one that `/proc` was mounted in (net/sysctl_net.c, `net_ctl_header_lookup`): a thread that
//! entered another namespace reads that one's. Reading needs no privilege.

use std::fmt;
use std::path::PathBuf;

use deadpeer_core::Sysctls;
use rustix::io::Errno;

use crate::door;

const DIRECTORY: &str = "/proc/sys/net/ipv4";

/// A sysctl that could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SysctlError {
    /// The file could not be opened, read or written.
    File {
        /// What was tried: `read` or `write`.
        action: &'static str,
        /// The file under `/proc/sys/net/ipv4`.
        name: &'static str,
        /// What the kernel said; `ENOENT`: it has no such sysctl, or `/proc` is not mounted.
        errno: Errno,
    },
    /// The file held something else than a number.
    NotANumber {
        /// The file under `/proc/sys/net/ipv4`.
        name: &'static str,
        /// What it held.
        text: String,
    },
}

impl std::error::Error for SysctlError {}

impl fmt::Display for SysctlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {
                action,
                name,
                errno,
            } => write!(f, "{action} {DIRECTORY}/{name}: {errno}"),
            Self::NotANumber { name, text } => {
                write!(f, "{DIRECTORY}/{name} is no number: {text:?}")
            }
        }
    }
}

impl From<SysctlError> for std::io::Error {
    /// Keeps the kind; the error is inside.
    fn from(error: SysctlError) -> Self {
        let kind = match &error {
            SysctlError::File { errno, .. } => errno.kind(),
            SysctlError::NotANumber { .. } => std::io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// Reads the TCP sysctls of the calling thread's network namespace.
///
/// # Errors
/// A file that every kernel has cannot be read: `/proc` is not mounted.
pub fn read() -> Result<Sysctls, SysctlError> {
    let mut sysctls = Sysctls::DEFAULT;
    sysctls.keepalive_time_s = get("tcp_keepalive_time")?;
    sysctls.keepalive_intvl_s = get("tcp_keepalive_intvl")?;
    sysctls.keepalive_probes = get("tcp_keepalive_probes")?;
    sysctls.retries2 = get("tcp_retries2")?;
    sysctls.orphan_retries = get("tcp_orphan_retries")?;
    sysctls.fin_timeout_s = get("tcp_fin_timeout")?;
    sysctls.syn_retries = get("tcp_syn_retries")?;
    sysctls.syn_linear_timeouts = get_if_any("tcp_syn_linear_timeouts")?;
    sysctls.synack_retries = get("tcp_synack_retries")?;
    sysctls.early_retrans = get("tcp_early_retrans")?;
    sysctls.thin_linear_timeouts = get("tcp_thin_linear_timeouts")? != 0;
    sysctls.rto_min_us = get_if_any("tcp_rto_min_us")?;
    sysctls.rto_max_ms = get_if_any("tcp_rto_max_ms")?;
    Ok(sysctls)
}

/// Reads a sysctl below `/proc/sys/net/ipv4` of the calling thread's network namespace.
///
/// # Errors
/// The kernel has no such sysctl, `/proc` is not mounted, or it is no number.
pub fn get(name: &'static str) -> Result<u32, SysctlError> {
    let read = || std::fs::read_to_string(path(name));
    let text = door::file("read(sysctl)", read).map_err(|error| SysctlError::File {
        action: "read",
        name,
        errno: errno(&error),
    })?;
    let text = text.trim();
    text.parse().map_err(|_| SysctlError::NotANumber {
        name,
        text: text.to_owned(),
    })
}

/// Writes a sysctl below `/proc/sys/net/ipv4` of the calling thread's network namespace, for
/// everybody in it. Takes root's rights there (net/sysctl_net.c, `net_ctl_permissions`), and a
/// `/proc/sys` that is not mounted read-only.
///
/// # Errors
/// The kernel refuses.
pub fn set(name: &'static str, value: impl fmt::Display) -> Result<(), SysctlError> {
    let write = || std::fs::write(path(name), value.to_string());
    door::file("write(sysctl)", write).map_err(|error| unwritten(name, errno(&error)))
}

/// Writes a sysctl of the calling thread's network namespace, which a test made for itself.
///
/// Refused with `EPERM` in the namespace that the process was started in: a test has no business
/// there.
#[cfg(feature = "testing")]
pub fn write(name: &'static str, value: impl fmt::Display) -> Result<(), SysctlError> {
    if !crate::testing::is_private().map_err(|error| unwritten(name, error.errno))? {
        return Err(unwritten(name, Errno::PERM));
    }
    set(name, value)
}

fn unwritten(name: &'static str, errno: Errno) -> SysctlError {
    SysctlError::File {
        action: "write",
        name,
        errno,
    }
}

fn get_if_any(name: &'static str) -> Result<Option<u32>, SysctlError> {
    match get(name) {
        Ok(value) => Ok(Some(value)),
        Err(SysctlError::File {
            errno: Errno::NOENT,
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn path(name: &str) -> PathBuf {
    [DIRECTORY, name].iter().collect()
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
