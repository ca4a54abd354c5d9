//! Which connections are meant, as somebody wrote it down.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::States;
use serde::Deserialize;

use super::Filter;
use super::cgroup;
use super::container::Container;
use super::endpoint::Endpoint;
use super::glob::Glob;
use super::read;
use super::user::User;
use crate::workload::Names;

/// A choice of connections by names: what a command line or a configuration says. Values of one
/// kind are alternatives, different kinds must all agree; an empty kind asks nothing. The default
/// chooses everything.
///
/// Names mean something else as time goes by: containers start, users are made. So it is kept as it
/// was written, and [resolved](Self::resolve) when it is used, and again later.
///
/// A configuration writes it in the words of the command's filters: `pid`, `process`, `port`,
/// `local`, `peer`, `state`, `user`, `cgroup` and `container`, each one value or a list. Any other
/// key is refused, and so is a value that can match nothing.
///
/// ```
/// use deadpeer_host::filter::Selector;
///
/// let mut selector = Selector::default();
/// selector.processes = vec!["postgres*".parse()?];
/// selector.peer = vec!["10.0.0.0/8".parse()?];
/// let resolved = selector.resolve()?;
/// assert!(resolved.missing.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selector {
    /// Owned by one of these processes.
    #[serde(rename = "pid", deserialize_with = "read::pids")]
    pub pids: Vec<u32>,
    /// Owned by a process with one of these names.
    #[serde(rename = "process", deserialize_with = "read::each")]
    pub processes: Vec<Glob>,
    /// One of these ports at either end.
    #[serde(rename = "port", deserialize_with = "read::ports")]
    pub ports: Vec<u16>,
    /// The local end.
    #[serde(deserialize_with = "read::each")]
    pub local: Vec<Endpoint>,
    /// The peer. A listener has none and never matches.
    #[serde(deserialize_with = "read::each")]
    pub peer: Vec<Endpoint>,
    /// In one of these states.
    #[serde(rename = "state", deserialize_with = "read::states")]
    pub states: Vec<TcpState>,
    /// Belonging to one of these users.
    #[serde(rename = "user", deserialize_with = "read::each")]
    pub users: Vec<User>,
    /// Made in one of these cgroups (v2) or below: paths below the root, in which each name may
    /// have wildcards.
    #[serde(rename = "cgroup", deserialize_with = "read::each")]
    pub cgroups: Vec<PathBuf>,
    /// Made in one of these containers or pods. Together with `cgroups` they are one kind: any of
    /// both. Of a container that is kept by cgroups of version 1 alone, what its processes own.
    #[serde(rename = "container", alias = "pod", deserialize_with = "read::each")]
    pub containers: Vec<Container>,
}

/// What a selector means at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The choice. What is missing chooses nothing.
    pub filter: Filter,
    /// What is not there now.
    pub missing: Vec<Missing>,
}

/// Something with a name that nothing has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// A process with this number.
    Process(u32),
    /// A user with this name.
    User(User),
    /// A cgroup (v2) at this path.
    Cgroup(PathBuf),
    /// A container or pod.
    Container(Container),
}

/// A selector could not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The user database could not be asked.
    #[error("cannot look the user up: {0}")]
    Users(io::Error),
    /// A cgroup that is there could not be read.
    #[error("cgroup {}: {error}", path.display())]
    Cgroup {
        /// Its path, as it was written.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
}

impl Selector {
    /// Whether what it means changes as time goes by.
    pub(crate) fn has_names(&self) -> bool {
        !self.users.is_empty() || !self.cgroups.is_empty() || !self.containers.is_empty()
    }

    /// Looks up what the names mean now: users, processes, cgroups with all below them.
    ///
    /// # Errors
    /// See [`ResolveError`]. What is merely not there is no error, and chooses nothing.
    pub fn resolve(&self) -> Result<Resolved, ResolveError> {
        let mut missing = Vec::new();
        let gone = |pid: &&u32| !Path::new(&format!("/proc/{pid}")).exists();
        missing.extend(
            self.pids
                .iter()
                .filter(gone)
                .map(|pid| Missing::Process(*pid)),
        );
        let states = self.states.iter().copied().collect::<States>();
        let filter = Filter {
            pids: self.pids.clone(),
            processes: self.processes.clone(),
            ports: self.ports.clone(),
            local: self.local.clone(),
            peer: self.peer.clone(),
            states: match self.states.is_empty() {
                true => States::default(),
                false => states,
            },
            users: self.user_ids(&mut missing)?,
            cgroups: None,
            except: Vec::new(),
        };
        let places = self.places();
        let filter = match places.iter().any(|place| !place.processes.is_empty()) {
            true => in_processes(filter, &places),
            false => Filter {
                cgroups: self.cgroup_ids(&places)?,
                ..filter
            },
        };
        missing.extend(places.into_iter().filter_map(Place::missing));
        Ok(Resolved { filter, missing })
    }

    fn user_ids(&self, missing: &mut Vec<Missing>) -> Result<Option<Vec<u32>>, ResolveError> {
        let mut ids = Vec::new();
        for user in &self.users {
            match user.id().map_err(ResolveError::Users)? {
                Some(id) => ids.push(id),
                None => missing.push(Missing::User(user.clone())),
            }
        }
        Ok((!self.users.is_empty()).then_some(ids))
    }

    fn cgroup_ids(&self, places: &[Place]) -> Result<Option<Vec<u64>>, ResolveError> {
        let mut ids = Vec::new();
        for place in places {
            for directory in &place.directories {
                match (cgroup::ids(directory), &place.name) {
                    (Ok(found), _) => ids.extend(found),
                    (Err(error), Missing::Cgroup(path)) => {
                        let path = path.clone();
                        return Err(ResolveError::Cgroup { path, error });
                    }
                    // One that has ended meanwhile has no connections.
                    (Err(_), _) => {}
                }
            }
        }
        let asked = !self.cgroups.is_empty() || !self.containers.is_empty();
        Ok(asked.then_some(ids))
    }

    /// Each name of a cgroup or a container, and what it means.
    fn places(&self) -> Vec<Place> {
        let cgroups = self.cgroups.iter().map(|path| Place {
            name: Missing::Cgroup(path.clone()),
            directories: cgroups_at(path),
            processes: Vec::new(),
        });
        let names = match self.containers.is_empty() {
            true => Names::default(),
            false => Names::of_this_machine(),
        };
        let containers = self.containers.iter().map(|container| {
            let ids = container.ids(&names);
            let directories = cgroup::all_that(|cgroup| container.is_at_or_has(cgroup, &ids));
            Place {
                name: Missing::Container(container.clone()),
                processes: match directories.is_empty() {
                    true => container.processes(Path::new("/proc"), &ids),
                    false => Vec::new(),
                },
                directories,
            }
        });
        cgroups.chain(containers).collect()
    }

    /// The cgroups whose connections are chosen, those below them included, by their paths below
    /// the root: that itself where everything is. `None`: something else decides as well.
    #[must_use]
    pub fn whole_cgroups(&self) -> Option<Vec<PathBuf>> {
        if *self == Self::default() {
            return Some(vec!["/".into()]);
        }
        let cgroups_alone = Self {
            cgroups: self.cgroups.clone(),
            containers: self.containers.clone(),
            ..Self::default()
        };
        (*self == cgroups_alone).then(|| {
            let directories = cgroups_alone.places().into_iter();
            let directories = directories.flat_map(|place| place.directories);
            directories
                .filter_map(|it| cgroup::below_root(&it))
                .collect()
        })
    }
}

/// A cgroup or a container, and where it is.
struct Place {
    name: Missing,
    /// Its cgroups (v2).
    directories: Vec<PathBuf>,
    /// Of a container that has none, the processes that are in it by version 1.
    processes: Vec<u32>,
}

impl Place {
    fn missing(self) -> Option<Missing> {
        (self.directories.is_empty() && self.processes.is_empty()).then_some(self.name)
    }
}

/// What the processes of these places own: sockets of a container that is kept by version 1 don't
/// tell where they were made.
fn in_processes(mut filter: Filter, places: &[Place]) -> Filter {
    let of_place = |place: &Place| {
        let directories = place.directories.iter();
        let inside = directories.flat_map(|directory| cgroup::processes(directory));
        inside.chain(place.processes.clone()).collect::<Vec<u32>>()
    };
    let inside = places.iter().flat_map(of_place);
    let asked = std::mem::take(&mut filter.pids);
    filter.pids = inside
        .filter(|pid| asked.is_empty() || asked.contains(pid))
        .collect();
    // No process would be any.
    filter.cgroups = filter.pids.is_empty().then(Vec::new);
    filter
}

/// The directories of a cgroup's path: one, or as many as its wildcards mean.
fn cgroups_at(path: &Path) -> Vec<PathBuf> {
    let as_written = cgroup::directory(path);
    let wild = path.as_os_str().as_encoded_bytes();
    if as_written.is_some() || !wild.iter().any(|byte| matches!(byte, b'*' | b'?')) {
        return as_written.into_iter().collect();
    }
    let names = |path: &Path| -> Vec<Vec<u8>> {
        let below = path.strip_prefix("/").unwrap_or(path);
        below
            .iter()
            .map(|name| name.as_encoded_bytes().to_vec())
            .collect()
    };
    let wanted: Vec<Glob> = names(path).into_iter().map(Glob::new).collect();
    cgroup::all_that(|cgroup| {
        let names = names(cgroup);
        names.len() == wanted.len()
            && wanted
                .iter()
                .zip(&names)
                .all(|(glob, name)| glob.matches(name))
    })
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(_) => f.write_str("there is no such process"),
            Self::User(_) => f.write_str("there is no such user"),
            Self::Cgroup(_) => f.write_str("there is no such cgroup"),
            Self::Container(_) => f.write_str(
                "there is no cgroup of such a container or pod; ids are shown by podman ps --no-trunc and docker ps --no-trunc",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(set: impl FnOnce(&mut Selector)) -> Resolved {
        let mut selector = Selector::default();
        set(&mut selector);
        selector.resolve().unwrap()
    }

    #[test]
    fn nothing_written_is_everything() {
        assert_eq!(resolved(|_| {}).filter, Filter::default());
    }

    #[test]
    fn what_is_missing_is_named_and_chooses_nothing() {
        let found = resolved(|selector| {
            selector.pids = vec![i32::MAX as u32];
            selector.users = vec![User::Name("no-such-user-anywhere".into())];
            selector.cgroups = vec!["no/such/cgroup".into(), "no/such/*".into()];
            selector.containers = vec![Container::new("no-such-container")];
        });
        assert_eq!(found.missing.len(), 5, "{:?}", found.missing);
        assert_eq!(found.filter.users, Some(vec![]));
        assert_eq!(found.filter.cgroups, Some(vec![]));
    }

    #[test]
    fn names_are_looked_up() {
        let found = resolved(|selector| {
            selector.users = vec![User::Name("root".into()), User::Id(77)];
            selector.states = vec![TcpState::Listen];
        });
        assert_eq!(found.missing, []);
        assert_eq!(found.filter.users, Some(vec![0, 77]));
        assert!(found.filter.states.contains(TcpState::Listen));
        assert!(!found.filter.states.contains(TcpState::Established));
    }
}
