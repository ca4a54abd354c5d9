//! A process as far as it matters to the sockets it owns.

use std::fs;
use std::sync::{Arc, OnceLock};

use crate::workload::{Names as WorkloadNames, Workload};

/// A process that owned a descriptor when `/proc` was read.
///
/// Its names are read when first asked for, and are bytes: a process can be called anything,
/// newlines and escape codes included.
#[derive(Debug, Clone)]
pub struct Process {
    pid: u32,
    network_namespace: Option<u64>,
    names: OnceLock<Names>,
    workload: OnceLock<Option<Arc<Workload>>>,
    called: Arc<OnceLock<WorkloadNames>>,
}

#[derive(Debug, Clone, Default)]
struct Names {
    comm: Box<[u8]>,
    /// Where `comm` was cut, the whole name.
    whole: Option<Box<[u8]>>,
}

/// The kernel cuts `comm` to 15 bytes (include/linux/sched.h, `TASK_COMM_LEN`).
const COMM_MAX: usize = 15;

impl Process {
    /// `called` are the names of the machine's containers, read when they are wanted.
    pub(crate) fn new(
        pid: u32,
        network_namespace: Option<u64>,
        called: Arc<OnceLock<WorkloadNames>>,
    ) -> Self {
        Self {
            pid,
            network_namespace,
            names: OnceLock::new(),
            workload: OnceLock::new(),
            called,
        }
    }

    /// A process with names that are known already.
    #[must_use]
    pub fn named(pid: u32, name: &[u8]) -> Self {
        let comm = name.get(..COMM_MAX).unwrap_or(name);
        let names = Names {
            comm: comm.into(),
            whole: (comm.len() < name.len()).then(|| name.into()),
        };
        Self {
            pid,
            network_namespace: None,
            names: OnceLock::from(names),
            workload: OnceLock::from(None),
            called: Arc::default(),
        }
    }

    /// The same process, called what it calls itself now; as before if it has ended.
    pub(crate) fn with_its_names_now(self) -> Self {
        let names = Names::read(self.pid);
        match names.comm.is_empty() {
            true => self,
            false => Self {
                names: OnceLock::from(names),
                ..self
            },
        }
    }

    /// Its number, as our pid namespace sees it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The number of the network namespace it is in (`net:[...]`), where we may see it. Its sockets
    /// may belong to others.
    #[must_use]
    pub fn network_namespace(&self) -> Option<u64> {
        self.network_namespace
    }

    /// What the process calls itself: `comm`, or the program's name where the kernel cut `comm` off
    /// at 15 bytes. Empty if the process has ended before it was asked.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        let names = self.names();
        names.whole.as_deref().unwrap_or(&names.comm)
    }

    /// `/proc/PID/comm`, at most 15 bytes.
    #[must_use]
    pub fn comm(&self) -> &[u8] {
        &self.names().comm
    }

    /// What it belongs to: its container, its pod, its unit; `None`: nothing that has a name, or
    /// the process has ended before it was asked. Read when first asked for.
    #[must_use]
    pub fn workload(&self) -> Option<&Arc<Workload>> {
        let read = || {
            let cgroup = fs::read_to_string(format!("/proc/{}/cgroup", self.pid)).ok()?;
            let workload = Workload::of(&cgroup)?;
            let is_named = workload.is_contained() || workload.pod.is_some();
            Some(Arc::new(match is_named {
                true => workload.named_by(self.called.get_or_init(WorkloadNames::of_this_machine)),
                false => workload,
            }))
        };
        self.workload.get_or_init(read).as_ref()
    }

    fn names(&self) -> &Names {
        self.names.get_or_init(|| Names::read(self.pid))
    }
}

impl PartialEq for Process {
    fn eq(&self, other: &Self) -> bool {
        self.pid == other.pid
    }
}

impl Eq for Process {}

impl Names {
    fn read(pid: u32) -> Self {
        let Ok(mut comm) = fs::read(format!("/proc/{pid}/comm")) else {
            return Self::default();
        };
        if comm.last() == Some(&b'\n') {
            comm.pop();
        }
        let whole = (comm.len() >= COMM_MAX)
            .then(|| fs::read(format!("/proc/{pid}/cmdline")).ok())
            .flatten()
            .and_then(|cmdline| whole_name(&comm, &cmdline));
        Self {
            comm: comm.into(),
            whole,
        }
    }
}

/// The file name of the first argument, if `comm` is where it begins.
fn whole_name(comm: &[u8], cmdline: &[u8]) -> Option<Box<[u8]>> {
    let program = cmdline.split(|byte| *byte == 0).next()?;
    let name = program.rsplit(|byte| *byte == b'/').next()?;
    (name.len() > comm.len() && name.starts_with(comm)).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_name_is_made_whole_from_the_command_line() {
        let comm = b"systemd-resolve";
        assert_eq!(
            whole_name(comm, b"/lib/systemd/systemd-resolved\0--x\0").as_deref(),
            Some(&b"systemd-resolved"[..])
        );
        assert_eq!(whole_name(comm, b"/usr/bin/python3\0x\0"), None);
        assert_eq!(whole_name(comm, b""), None);
    }

    #[test]
    fn our_own_name_can_be_read() {
        let process = Process::new(std::process::id(), None, Arc::default());
        assert!(!process.comm().is_empty());
        assert!(process.name().starts_with(process.comm()));
    }

    #[test]
    fn a_process_that_ended_has_no_name() {
        assert_eq!(Process::new(u32::MAX, None, Arc::default()).name(), b"");
    }
}
