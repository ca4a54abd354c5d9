//! Services by number, for those who count many connections.

use deadpeer_host::Role;
use deadpeer_host::deaths::ServiceName;
use rustc_hash::FxHashMap;

use crate::heart::ServiceId;

/// One that no sweep has seen for so many is forgotten: programs name their processes as they like,
/// and connect to any port.
const MEMORY: u32 = 60;

/// Every service that was seen lately, each with a number that it keeps. What has the same name in
/// another network namespace is another: only its own peers show whether they are cut off together.
#[derive(Debug, Default)]
pub(crate) struct ServiceNames {
    known: FxHashMap<(u64, ServiceName), Known>,
    names: FxHashMap<ServiceId, ServiceName>,
    next: u32,
    sweep: u32,
}

#[derive(Debug)]
struct Known {
    id: ServiceId,
    /// In which sweep.
    seen: u32,
}

impl ServiceNames {
    /// The number of a service of this namespace.
    pub(crate) fn id(&mut self, namespace: u64, process: Option<&[u8]>, role: Role) -> ServiceId {
        let name = ServiceName::new(process.map(Into::into), role);
        let next = &mut self.next;
        let known = self
            .known
            .entry((namespace, name))
            .or_insert_with_key(|(_, name)| {
                let id = ServiceId(*next);
                *next = next.wrapping_add(1);
                self.names.insert(id, name.clone());
                Known {
                    id,
                    seen: self.sweep,
                }
            });
        known.seen = self.sweep;
        known.id
    }

    /// The service with a number.
    pub(crate) fn name(&self, id: ServiceId) -> Option<&ServiceName> {
        self.names.get(&id)
    }

    /// Ends a sweep: forgets those that were not seen for long.
    pub(crate) fn end_sweep(&mut self) {
        let (names, sweep) = (&mut self.names, self.sweep);
        self.known.retain(|_, known| {
            let stays = sweep.wrapping_sub(known.seen) < MEMORY;
            if !stays {
                names.remove(&known.id);
            }
            stays
        });
        self.sweep = sweep.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_seen_keeps_its_number_and_one_that_is_not_is_forgotten() {
        let mut services = ServiceNames::default();
        let web = |services: &mut ServiceNames| services.id(1, Some(b"web"), Role::Accepted(80));
        let (kept, once) = (
            web(&mut services),
            services.id(1, Some(b"once"), Role::Outgoing(40_000)),
        );
        for _ in 0..2 * MEMORY {
            assert_eq!(web(&mut services), kept);
            services.end_sweep();
        }
        assert!(services.name(kept).is_some());
        assert!(services.name(once).is_none());
        assert_eq!(services.known.len(), 1);
    }
}
