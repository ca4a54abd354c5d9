//! Where something runs, as a record.

use deadpeer_report::record;

use crate::table::Netns;
use crate::workload::{Container, Pod, Workload};

/// The record of a place.
#[must_use]
pub fn place(netns: Option<&Netns>, workload: Option<&Workload>) -> record::Place {
    let name = netns.and_then(|netns| netns.name.as_deref());
    let unit = workload.and_then(|workload| workload.unit.as_deref());
    record::Place {
        netns: netns.map(|netns| netns.number),
        netns_name: name.map(Into::into),
        container: workload
            .and_then(|it| it.container.as_ref())
            .map(Into::into),
        pod: workload.and_then(|it| it.pod.as_ref()).map(Into::into),
        unit: unit.map(Into::into),
    }
}

impl From<&Container> for record::Container {
    fn from(container: &Container) -> Self {
        Self {
            id: container.id.as_deref().map(Into::into),
            name: container.name.as_deref().map(Into::into),
            runtime: container.runtime.map(|runtime| runtime.word().into()),
        }
    }
}

impl From<&Pod> for record::Pod {
    fn from(pod: &Pod) -> Self {
        let named = pod.name.as_ref();
        Self {
            uid: pod.uid.as_ref().into(),
            namespace: named.map(|(namespace, _)| namespace.as_ref().into()),
            name: named.map(|(_, name)| name.as_ref().into()),
        }
    }
}
