//! One scenario from an empty lab to its cells.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deadpeer_core::Kernel;
use deadpeer_sys::{clock, running_kernel};

use super::proxy::Proxy;
use super::{Experiment, ExperimentError, Link, Settings, forecast};
use crate::error::LabError;
use crate::fault::{Path, Script};
use crate::host::Host;
use crate::lab::Lab;
use crate::method::{self, Method, Unavailable};
use crate::peer::{Order, Peer};
use crate::router::RuleId;
use crate::scenario::Scenario;

const OURS: &str = "ours";
const THEIRS: &str = "theirs";
const PROXY: &str = "proxy";
/// The shortest deadline that every method can be set for.
const SHORTEST: Duration = Duration::from_secs(4);
/// Between the interruptions of two processes of a group, on a busy machine too.
const MOMENT: Duration = Duration::from_secs(1);
/// How often everything is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Runs a scenario, with all its states and methods at once, until it is interrupted.
///
/// # Errors
/// The experiment could not be made. What a method says, or does not say, is never an error.
pub(super) fn run(
    scenario: &Scenario,
    settings: &Settings,
    interrupted: &AtomicBool,
) -> Result<Experiment, ExperimentError> {
    match interrupted.load(Ordering::Relaxed) {
        true => Err(ExperimentError::Interrupted),
        // A terminal interrupts the peer's program, too: what then goes wrong is nothing else.
        false => whole(scenario, settings, interrupted).map_err(|error| match comes(interrupted) {
            true => ExperimentError::Interrupted,
            false => error,
        }),
    }
}

/// Whether we are interrupted. The peer's program may be so a moment earlier.
fn comes(interrupted: &AtomicBool) -> bool {
    let until = Instant::now() + MOMENT;
    while !interrupted.load(Ordering::Relaxed) && Instant::now() < until {
        std::thread::sleep(TICK);
    }
    interrupted.load(Ordering::Relaxed)
}

/// The time in which the methods are to notice a scenario's peer: its own, or else `within`.
///
/// # Errors
/// It is too short for whole seconds of keepalive.
pub fn deadline(scenario: &Scenario, within: Duration) -> Result<Duration, ExperimentError> {
    let deadline = scenario.within.unwrap_or(within);
    match deadline < SHORTEST {
        true => Err(ExperimentError::Deadline(deadline)),
        false => Ok(deadline),
    }
}

fn whole(
    scenario: &Scenario,
    settings: &Settings,
    interrupted: &AtomicBool,
) -> Result<Experiment, ExperimentError> {
    let deadline = deadline(scenario, settings.deadline)?;
    let mut stage = Stage::set(scenario, settings, deadline, interrupted)?;
    stage.bring_into_states()?;
    let mut watches = stage.watch()?;
    let early = stage.settle(&mut watches)?;
    let expected = forecast::expect(stage.ours()?, &stage.kernel, &stage.links)?;
    let observed = stage.strike_and_observe(&mut watches, early)?;
    let witness = stage.witness(&observed)?;
    stage.report(&expected, &observed, &witness)
}

/// A lab with both ends of every connection.
pub(super) struct Stage<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) deadline: Duration,
    pub(super) lab: Lab,
    pub(super) path: Path,
    pub(super) peer: Peer,
    pub(super) methods: Vec<Method>,
    pub(super) links: Vec<Link>,
    pub(super) hold: Option<RuleId>,
    pub(super) unavailable: Vec<Unavailable>,
    /// Where our connections go.
    pub(super) to: IpAddr,
    interrupted: &'a AtomicBool,
    kernel: Kernel,
    // Last: its streams end after the links.
    _proxy: Option<Proxy>,
}

impl<'a> Stage<'a> {
    fn set(
        scenario: &'a Scenario,
        settings: &Settings,
        deadline: Duration,
        interrupted: &'a AtomicBool,
    ) -> Result<Self, ExperimentError> {
        let middle = scenario.proxy.then_some(PROXY);
        let mut plan =
            Lab::with_hosts([OURS, THEIRS].into_iter().chain(middle)).seed(settings.seed);
        if let Some(directory) = &settings.captures {
            plan = plan.captures(directory.join(&scenario.name));
        }
        let mut lab = plan.start()?;
        let mut path = Path::new(OURS, THEIRS);
        for deed in &scenario.before {
            path.perform(&mut lab, deed)?;
        }
        let theirs = host(&lab, THEIRS)?;
        let peer = Peer::start(theirs, &settings.peer)?;
        let proxy = middle
            .map(|name| {
                Proxy::start(host(&lab, name)?, theirs.v4().into()).map_err(connection("the proxy"))
            })
            .transpose()?;
        let target = host(&lab, middle.unwrap_or(THEIRS))?;
        let to = match settings.ipv6 {
            true => target.v6().into(),
            false => target.v4().into(),
        };
        let kernel = host(&lab, OURS)?
            .enter(running_kernel)?
            .map_err(|error| ExperimentError::Kernel(error.to_string()))?;
        let (mut methods, mut unavailable) = method::all(deadline, &kernel, scenario.keepalive);
        if let Some(names) = &scenario.methods {
            methods.retain(|method| names.iter().any(|name| name == method.name));
            unavailable.retain(|method| names.iter().any(|name| name == method.name));
        }
        Ok(Self {
            scenario,
            deadline,
            lab,
            path,
            peer,
            methods,
            links: Vec::new(),
            hold: None,
            unavailable,
            to,
            interrupted,
            kernel,
            _proxy: proxy,
        })
    }

    pub(super) fn ours(&self) -> Result<&Host, ExperimentError> {
        host(&self.lab, OURS)
    }

    /// Everybody's program does what it does.
    pub(super) fn live(&mut self) {
        let now = clock::monotonic();
        for link in &mut self.links {
            link.live(now);
        }
    }

    /// Lets a little time pass.
    pub(super) fn tick(&self) -> Result<(), ExperimentError> {
        std::thread::sleep(TICK);
        match self.interrupted.load(Ordering::Relaxed) {
            true => Err(ExperimentError::Interrupted),
            false => Ok(()),
        }
    }

    pub(super) fn script(&self) -> Script {
        Script::new(&self.scenario.steps, self.deadline)
    }

    /// Lifts what was done to the peer's program, as far as there is one.
    pub(super) fn wake_the_peer(&mut self) -> Result<(), ExperimentError> {
        if !self.peer.is_gone() {
            self.peer.stop(false)?;
            self.peer.order(&Order::Rest)?;
            self.peer.order(&Order::Resume)?;
        }
        Ok(())
    }
}

fn host<'lab>(lab: &'lab Lab, name: &str) -> Result<&'lab Host, ExperimentError> {
    lab.host(name).ok_or_else(|| LabError::no_host(name).into())
}

pub(super) fn connection(what: &'static str) -> impl Fn(std::io::Error) -> ExperimentError {
    move |source| ExperimentError::Connection { what, source }
}
