//! Services by number, for those who count many connections.

use deadpeer_host::Role;
use deadpeer_host::deaths::ServiceName;
use rustc_hash::FxHashMap;

use crate::heart::ServiceId;

/// Every service that was seen, each with a number that it keeps.
#[derive(Debug, Default)]
pub(crate) struct ServiceNames {
    numbers: FxHashMap<ServiceName, ServiceId>,
    names: Vec<ServiceName>,
}

impl ServiceNames {
    /// The number of a service.
    pub(crate) fn id(&mut self, process: Option<&[u8]>, role: Role) -> ServiceId {
        let name = ServiceName::new(process.map(Into::into), role);
        if let Some(known) = self.numbers.get(&name) {
            return *known;
        }
        let id = ServiceId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.clone());
        self.numbers.insert(name, id);
        id
    }

    /// The service with a number.
    pub(crate) fn name(&self, id: ServiceId) -> Option<&ServiceName> {
        self.names.get(id.0 as usize)
    }
}
