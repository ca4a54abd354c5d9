//! The network namespaces under guard, as they come and go.

use std::collections::BTreeSet;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Instant;

use deadpeer_host::deaths::{Deaths, DeathsQuery, Means, OpenDeathsError};
use deadpeer_host::{BpfError, ClosedNetns, OpenTableError, Scope, Table, Tables};
use deadpeer_report::sanitize::sanitize;
use tracing::warn;

use crate::realm::{OpenRealmError, Realm};

/// So many namespaces that are not guarded are named.
const MOST_TOLD: usize = 20;

/// All that are meant and can be entered.
#[derive(Debug)]
pub(crate) struct Realms {
    scope: Scope,
    pub(crate) tables: Tables,
    pub(crate) all: Vec<Realm>,
    /// Of every namespace at once, where the kernel itself tells of them.
    deaths: Option<Deaths>,
    /// Those that are meant and are not guarded.
    closed: Vec<ClosedNetns>,
    /// How those are known of which that was said.
    said: BTreeSet<String>,
    /// Why sockets are not read by eBPF.
    no_bpf: Option<BpfError>,
}

impl Realms {
    /// Begins to watch all that are meant.
    pub(crate) fn open(scope: Scope) -> Result<Self, OpenRealmError> {
        let mut tables = Tables::open(&scope)?;
        if let (Scope::Several(_), [closed, ..]) = (&scope, tables.closed()) {
            return Err(OpenRealmError::Closed(closed.clone()));
        }
        // What is set by the kernel itself has to be read there too, and the same with descriptors.
        let no_bpf = tables.use_bpf().err();
        tables.rest();
        let mut realms = Self {
            deaths: match scope == Scope::All {
                true => everywhere()?,
                false => None,
            },
            scope,
            tables,
            all: Vec::new(),
            closed: Vec::new(),
            said: BTreeSet::new(),
            no_bpf,
        };
        realms.take_in()?;
        Ok(realms)
    }

    /// Looks which there are now, and at their sysctls of now.
    pub(crate) fn refresh(&mut self) -> Result<(), OpenTableError> {
        self.tables.refresh(&self.scope)?;
        // One alone may be gone, and says so when its table is read.
        let _ = self.take_in();
        Ok(())
    }

    /// Begins to watch those that are new, and lets go of those that are gone: as long as we watch
    /// them the kernel keeps them.
    fn take_in(&mut self) -> Result<(), OpenRealmError> {
        self.closed = self.tables.closed().to_vec();
        let netns: Vec<_> = self.tables.netns().cloned().collect();
        self.all
            .retain(|realm| netns.iter().any(|netns| netns.number == realm.number()));
        let alone = netns.len() == 1;
        for netns in netns {
            if let Some(known) = self.all.iter_mut().find(|it| it.number() == netns.number) {
                known.netns = netns;
                continue;
            }
            match Realm::open(&netns, self.deaths.is_none()) {
                Ok(realm) => self.all.push(realm),
                Err(error) if alone => return Err(error),
                Err(error) => self.closed.push(ClosedNetns::of(&netns, &error)),
            }
        }
        self.say_closed();
        Ok(())
    }

    /// Says of each namespace once that it is not guarded.
    fn say_closed(&mut self) {
        for closed in &self.closed {
            if !self.said.contains(&closed.known_as) {
                warn!(
                    "network namespace {} is not guarded: {}",
                    closed.known_as, closed.why
                );
            }
        }
        let known_as = self.closed.iter().map(|closed| closed.known_as.clone());
        self.said = known_as.collect();
    }

    /// Whether all of the machine are meant.
    pub(crate) fn is_machine(&self) -> bool {
        self.scope == Scope::All
    }

    /// Those that are meant and are not guarded, and why.
    pub(crate) fn closed(&self) -> &[ClosedNetns] {
        &self.closed
    }

    /// The namespace with this number, and its table.
    pub(crate) fn of(&mut self, number: u64) -> Option<(&mut Realm, &mut Table)> {
        let realm = self.all.iter_mut().find(|realm| realm.number() == number)?;
        Some((realm, self.tables.of(number)?))
    }

    /// The table of the namespace with this number.
    pub(crate) fn table(&mut self, number: u64) -> Option<&mut Table> {
        self.tables.of(number)
    }

    /// Deaths, with the number of their namespace if they are all of one.
    pub(crate) fn deaths(&mut self) -> impl Iterator<Item = (Option<u64>, &mut Deaths)> {
        let of_realms = self.all.iter_mut().filter_map(|realm| {
            let number = realm.number();
            Some((Some(number), realm.deaths.as_mut()?))
        });
        let everywhere = self.deaths.as_mut().map(|deaths| (None, deaths));
        everywhere.into_iter().chain(of_realms)
    }

    fn all_deaths(&self) -> impl Iterator<Item = &Deaths> {
        let of_realms = self.all.iter().filter_map(|realm| realm.deaths.as_ref());
        self.deaths.iter().chain(of_realms)
    }

    /// What is readable when connections have died.
    pub(crate) fn deaths_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.all_deaths().map(|deaths| deaths.as_fd())
    }

    /// When deaths have to be read although nothing is readable.
    pub(crate) fn deaths_due(&self, now: Instant) -> Option<Instant> {
        let waits = self
            .all_deaths()
            .filter_map(|deaths| deaths.poll_timeout(now));
        waits.min().map(|wait| now + wait)
    }

    /// What is readable when there is news of links.
    pub(crate) fn network_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.all.iter().map(|realm| realm.network.as_fd())
    }

    /// What cannot be done or seen here, and what that costs, a sentence each.
    pub(crate) fn lacks(&self) -> impl Iterator<Item = String> {
        let settings = self.no_bpf.iter().map(|why| {
            format!("how connections are protected is checked seldom, and only through their descriptors: {why}")
        });
        let deaths = self
            .without_ebpf()
            .map(|why| format!("deaths are seen late, and without their errors: {why}"));
        settings.chain(deaths)
    }

    /// Those that are meant and are not guarded, a sentence each for the first of them.
    pub(crate) fn not_guarded(&self) -> impl Iterator<Item = String> {
        let closed = self.closed.iter().take(MOST_TOLD);
        closed.map(|closed| {
            let (known_as, why) = (sanitize(&closed.known_as), sanitize(&closed.why));
            format!("network namespace {known_as} is not guarded: {why}")
        })
    }

    /// Whether sockets are read and deaths are heard by eBPF, all of them.
    pub(crate) fn uses_ebpf(&self) -> bool {
        self.no_bpf.is_none() && self.without_ebpf().next().is_none()
    }

    /// Why deaths are seen late and without their errors, for each namespace where they are.
    pub(crate) fn without_ebpf(&self) -> impl Iterator<Item = String> {
        self.all_deaths()
            .filter_map(|deaths| deaths.without_bpf().map(ToString::to_string))
    }
}

/// Deaths of every namespace, as the kernel itself tells them; `None`: it can't here.
fn everywhere() -> Result<Option<Deaths>, OpenDeathsError> {
    let query = DeathsQuery {
        everywhere: true,
        means: Some(Means::Bpf),
        ..DeathsQuery::default()
    };
    match Deaths::open(&query) {
        Ok(deaths) => Ok(Some(deaths)),
        Err(OpenDeathsError::Bpf(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
