//! Listeners whose settings say little about the connections they accept.

use std::collections::HashMap;

use super::tally::{Share, Tally};
use crate::table::Service;

/// Overrules listeners that miss the deadline where the same program keeps it on every connection
/// of that port, or supervises it there: then it sets options on what it accepts, and the
/// listener's say little. Notes those of which no connection shows that.
pub(super) fn overrule_listeners(services: &mut [Service<Tally>]) {
    let key = |service: &Service<Tally>| {
        let address = service.role.listening()?;
        Some((service.process.clone(), address.port()))
    };
    let mut kept: HashMap<_, bool> = HashMap::new();
    for service in services.iter() {
        let Share {
            held,
            late,
            undecided,
            supervised,
            ..
        } = service.value.connections;
        if let Some(key) = key(service).filter(|_| held > 0) {
            *kept.entry(key).or_insert(true) &= late == 0 && undecided <= supervised;
        }
    }
    for service in services {
        let kept = key(service).map(|key| kept.get(&key).copied());
        let tally = &mut service.value;
        let late = tally.listeners.late > 0;
        tally.listener_overruled = late && kept == Some(Some(true));
        tally.nothing_accepted = late && kept == Some(None);
    }
}
