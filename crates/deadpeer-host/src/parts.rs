//! The options of parts of Multipath TCP connections. No descriptor leads to a single part: they
//! are read and set by eBPF, by their cookies.

use deadpeer_bpf::{Change, Engine, Outcome, Refused};
use deadpeer_core::{Effective, SocketOptions, Sysctls};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::table::{BpfError, Namespace};

/// So often it is tried to change what changes meanwhile.
const TRIES: u32 = 3;

/// The kernel gives no socket this cookie (net/core/sock_diag.c, `__sock_gen_cookie`).
const NO_SOCKET: u64 = 0;

/// What reaches the parts in one network namespace.
#[derive(Debug)]
pub(crate) struct Parts {
    engine: Engine,
    place: Namespace,
    sysctls: Sysctls,
}

impl Parts {
    /// Whether parts of this namespace could be asked. Changes nothing.
    pub(crate) fn can_be_asked(place: &Namespace) -> bool {
        let nobody = [NO_SOCKET];
        Self::open(place).is_some_and(|parts| parts.read(nobody).is_ok())
    }

    /// `None`: this machine, or our privilege, does not allow it. Setting options by eBPF takes
    /// Linux 5.15.
    pub(crate) fn open(place: &Namespace) -> Option<Self> {
        Engine::permitted().ok()?;
        let kernel = place.run(deadpeer_sys::running_kernel).ok()?.ok()?;
        Some(Self {
            engine: Engine::open(kernel.hz?).ok()?,
            place: place.clone(),
            sysctls: kernel.sysctls,
        })
    }

    /// What each of these has of its own; those that are gone are left out.
    pub(crate) fn read(
        &self,
        cookies: impl IntoIterator<Item = u64>,
    ) -> Result<FxHashMap<u64, SocketOptions>, BpfError> {
        let nothing = |cookie| Change::new(cookie, SocketOptions::default());
        let shown = self.set(cookies.into_iter().map(nothing).collect())?;
        let own = |outcome: Outcome| (outcome.cookie, outcome.before);
        Ok(shown.into_iter().map(own).collect())
    }

    /// What is in force where these options are set.
    pub(crate) fn effective(&self, own: &SocketOptions) -> Effective {
        own.resolve(&self.sysctls)
    }

    /// Sets options, and tells what became of each that is still there.
    pub(crate) fn set(&self, changes: Vec<Change>) -> Result<Vec<Outcome>, BpfError> {
        let mut became = Vec::new();
        let set = || self.engine.set(changes, |outcome| became.push(*outcome));
        self.place.run(set)??;
        Ok(became)
    }

    /// Sets what `back` makes of what each has, and never over what its program sets meanwhile.
    /// Returns those on which that failed; what is gone is none of them.
    pub(crate) fn put_back(
        &self,
        cookies: FxHashSet<u64>,
        back: impl Fn(u64, &Effective) -> SocketOptions,
    ) -> FxHashSet<u64> {
        let mut open = cookies;
        for _ in 0..TRIES {
            let Ok(held) = self.read(open.iter().copied()) else {
                return open;
            };
            let changes = held.into_iter().filter_map(|(cookie, own)| {
                let options = back(cookie, &self.effective(&own));
                let mut change = Change::new(cookie, options);
                change.only_if = Some(own);
                (options != SocketOptions::default()).then_some(change)
            });
            let changes: Vec<Change> = changes.collect();
            open = changes.iter().map(|change| change.cookie).collect();
            if open.is_empty() {
                break;
            }
            let Ok(became) = self.set(changes) else {
                return open;
            };
            let again = |outcome: &Outcome| outcome.refused == Some(Refused::Changed);
            open = became
                .iter()
                .filter(|outcome| again(outcome))
                .map(|outcome| outcome.cookie)
                .collect();
        }
        open
    }
}
