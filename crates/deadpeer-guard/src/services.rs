//! Services by number, for those who count many connections.

use deadpeer_host::Role;
use deadpeer_host::deaths::ServiceName;
use rustc_hash::FxHashMap;

use crate::heart::ServiceId;

/// Every service that was seen, each with a number that it keeps. What has the same name in another
/// network namespace is another: only its own peers show whether they are cut off together.
#[derive(Debug, Default)]
pub(crate) struct ServiceNames {
    numbers: FxHashMap<(u64, ServiceName), ServiceId>,
    names: FxHashMap<ServiceId, ServiceName>,
    next: u32,
}

impl ServiceNames {
    /// The number of a service of this namespace.
    pub(crate) fn id(&mut self, namespace: u64, process: Option<&[u8]>, role: Role) -> ServiceId {
        let name = ServiceName::new(process.map(Into::into), role);
        let next = &mut self.next;
        let id = self
            .numbers
            .entry((namespace, name))
            .or_insert_with_key(|(_, name)| {
                let id = ServiceId(*next);
                *next = next.wrapping_add(1);
                self.names.insert(id, name.clone());
                id
            });
        *id
    }

    /// The service with a number.
    pub(crate) fn name(&self, id: ServiceId) -> Option<&ServiceName> {
        self.names.get(&id)
    }

    /// Forgets those of namespaces that are gone.
    pub(crate) fn keep(&mut self, is_there: impl Fn(u64) -> bool) {
        let names = &mut self.names;
        self.numbers.retain(|(namespace, _), id| {
            let stays = is_there(*namespace);
            if !stays {
                names.remove(id);
            }
            stays
        });
    }
}
