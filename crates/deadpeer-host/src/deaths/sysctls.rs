//! The sysctls that hold in a network namespace, now.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpeer_core::Sysctls;
use deadpeer_sys::netns::{self, NetnsError};
use deadpeer_sys::sysctl::{self, SysctlError};

use crate::table::{Namespace, Netns};

/// Reading them takes at most this part of our time.
const REST: u32 = 100;

/// Sysctls of a network namespace, read again when they are asked for. Whoever watches for long
/// would else name settings that no longer hold.
#[derive(Debug)]
pub(super) struct CurrentSysctls {
    /// Where, if all namespaces are watched.
    pub(super) netns: Option<Arc<Netns>>,
    way: Way,
    sysctls: Sysctls,
    next_read: Instant,
}

/// How to the namespace.
#[derive(Debug)]
enum Way {
    /// We are in it.
    Here,
    /// It is kept open.
    Open(OwnedFd),
    /// It is looked for each time, so that it may go.
    To(Arc<Netns>),
}

impl CurrentSysctls {
    /// Those of a namespace that may go. As long as they could not be read, they are the kernel's
    /// own.
    pub(super) fn at(netns: Netns) -> Self {
        let netns = Arc::new(netns);
        Self {
            way: match netns.is_own {
                true => Way::Here,
                false => Way::To(Arc::clone(&netns)),
            },
            netns: Some(netns),
            sysctls: Sysctls::DEFAULT,
            next_read: Instant::now(),
        }
    }

    /// Those of this namespace, which had these a moment ago.
    pub(super) fn of(namespace: &Namespace, sysctls: Sysctls) -> Result<Self, NetnsError> {
        let way = match namespace {
            Namespace::Own => Way::Here,
            Namespace::Process(_)
            | Namespace::Named(_)
            | Namespace::File(_)
            | Namespace::Open(_) => Way::Open(namespace.open()?),
        };
        Ok(Self {
            netns: None,
            way,
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
        let open = match &self.way {
            Way::Here => return Some(sysctl::read()),
            Way::Open(namespace) => return netns::enter(namespace, sysctl::read).ok(),
            Way::To(to) => to
                .way
                .open()
                .ok()
                .filter(|open| netns::inode(open) == Ok(to.number))?,
        };
        netns::enter(open, sysctl::read).ok()
    }
}
