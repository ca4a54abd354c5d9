//! Where the connections run: one host whose kernel is under test, and peers at several distances.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use deadpeer_lab::router::{Action, Condition, Protocol, Rule};
use deadpeer_lab::{Host, Lab};

/// What the wire adds to the way to each far peer: RTOs of 0.3 to 1 s.
const DELAYS: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(450),
    Duration::from_millis(650),
];
/// The host whose answers are lost: no TCP arrives there.
const GONE: &str = "gone";

/// A peer's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The host itself.
    Loopback,
    /// Behind the wire, at one of its distances.
    Far(usize),
    /// Behind a wire that brings nothing back to it.
    Gone,
}

impl Place {
    /// How many distances there are.
    pub(super) const FAR: usize = DELAYS.len();
}

/// The hosts.
pub(super) struct Paths(Lab);

impl Paths {
    pub(super) fn set() -> Result<Self> {
        let far = (0..DELAYS.len()).map(|n| format!("far{n}"));
        let names = std::iter::once("near".to_owned())
            .chain(far)
            .chain([GONE.to_owned()]);
        let lab = Lab::with_hosts(names).start().context("start a lab")?;
        let (_, peers) = lab.hosts().split_first().context("a lab has hosts")?;
        for (host, by) in peers.iter().zip(DELAYS) {
            let delay = Action::Delay {
                by,
                jitter: Duration::ZERO,
            };
            lab.wire()
                .add(Rule::new("delay", Condition::any().to(host.end()), delay))?;
        }
        let gone = lab.host(GONE).context("a host is missing")?;
        let all = Condition::any().protocol(Protocol::Tcp).to(gone.end());
        lab.wire().add(Rule::new("gone", all, Action::Drop))?;
        Ok(Self(lab))
    }

    /// The host whose kernel is under test.
    pub(super) fn near(&self) -> Result<&Host> {
        self.0.host("near").context("a host is missing")
    }

    /// The peer's host.
    pub(super) fn peer(&self, place: Place) -> Result<&Host> {
        match place {
            Place::Loopback => self.near(),
            Place::Far(n) => self.0.host(&format!("far{n}")).context("a host is missing"),
            Place::Gone => self.0.host(GONE).context("a host is missing"),
        }
    }

    /// Where the host listens, at a port of the kernel's choice.
    pub(super) fn address(host: &Host, place: Place, ipv6: bool) -> SocketAddr {
        let ip: IpAddr = match (place, ipv6) {
            (Place::Loopback, false) => Ipv4Addr::LOCALHOST.into(),
            (Place::Loopback, true) => Ipv6Addr::LOCALHOST.into(),
            (_, false) => host.v4().into(),
            (_, true) => host.v6().into(),
        };
        (ip, 0).into()
    }
}
