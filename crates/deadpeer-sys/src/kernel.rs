//! The running kernel, as far as forecasts and decoders depend on it.

use std::sync::OnceLock;

use deadpeer_core::{Kernel, KernelVersion};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::sysctl::{self, SysctlError};
use crate::{clock, door, sockopt};

/// Asks the running kernel for its clock rate, its options and the sysctls of the calling thread's
/// network namespace.
///
/// `TCP_RTO_MAX_MS` is looked for on a fresh socket, not guessed from the version: distributions
/// carry options back. On a machine where no TCP socket can be made, the sysctl answers for the
/// option. Needs no privilege.
///
/// # Errors
/// The sysctls cannot be read: `/proc` is not mounted.
pub fn running_kernel() -> Result<Kernel, SysctlError> {
    let sysctls = sysctl::read()?;
    let mut kernel = Kernel::modern(clock::hz());
    if let Some(version) = kernel_version() {
        kernel.cuts_waits = Kernel::of_version(version, None).cuts_waits;
    }
    kernel.rto_max_option = takes_rto_max().unwrap_or(sysctls.rto_max_ms.is_some());
    kernel.sysctls = sysctls;
    Ok(kernel)
}

fn takes_rto_max() -> crate::Result<bool> {
    let fresh = |family| socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let socket = door::call("socket", || {
        fresh(AddressFamily::INET).or_else(|_| fresh(AddressFamily::INET6))
    })?;
    Ok(sockopt::rto_max_ms(socket)?.is_some())
}

/// The version of the running kernel, from uname(2), asked once; `None` where the release doesn't
/// start with two numbers.
#[must_use]
pub fn kernel_version() -> Option<KernelVersion> {
    static VERSION: OnceLock<Option<KernelVersion>> = OnceLock::new();
    let ask = || KernelVersion::parse(rustix::system::uname().release().to_str().ok()?);
    *VERSION.get_or_init(ask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernel_has_a_version() {
        assert!(kernel_version().is_some_and(|version| version >= KernelVersion::new(2, 6)));
    }

    #[test]
    fn option_and_sysctl_came_together() {
        let kernel = running_kernel().unwrap();
        assert_eq!(kernel.rto_max_option, kernel.sysctls.rto_max_ms.is_some());
    }
}
