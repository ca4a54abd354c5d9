//! What policies mean at this moment: whose a connection is.

use std::time::{Duration, Instant};

use deadpeer_core::TcpState;
use deadpeer_host::filter::ResolveError;
use deadpeer_host::{Filter, Namespace, Process, Selector, Socket};
use deadpeer_sys::netns;
use rustc_hash::FxHashSet;

use crate::config::Config;

/// Names are looked up no more often than this, and looking takes at most a fiftieth of our time.
const SHORTEST: Duration = Duration::from_secs(5);
const REST: u32 = 50;

/// The policies' selectors, resolved.
#[derive(Debug)]
pub(crate) struct Choice {
    policies: Vec<Chosen>,
    never: Vec<Filter>,
    /// When names may mean something else.
    next: Instant,
}

/// What one policy means, by itself.
#[derive(Debug)]
struct Chosen {
    filter: Filter,
    /// The numbers of its network namespaces; `None`: all.
    netns: Option<FxHashSet<u64>>,
}

impl Choice {
    /// Looks up what names mean now.
    pub(crate) fn of(config: &Config) -> Result<Self, ResolveError> {
        let begun = Instant::now();
        let filter = |selector: &Selector| Ok(selector.resolve()?.filter);
        let policies = config.policies.iter().map(|policy| {
            Ok(Chosen {
                filter: filter(&policy.selector)?,
                netns: (!policy.netns.is_empty()).then(|| numbers(&policy.netns)),
            })
        });
        let policies = policies.collect::<Result<_, ResolveError>>()?;
        let never = config.never.iter().map(filter);
        let never = never.collect::<Result<_, ResolveError>>()?;
        Ok(Self {
            policies,
            never,
            next: Instant::now() + (begun.elapsed() * REST).max(SHORTEST),
        })
    }

    /// Whether names have to be looked up again.
    pub(crate) fn is_old(&self) -> bool {
        Instant::now() >= self.next
    }

    /// The place of the first policy that means a connection of a namespace; of `None` it is not
    /// known which that is. One that is `unclosed` is meant by CLOSE_WAIT as well.
    pub(crate) fn policy_of<'p>(
        &self,
        namespace: Option<u64>,
        socket: &Socket<'_>,
        unclosed: bool,
        owners: impl Iterator<Item = &'p Process> + Clone,
    ) -> Option<usize> {
        let mut policies = self.policies.iter();
        policies.position(|policy| {
            policy.is_of(namespace) && means(&policy.filter, socket, unclosed, owners.clone())
        })
    }

    /// Whether a connection is never to be touched. One that is `unclosed` is meant by CLOSE_WAIT
    /// as well.
    pub(crate) fn is_never<'p>(
        &self,
        socket: &Socket<'_>,
        unclosed: bool,
        owners: impl Iterator<Item = &'p Process> + Clone,
    ) -> bool {
        let mut filters = self.never.iter();
        filters.any(|filter| means(filter, socket, unclosed, owners.clone()))
    }

    /// What one policy means in a namespace: neither what another before it does, nor what is never
    /// to be touched.
    pub(crate) fn of_policy(&self, place: usize, namespace: u64) -> Option<Filter> {
        let is_here = |policy: &&Chosen| policy.is_of(Some(namespace));
        let mut filter = self.policies.get(place).filter(is_here)?.filter.clone();
        let before = self.policies.iter().take(place).filter(is_here);
        let before = before.map(|policy| &policy.filter);
        filter.except = before.chain(&self.never).cloned().collect();
        Some(filter)
    }
}

impl Chosen {
    fn is_of(&self, namespace: Option<u64>) -> bool {
        let Some(numbers) = &self.netns else {
            return true;
        };
        namespace.is_some_and(|number| numbers.contains(&number))
    }
}

/// Whether a filter means a connection. A part of Multipath TCP whose peer has closed stays
/// established itself.
fn means<'p>(
    filter: &Filter,
    socket: &Socket<'_>,
    unclosed: bool,
    owners: impl Iterator<Item = &'p Process> + Clone,
) -> bool {
    let mut waiting = *socket;
    waiting.state = TcpState::CloseWait;
    filter.matches(socket, owners.clone()) || (unclosed && filter.matches(&waiting, owners))
}

/// The numbers of those that are there.
fn numbers(ways: &[Namespace]) -> FxHashSet<u64> {
    let number = |way: &Namespace| netns::inode(way.open().ok()?).ok();
    ways.iter().filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;

    /// The first policy is for our own namespace, the second for all.
    #[test]
    fn a_policy_of_a_namespace_means_nothing_elsewhere() {
        let mut config = Config::default();
        let all = config.policies[0].clone();
        config.policies[0].netns = vec![Namespace::Own, Namespace::Named("nowhere".into())];
        config.policies.push(all);
        let choice = Choice::of(&config).unwrap();
        let here = netns::inode(Namespace::Own.open().unwrap()).unwrap();
        let end = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        let socket = Socket::new(TcpState::Established, end, end);
        let of = |namespace| choice.policy_of(namespace, &socket, false, [].into_iter());
        assert_eq!(of(Some(here)), Some(0));
        assert_eq!((of(Some(here + 1)), of(None)), (Some(1), Some(1)));
        // What the first chooses here is nobody else's; there is none of it elsewhere.
        assert_eq!(choice.of_policy(0, here + 1), None);
        let excepted = |namespace| choice.of_policy(1, namespace).unwrap().except.len();
        assert_eq!((excepted(here), excepted(here + 1)), (1, 0));
    }

    #[test]
    fn a_part_of_multipath_tcp_whose_peer_has_closed_waits_to_be_closed() {
        let mut config = Config::default();
        config.policies[0].selector.states = vec![TcpState::CloseWait];
        config.never = vec![config.policies[0].selector.clone()];
        let choice = Choice::of(&config).unwrap();
        let end = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        let part = Socket::new(TcpState::Established, end, end);
        for unclosed in [false, true] {
            let policy = choice.policy_of(None, &part, unclosed, [].into_iter());
            assert_eq!(policy, unclosed.then_some(0));
            assert_eq!(choice.is_never(&part, unclosed, [].into_iter()), unclosed);
        }
    }
}
