//! Which connections are meant, by what they and their owners have.

use std::net::SocketAddr;

use deadpeer_sys::sock_diag::{Socket, States};

use super::endpoint::Endpoint;
use super::glob::Glob;
use crate::process::Process;

/// A choice of connections. Values of one kind are alternatives, different kinds must all agree; an
/// empty kind asks nothing. The default chooses everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Owned by one of these processes.
    pub pids: Vec<u32>,
    /// Owned by a process with one of these names ([`Process::name`] or [`Process::comm`]).
    pub processes: Vec<Glob>,
    /// One of these ports at either end.
    pub ports: Vec<u16>,
    /// The local end.
    pub local: Vec<Endpoint>,
    /// The peer. A listener has none and never matches.
    pub peer: Vec<Endpoint>,
    /// In one of these states; the kernel filters by them.
    pub states: States,
    /// Belonging to one of these users, numbers as our user namespace sees them; `None` asks
    /// nothing.
    pub users: Option<Vec<u32>>,
    /// Made in one of these cgroups, ids of cgroup v2 directories, see
    /// [`cgroup::ids`](super::cgroup::ids); `None` asks nothing.
    pub cgroups: Option<Vec<u64>>,
    /// What one of these means is not meant.
    pub except: Vec<Filter>,
}

impl Filter {
    /// Whether owners must be known to decide.
    #[must_use]
    pub fn needs_owners(&self) -> bool {
        self.asks_for_owners() || self.except.iter().any(Self::needs_owners)
    }

    fn asks_for_owners(&self) -> bool {
        !self.pids.is_empty() || !self.processes.is_empty()
    }

    /// Whether a socket with these owners is meant.
    #[must_use]
    pub fn matches<'p>(
        &self,
        socket: &Socket<'_>,
        owners: impl IntoIterator<Item = &'p Process, IntoIter: Clone>,
    ) -> bool {
        let owners = owners.into_iter();
        self.matches_socket(socket)
            && self.matches_owners(owners.clone())
            && !self.excepts(socket, owners)
    }

    /// Whether a socket with these owners is among the exceptions.
    pub(crate) fn excepts<'p>(
        &self,
        socket: &Socket<'_>,
        owners: impl Iterator<Item = &'p Process> + Clone,
    ) -> bool {
        // A list has one type: of iterators over iterators there would be ever more types.
        let mut excepted = self.except.iter();
        excepted.any(|except| {
            let processes: Vec<&Process> = owners.clone().collect();
            except.matches(socket, processes)
        })
    }

    /// The part of [`Filter::matches`] that looks at the socket alone, but for exceptions.
    #[must_use]
    pub fn matches_socket(&self, socket: &Socket<'_>) -> bool {
        let ends = [socket.local.port(), socket.peer.port()];
        self.states.contains(socket.state)
            && any(&self.ports, |port| ends.contains(port))
            && any(&self.local, |end| end.contains(socket.local))
            && any(&self.peer, |end| {
                has_peer(socket.peer) && end.contains(socket.peer)
            })
            && (self.users.as_ref()).is_none_or(|users| users.contains(&socket.uid))
            && (self.cgroups.as_ref()).is_none_or(|cgroups| {
                socket
                    .cgroup
                    .is_some_and(|cgroup| cgroups.contains(&cgroup))
            })
    }

    /// Whether a connection that is over, of which only the local end and the owners show, can be
    /// one that is meant.
    pub(crate) fn matches_local(&self, local: SocketAddr) -> bool {
        any(&self.ports, |port| *port == local.port())
            && any(&self.local, |end| end.contains(local))
            && self.peer.is_empty()
            && self.users.is_none()
            && self.cgroups.is_none()
    }

    /// The part of [`Filter::matches`] that looks at the owners, but for exceptions: one of them
    /// must have both a pid and a name that are asked for.
    #[must_use]
    pub fn matches_owners<'p>(&self, owners: impl IntoIterator<Item = &'p Process>) -> bool {
        !self.asks_for_owners()
            || owners
                .into_iter()
                .any(|process| self.matches_process(process))
    }

    fn matches_process(&self, process: &Process) -> bool {
        any(&self.pids, |pid| *pid == process.pid())
            && any(&self.processes, |name| {
                name.matches(process.name()) || name.matches(process.comm())
            })
    }
}

/// Whether one alternative agrees, or none is asked for.
fn any<T>(alternatives: &[T], agrees: impl FnMut(&T) -> bool) -> bool {
    alternatives.is_empty() || alternatives.iter().any(agrees)
}

fn has_peer(peer: SocketAddr) -> bool {
    peer.port() != 0
}

#[cfg(test)]
mod tests {
    use deadpeer_core::TcpState;

    use super::*;

    fn socket() -> Socket<'static> {
        let local = "192.0.2.1:443".parse().unwrap();
        let peer = "198.51.100.7:50000".parse().unwrap();
        let mut socket = Socket::new(TcpState::Established, local, peer);
        socket.uid = 1000;
        socket.cgroup = Some(77);
        socket
    }

    fn matches(set: impl FnOnce(&mut Filter)) -> bool {
        let mut filter = Filter::default();
        set(&mut filter);
        let owners = [
            Process::named(1, b"systemd"),
            Process::named(42, b"a-name-longer-than-comm"),
        ];
        filter.matches(&socket(), &owners)
    }

    fn glob(text: &str) -> Glob {
        Glob::new(text.as_bytes())
    }

    #[test]
    fn nothing_asked_is_everything() {
        assert!(matches(|_| {}));
    }

    #[test]
    fn each_kind_alone() {
        assert!(matches(|f| f.ports = vec![443]));
        assert!(matches(|f| f.ports = vec![50_000]));
        assert!(!matches(|f| f.ports = vec![80]));
        assert!(matches(|f| f.local = vec!["192.0.2.0/24".parse().unwrap()]));
        assert!(!matches(
            |f| f.local = vec!["198.51.100.0/24".parse().unwrap()]
        ));
        assert!(matches(
            |f| f.peer = vec!["198.51.100.7:50000".parse().unwrap()]
        ));
        assert!(!matches(|f| f.peer = vec![":443".parse().unwrap()]));
        assert!(matches(|f| f.users = Some(vec![1000])));
        assert!(!matches(|f| f.users = Some(vec![0])));
        assert!(matches(|f| f.cgroups = Some(vec![77])));
        assert!(!matches(|f| f.cgroups = Some(vec![78])));
        assert!(matches(|f| f.states = States::LIVE));
        assert!(!matches(|f| f.states = States::NONE.with(TcpState::Listen)));
        assert!(matches(|f| f.pids = vec![42]));
        assert!(!matches(|f| f.pids = vec![43]));
    }

    #[test]
    fn a_process_is_known_by_its_whole_name_and_by_what_the_kernel_kept() {
        assert!(matches(
            |f| f.processes = vec![glob("a-name-longer-than-comm")]
        ));
        assert!(matches(|f| f.processes = vec![glob("a-name-longer-t")]));
        assert!(!matches(|f| f.processes = vec![glob("a-name")]));
    }

    #[test]
    fn values_of_a_kind_are_alternatives_and_kinds_must_agree() {
        assert!(matches(|f| f.ports = vec![80, 443]));
        assert!(matches(|f| {
            f.ports = vec![443];
            f.users = Some(vec![1000]);
        }));
        assert!(!matches(|f| {
            f.ports = vec![443];
            f.users = Some(vec![0]);
        }));
    }

    #[test]
    fn pid_and_name_must_be_of_the_same_process() {
        assert!(!matches(|f| {
            f.pids = vec![42];
            f.processes = vec![glob("systemd")];
        }));
    }

    #[test]
    fn an_exception_is_one_as_a_whole() {
        let excepting = |set: fn(&mut Filter)| {
            let mut except = Filter::default();
            set(&mut except);
            matches(|filter| filter.except = vec![except])
        };
        assert!(!excepting(|_| {}));
        assert!(!excepting(|f| f.ports = vec![443]));
        assert!(!excepting(|f| {
            f.ports = vec![443];
            f.processes = vec![glob("systemd")];
        }));
        assert!(excepting(|f| {
            f.ports = vec![443];
            f.processes = vec![glob("nobody")];
        }));
        assert!(excepting(|f| f.users = Some(vec![0])));
        let mut needs = Filter::default();
        assert!(!needs.needs_owners());
        needs.except = vec![Filter {
            pids: vec![1],
            ..Filter::default()
        }];
        assert!(needs.needs_owners());
        assert!(needs.matches_owners([]));
    }

    #[test]
    fn a_listener_has_no_peer() {
        let filter = Filter {
            peer: vec!["0.0.0.0/0".parse().unwrap()],
            ..Filter::default()
        };
        let any = "0.0.0.0:0".parse().unwrap();
        let listener = Socket::new(TcpState::Listen, "0.0.0.0:443".parse().unwrap(), any);
        assert!(!filter.matches_socket(&listener));
    }
}
