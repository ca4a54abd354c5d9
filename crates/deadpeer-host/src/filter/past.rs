//! Connections that are over, as their records tell of them.

use std::path::Path;

use deadpeer_core::TcpState;
use deadpeer_report::record;
use deadpeer_sys::sock_diag::Socket;

use super::container::Container;
use super::glob::Glob;
use super::matching::Filter;
use super::read;
use super::selector::{ResolveError, Selector};
use crate::process::Process;
use crate::workload::Names;

/// A choice of dead connections. What it names need not be there any more: a cgroup and a container
/// are looked for in the paths that were recorded.
#[derive(Debug)]
pub struct PastFilter {
    filter: Filter,
    cgroups: Vec<Vec<Glob>>,
    /// With the ids that those have now which are called so.
    containers: Vec<(Container, Vec<String>)>,
}

impl PastFilter {
    /// What a selector means of the past.
    ///
    /// # Errors
    /// The users that it names could not be looked up.
    pub fn of(selector: &Selector) -> Result<Self, ResolveError> {
        let mut of_now = selector.clone();
        let cgroups = std::mem::take(&mut of_now.cgroups);
        let containers = std::mem::take(&mut of_now.containers);
        let names = match containers.is_empty() {
            true => Names::default(),
            false => Names::of_this_machine(),
        };
        let with_ids = |container: Container| {
            let ids = container.ids(&names).into_iter().map(str::to_owned);
            let ids = ids.collect();
            (container, ids)
        };
        Ok(Self {
            filter: of_now.resolve()?.filter,
            cgroups: cgroups.iter().map(|path| globs(path)).collect(),
            containers: containers.into_iter().map(with_ids).collect(),
        })
    }

    /// Whether it chooses this one.
    #[must_use]
    pub fn matches(&self, death: &record::Death) -> bool {
        let (Ok(local), Ok(peer)) = (death.local.parse(), death.peer.parse()) else {
            return false;
        };
        let state = death.state.as_ref().and_then(|word| read::state(word).ok());
        let mut socket = Socket::new(state.unwrap_or(TcpState::Established), local, peer);
        socket.uid = death.uid.unwrap_or(u32::MAX);
        let owner = death.owner.as_ref();
        let owner = owner.map(|owner| Process::named(owner.pid, owner.process.as_bytes()));
        self.filter.matches(&socket, &owner) && self.matches_cgroup(death)
    }

    fn matches_cgroup(&self, death: &record::Death) -> bool {
        if self.cgroups.is_empty() && self.containers.is_empty() {
            return true;
        }
        let by_name = |(one, _): &(Container, _)| one.is_called_in(&death.place);
        if self.containers.iter().any(by_name) {
            return true;
        }
        let Some(path) = &death.cgroup_path else {
            return false;
        };
        let path = String::from_utf8_lossy(path.as_bytes());
        let path = Path::new(&*path);
        let is_below = |wanted: &Vec<Glob>| {
            let names: Vec<&[u8]> = names(path).collect();
            names.len() >= wanted.len()
                && wanted
                    .iter()
                    .zip(names)
                    .all(|(glob, name)| glob.matches(name))
        };
        self.cgroups.iter().any(is_below)
            || path.ancestors().any(|path| {
                let mut containers = self.containers.iter();
                containers.any(|(one, ids)| one.is_at_or_has(path, ids))
            })
    }
}

/// A path below the root, or in the file system.
fn globs(path: &Path) -> Vec<Glob> {
    let below = path.strip_prefix("/sys/fs/cgroup").unwrap_or(path);
    names(below).map(|name| Glob::new(name.to_vec())).collect()
}

fn names(path: &Path) -> impl Iterator<Item = &[u8]> {
    let below = path.strip_prefix("/").unwrap_or(path);
    below.iter().map(|name| name.as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEATH: &str = include_str!("../../../../schemas/examples/death.jsonl");

    fn chosen(set: impl FnOnce(&mut Selector)) -> bool {
        let mut death: record::Death = match serde_json::from_str(DEATH.lines().next().unwrap()) {
            Ok(record::Line::Death(death)) => *death,
            other => panic!("{other:?}"),
        };
        death.cgroup_path = Some("/system.slice/machine-web.scope/init".into());
        death.place.container = Some(record::Container {
            id: None,
            name: Some("front".into()),
            runtime: None,
        });
        death.place.pod = Some(record::Pod {
            uid: "0f5c1b2a".into(),
            namespace: Some("shop".into()),
            name: Some("web-0".into()),
        });
        let mut selector = Selector::default();
        set(&mut selector);
        PastFilter::of(&selector).unwrap().matches(&death)
    }

    #[test]
    fn what_is_gone_can_be_chosen() {
        assert!(chosen(|_| {}));
        assert!(chosen(|selector| selector.pids = vec![17863]));
        assert!(!chosen(|selector| selector.pids = vec![1]));
        assert!(chosen(
            |selector| selector.processes = vec![Glob::new(b"py*".as_slice())]
        ));
        assert!(chosen(|selector| selector.ports = vec![6379]));
        assert!(!chosen(|selector| selector.ports = vec![80]));
        assert!(chosen(
            |selector| selector.states = vec![TcpState::Established]
        ));
        assert!(!chosen(|selector| selector.states = vec![TcpState::SynSent]));
        for (container, is) in [
            ("web", true),
            ("w*", true),
            ("db", false),
            ("front", true),
            ("web-0", true),
            ("shop/web-0/front", true),
            ("shop/web-1", false),
        ] {
            assert_eq!(
                chosen(|selector| selector.containers = vec![Container::new(container)]),
                is,
                "{container}"
            );
        }
        for (cgroup, is) in [
            ("system.slice", true),
            ("/system.slice/machine-*", true),
            ("/sys/fs/cgroup/system.slice", true),
            ("/user.slice", false),
            ("/system.slice/machine-web.scope/init/deeper", false),
        ] {
            assert_eq!(
                chosen(|selector| selector.cgroups = vec![cgroup.into()]),
                is,
                "{cgroup}"
            );
        }
    }
}
