//! The sysctls that hold in a network namespace, now.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use deadpeer_core::Sysctls;
use deadpeer_sys::netns::{self, NetnsError};
use deadpeer_sys::sysctl::{self, SysctlError};

use crate::table::Namespace;

/// Reading them takes at most this part of our time.
const REST: u32 = 100;

/// Sysctls of a network namespace, read again when they are asked for. Whoever watches for long
/// would else name settings that no longer hold.
#[derive(Debug)]
pub(super) struct CurrentSysctls {
    /// `None`: the one that we are in.
    namespace: Option<OwnedFd>,
    sysctls: Sysctls,
    next_read: Instant,
}

impl CurrentSysctls {
    /// Those of this namespace, which had these a moment ago.
    pub(super) fn of(namespace: &Namespace, sysctls: Sysctls) -> Result<Self, NetnsError> {
        let namespace = match namespace {
            Namespace::Own => None,
            Namespace::Process(_) | Namespace::Named(_) | Namespace::File(_) => {
                Some(namespace.open()?)
            }
        };
        Ok(Self {
            namespace,
            sysctls,
            next_read: Instant::now(),
        })
    }

    /// As they are, or were a moment ago. Those that can't be read any more stay.
    pub(super) fn now(&mut self) -> &Sysctls {
        let begun = Instant::now();
        if begun >= self.next_read {
            if let Some(Ok(sysctls)) = self.read() {
                self.sysctls = sysctls;
            }
            let took: Duration = begun.elapsed();
            self.next_read = begun + took * REST;
        }
        &self.sysctls
    }

    fn read(&self) -> Option<Result<Sysctls, SysctlError>> {
        match &self.namespace {
            None => Some(sysctl::read()),
            Some(namespace) => netns::enter(namespace, sysctl::read).ok(),
        }
    }
}
