//! Connections that are ours: never to be killed, whatever a policy says.

use deadpeer_host::Process;
use deadpeer_sys::ProcessStat;

/// Our own process, and those that started it and look after it.
#[derive(Debug)]
pub(crate) struct Ours(Vec<u32>);

impl Ours {
    /// As it is now: a supervisor is the parent of whom it has started, and its own parents start
    /// it again.
    pub(crate) fn now() -> Self {
        let mut pids = vec![std::process::id()];
        let parent = |pid: &u32| Some(ProcessStat::of(*pid)?.parent).filter(|pid| *pid > 0);
        while let Some(parent) = pids.last().and_then(parent) {
            if pids.contains(&parent) {
                break;
            }
            pids.push(parent);
        }
        Self(pids)
    }

    /// Whether one of its owners is among them. Who reads our metrics has its connection with us.
    pub(crate) fn has<'p>(&self, mut owners: impl Iterator<Item = &'p Process>) -> bool {
        owners.any(|process| self.0.contains(&process.pid()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_and_who_started_us() {
        let ours = Ours::now();
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        for pid in [std::process::id(), parent.unsigned_abs()] {
            let process = Process::named(pid, b"any");
            assert!(ours.has([&process].into_iter()));
        }
        let stranger = Process::named(u32::MAX, b"deadpeer");
        assert!(!ours.has([&stranger].into_iter()));
    }
}
