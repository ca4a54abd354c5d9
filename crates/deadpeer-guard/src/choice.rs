//! What policies mean at this moment: whose a connection is.

use std::time::{Duration, Instant};

use deadpeer_host::filter::ResolveError;
use deadpeer_host::{Filter, Process, Selector, Socket};

use crate::config::Config;

/// Names are looked up no more often than this, and looking takes at most a fiftieth of our time.
const SHORTEST: Duration = Duration::from_secs(5);
const REST: u32 = 50;

/// The policies' selectors, resolved.
#[derive(Debug)]
pub(crate) struct Choice {
    policies: Vec<Filter>,
    never: Vec<Filter>,
    /// When names may mean something else.
    next: Instant,
}

impl Choice {
    /// Looks up what names mean now.
    pub(crate) fn of(config: &Config) -> Result<Self, ResolveError> {
        let begun = Instant::now();
        let filter = |selector: &Selector| Ok(selector.resolve()?.filter);
        let policies = config
            .policies
            .iter()
            .map(|policy| filter(&policy.selector));
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

    /// The place of the first policy that means a connection.
    pub(crate) fn policy_of<'p>(
        &self,
        socket: &Socket<'_>,
        owners: impl Iterator<Item = &'p Process> + Clone,
    ) -> Option<usize> {
        let mut filters = self.policies.iter();
        filters.position(|filter| filter.matches(socket, owners.clone()))
    }

    /// Whether a connection is never to be touched.
    pub(crate) fn is_never<'p>(
        &self,
        socket: &Socket<'_>,
        owners: impl Iterator<Item = &'p Process> + Clone,
    ) -> bool {
        let mut filters = self.never.iter();
        filters.any(|filter| filter.matches(socket, owners.clone()))
    }

    /// What one policy means: neither what another before it does, nor what is never to be touched.
    pub(crate) fn of_policy(&self, place: usize) -> Option<Filter> {
        let mut filter = self.policies.get(place)?.clone();
        let before = self.policies.iter().take(place);
        filter.except = before.chain(&self.never).cloned().collect();
        Some(filter)
    }
}
