//! Which network namespaces are meant: one, those of some processes, or the whole machine's.

use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

use deadpeer_sys::netns::NetnsError;

use super::coverage::ClosedNetns;
use super::namespace::Namespace;
use super::netns::{AllNetns, Netns, is_the_machines_own, network_file};

/// Which network namespaces are meant. Written as a [`Namespace`], as `own`, or as `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// This one.
    One(Namespace),
    /// These.
    Several(Vec<Namespace>),
    /// Ours and those that these processes are in.
    OfProcesses(Vec<u32>),
    /// Every one that can be found.
    All,
}

/// The namespaces that are meant, and those of them that are closed to us.
pub(super) type Found = (Vec<Netns>, Vec<ClosedNetns>);

impl Scope {
    /// What is meant where nobody says: the whole machine for root where the machine began, which
    /// is its first pid and user namespace and the network namespace of process 1; ours for
    /// anybody else, in a container, and in a namespace that somebody made for himself.
    #[must_use]
    pub fn usual() -> Self {
        match rustix::process::geteuid().is_root() && is_the_machines_own() {
            true => Self::All,
            false => Self::One(Namespace::Own),
        }
    }

    /// The one namespace that is meant, if it is one.
    #[must_use]
    pub fn one(&self) -> Option<&Namespace> {
        match self {
            Self::One(namespace) => Some(namespace),
            Self::Several(_) | Self::OfProcesses(_) | Self::All => None,
        }
    }

    /// Looks where they are, ours first.
    pub(super) fn find(&self) -> Result<Found, NetnsError> {
        match self {
            Self::One(namespace) => Ok((vec![Netns::at(namespace)?], Vec::new())),
            Self::Several(ways) => Ok(each(Vec::new(), ways.iter().cloned())),
            Self::OfProcesses(pids) => of_processes(pids),
            Self::All => {
                let all = AllNetns::find();
                let hidden = all.hidden.iter().map(|pid| ClosedNetns {
                    number: None,
                    known_as: format!("process {pid}"),
                    why: "it may not be looked into".to_owned(),
                });
                Ok((all.known, hidden.collect()))
            }
        }
    }
}

fn of_processes(pids: &[u32]) -> Result<Found, NetnsError> {
    let known = vec![Netns::at(&Namespace::Own)?];
    let here = network_file(Path::new("/proc/thread-self"));
    // Who may not be looked into may be here all the same.
    let is_here =
        |pid: &u32| here.is_some() && here == network_file(Path::new(&format!("/proc/{pid}")));
    let elsewhere = pids.iter().copied().filter(|pid| !is_here(pid));
    Ok(each(known, elsewhere.map(Namespace::Process)))
}

/// Adds those that these ways lead to.
fn each(mut known: Vec<Netns>, ways: impl Iterator<Item = Namespace>) -> Found {
    let mut closed = Vec::new();
    for way in ways {
        match Netns::at(&way) {
            Ok(netns) if known.iter().any(|known| known.number == netns.number) => {}
            Ok(netns) => known.push(netns),
            Err(error) => closed.push(ClosedNetns {
                number: None,
                known_as: way.to_string(),
                why: error.to_string(),
            }),
        }
    }
    (known, closed)
}

impl FromStr for Scope {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "own" => Self::One(Namespace::Own),
            "all" => Self::All,
            other => Self::One(other.parse()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use deadpeer_sys::testing::in_private_netns;

    use super::*;

    #[test]
    fn two_words_are_no_names() {
        let parse = |text: &str| text.parse::<Scope>().unwrap();
        assert_eq!(parse("own"), Scope::One(Namespace::Own));
        assert_eq!(parse("all"), Scope::All);
        assert_eq!(parse("7"), Scope::One(Namespace::Process(7)));
        assert_eq!(parse("all/"), Scope::One(Namespace::File("all/".into())));
    }

    #[test]
    fn several_are_found_once_each_and_what_is_not_there_is_named() {
        in_private_netns(|| {
            let us = Namespace::Process(std::process::id());
            let gone = Namespace::Named("nowhere".into());
            let several = Scope::Several(vec![us.clone(), gone, us]);
            let (known, closed) = several.find().unwrap();
            assert_eq!((known.len(), closed.len()), (1, 1));
            assert_eq!(closed[0].known_as, "nowhere");
        });
    }

    #[test]
    fn in_a_namespace_of_ones_own_nobody_else_is_meant_unless_a_process_is() {
        in_private_netns(|| {
            assert_eq!(Scope::usual(), Scope::One(Namespace::Own));
            let us = std::process::id();
            let (known, closed) = Scope::OfProcesses(vec![us, us]).find().unwrap();
            assert_eq!(
                (known.len(), closed.len()),
                (2, 0),
                "the main thread is elsewhere"
            );
            assert!(known[0].is_own && !known[1].is_own);
        });
    }
}
