//! A lab: hosts and the wire that joins them.

use std::path::{Path, PathBuf};

use crate::error::LabError;
use crate::host::Host;
use crate::router::End;
use crate::wire::Wire;

/// What a lab is to be like.
#[derive(Debug, Clone)]
pub struct LabPlan {
    hosts: Vec<String>,
    mtu: u32,
    seed: u64,
    captures: Option<PathBuf>,
}

/// Hosts and the wire between them. Dropped, all of it is gone but what still runs in a host.
#[derive(Debug)]
pub struct Lab {
    // First: the wire stops before its ends vanish.
    wire: Wire,
    hosts: Vec<Host>,
}

impl Lab {
    /// Plans a lab with these hosts, with an MTU of 1500 bytes.
    pub fn with_hosts<N: Into<String>>(names: impl IntoIterator<Item = N>) -> LabPlan {
        LabPlan {
            hosts: names.into_iter().map(Into::into).collect(),
            mtu: 1500,
            seed: 0,
            captures: None,
        }
    }

    /// The hosts, in the order of their plan, which is that of their ends.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The host of this name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name() == name)
    }

    /// The host of this name, to be rebooted.
    #[must_use]
    pub fn host_mut(&mut self, name: &str) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|host| host.name() == name)
    }

    /// The wire.
    #[must_use]
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Stops the wire, finishes the captures and lets go of the hosts.
    ///
    /// # Errors
    /// The captures could not be written, or the wire had failed.
    pub fn stop(self) -> Result<(), LabError> {
        self.wire.stop().map_err(LabError::of("wire"))
    }
}

impl LabPlan {
    /// The MTU of every link, in bytes: 1280 to 65535.
    #[must_use]
    pub fn mtu(mut self, bytes: u32) -> Self {
        self.mtu = bytes;
        self
    }

    /// The seed of everything random on the wire.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Writes what each host sends and receives to `DIRECTORY/HOST.pcapng`.
    #[must_use]
    pub fn captures(mut self, directory: impl AsRef<Path>) -> Self {
        self.captures = Some(directory.as_ref().to_owned());
        self
    }

    /// Builds it. Needs `CAP_SYS_ADMIN`, `CAP_NET_ADMIN` and `CAP_NET_RAW`, as a program in an
    /// [`enclosure`](crate::enclosure) has them.
    ///
    /// # Errors
    /// The plan cannot be, or the kernel refused something.
    pub fn start(self) -> Result<Lab, LabError> {
        if self.hosts.len() > End::MOST {
            return Err(LabError::Other(format!(
                "{} hosts; a wire has at most {} ends",
                self.hosts.len(),
                End::MOST
            )));
        }
        if !(1280..=65_535).contains(&self.mtu) {
            return Err(LabError::Other(format!(
                "an MTU of {} bytes; it is 1280 (the least for IPv6) to 65535",
                self.mtu
            )));
        }
        let namespace = Wire::namespace().map_err(LabError::of("wire"))?;
        let hosts = self
            .hosts
            .iter()
            .zip((0..=u8::MAX).map(End))
            .map(|(name, end)| {
                Host::new(name.clone(), end, self.mtu, &namespace)
                    .map_err(LabError::of(format!("host {name}")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let wire = Wire::start(
            namespace,
            &self.hosts,
            self.mtu,
            self.seed,
            self.captures.as_deref(),
        )
        .map_err(LabError::of("wire"))?;
        Ok(Lab { wire, hosts })
    }
}
