//! One scenario from an empty lab to its cells.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deadpeer_core::{Kernel, TcpState};
use deadpeer_sys::{clock, running_kernel};

use super::measure::Observed;
use super::proof::Witness;
use super::proxy::Proxy;
use super::{
    Cell, Column, Experiment, ExperimentError, Link, Outcome, Settings, Verdict, forecast,
};
use crate::fault::{Path, Script};
use crate::lab::Lab;
use crate::method::{self, Eyes, Method, Unavailable, Watch};
use crate::peer::{Order, Peer};
use crate::router::{Action, Condition, Rule, RuleId};
use crate::scenario::{Expectation, Scenario};
use crate::state::State;

const OURS: &str = "ours";
const THEIRS: &str = "theirs";
const PROXY: &str = "proxy";
/// The shortest deadline that every method can be set for.
const SHORTEST: Duration = Duration::from_secs(4);
/// How long connections may take to get into their states.
const READY: Duration = Duration::from_secs(20);
/// How long they are in their states before the fault.
const SETTLE: Duration = Duration::from_millis(1_200);
/// How often everything is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Runs a scenario, with all its states and methods at once.
///
/// # Errors
/// The experiment could not be made. What a method says, or does not say, is never an error.
pub fn run(scenario: &Scenario, settings: &Settings) -> Result<Experiment, ExperimentError> {
    run_until(scenario, settings, &AtomicBool::new(false))
}

/// The same, until it is interrupted.
pub(super) fn run_until(
    scenario: &Scenario,
    settings: &Settings,
    interrupted: &AtomicBool,
) -> Result<Experiment, ExperimentError> {
    match interrupted.load(Ordering::Relaxed) {
        true => Err(ExperimentError::Interrupted),
        // A terminal interrupts the peer's program, too: what then goes wrong is nothing else.
        false => whole(scenario, settings, interrupted).map_err(|error| {
            match interrupted.load(Ordering::Relaxed) {
                true => ExperimentError::Interrupted,
                false => error,
            }
        }),
    }
}

fn whole(
    scenario: &Scenario,
    settings: &Settings,
    interrupted: &AtomicBool,
) -> Result<Experiment, ExperimentError> {
    let deadline = scenario.within.unwrap_or(settings.deadline);
    if deadline < SHORTEST {
        return Err(ExperimentError::Deadline(deadline));
    }
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
    interrupted: &'a AtomicBool,
    unavailable: Vec<Unavailable>,
    kernel: Kernel,
    to: IpAddr,
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
            interrupted,
            unavailable,
            kernel,
            to,
            _proxy: proxy,
        })
    }

    fn ours(&self) -> Result<&crate::host::Host, ExperimentError> {
        host(&self.lab, OURS)
    }

    /// Makes every connection and waits until each is in its state; those that are to be connecting come last.
    fn bring_into_states(&mut self) -> Result<(), ExperimentError> {
        self.connect(|state| state != State::Connecting)?;
        self.wait("that is not known to the peer", |stage| {
            let known = stage.peer.report()?;
            Ok(stage.links.iter().all(|link| known.contains_key(&link.id)))
        })?;
        for link in &self.links {
            if link.state == State::HalfClosedByUs {
                link.end_sending().map_err(connection("shutdown"))?;
            }
        }
        self.wait("that is not in its state", |stage| {
            let mut all = true;
            for link in &mut stage.links {
                if link.state == State::ZeroWindow {
                    link.fill();
                }
                all &= is_in_state(link)?;
            }
            Ok(all)
        })?;
        self.live_through_the_past()?;
        let syns = Condition::tcp()
            .syn(true)
            .from(self.ours()?.end())
            .port(State::Connecting.port());
        let hold = Rule::new("hold SYNs back", syns, Action::Drop);
        self.hold = Some(self.lab.wire().add(hold)?);
        self.connect(|state| state == State::Connecting)
    }

    /// What has happened to the connections before anybody watches.
    fn live_through_the_past(&mut self) -> Result<(), ExperimentError> {
        let mut script = Script::new(&self.scenario.life, self.deadline);
        let start = Instant::now();
        while !script.is_done(start.elapsed()) {
            while let Some(deed) = script.next(start.elapsed()) {
                self.perform(&deed)?;
            }
            self.live();
            self.tick()?;
        }
        Ok(())
    }

    fn connect(&mut self, wanted: impl Fn(State) -> bool) -> Result<(), ExperimentError> {
        let methods = || self.methods.iter().enumerate().map(Some);
        let mut wishes = Vec::new();
        for state in self.scenario.states().filter(|state| wanted(*state)) {
            // The control has no method: nobody watches it, nothing is set on it.
            let copies = std::iter::repeat_n(methods(), self.scenario.copies).flatten();
            wishes.extend(copies.chain([None]).map(|method| (state, method)));
        }
        let first = self.links.len() as u32;
        let to = self.to;
        let made: Vec<_> = self.ours()?.enter(|| {
            wishes
                .into_iter()
                .zip(first..)
                .map(|((state, method), id)| {
                    Link::connect(id, state, method, SocketAddr::new(to, state.port()))
                })
                .collect()
        })?;
        for link in made {
            self.links.push(link.map_err(connection("connect"))?);
        }
        Ok(())
    }

    fn wait(
        &mut self,
        what: &str,
        mut ready: impl FnMut(&mut Self) -> Result<bool, ExperimentError>,
    ) -> Result<(), ExperimentError> {
        let start = Instant::now();
        loop {
            self.live();
            if ready(self)? {
                return Ok(());
            }
            if start.elapsed() > READY {
                return Err(ExperimentError::NotReady {
                    after: READY,
                    what: what.to_owned(),
                });
            }
            self.tick()?;
        }
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

    fn watch(&self) -> Result<Vec<Option<Watch>>, ExperimentError> {
        let watch = |link: &Link| {
            link.method
                .map(|index| Watch::new(&self.methods[index], link))
                .transpose()
        };
        Ok(self.links.iter().map(watch).collect::<Result<_, _>>()?)
    }

    /// Lets everything run as it is, with everybody watching: nobody may say a word, unless the connections have had a past, of which
    /// some may have died. What is said then is part of the result.
    fn settle(
        &mut self,
        watches: &mut [Option<Watch>],
    ) -> Result<Vec<Option<Outcome>>, ExperimentError> {
        let mut early: Vec<Option<Outcome>> = self.links.iter().map(|_| None).collect();
        for (link, watch) in self.links.iter().zip(watches.iter_mut()) {
            if let Some(watch) = watch {
                watch.settle(link)?;
            }
        }
        let start = Instant::now();
        while start.elapsed() < SETTLE {
            self.live();
            let now = clock::monotonic();
            let watched = self.links.iter_mut().zip(watches.iter_mut());
            for ((link, watch), early) in watched.zip(&mut early) {
                let (Some(watch), None) = (watch, &early) else {
                    continue;
                };
                let Some(signal) = watch.look(link, now)? else {
                    continue;
                };
                if self.scenario.life.is_empty() {
                    return Err(ExperimentError::TooEarly {
                        method: link
                            .method
                            .map_or("control", |index| self.methods[index].name),
                        state: link.state.name(),
                        words: signal.words,
                    });
                }
                *early = Some(Outcome {
                    after_s: start.elapsed().as_secs_f64() - SETTLE.as_secs_f64(),
                    signal,
                });
            }
            self.tick()?;
        }
        Ok(early)
    }

    pub(super) fn script(&self) -> Script {
        Script::new(&self.scenario.steps, self.deadline)
    }

    fn report(
        &mut self,
        expected: &HashMap<u32, forecast::Expected>,
        observed: &Observed,
        witness: &Witness,
    ) -> Result<Experiment, ExperimentError> {
        let mut problems = witness.problems.clone();
        let mut cells = Vec::new();
        for (place, link) in self.links.iter().enumerate() {
            let Some(method) = link.method.map(|index| &self.methods[index]) else {
                continue;
            };
            let noticed = observed.noticed[place].clone();
            let said = noticed.as_ref().map(|outcome| {
                (
                    outcome.signal.kind,
                    Duration::from_secs_f64(outcome.after_s.max(0.0)),
                )
            });
            let answered = witness.answered.contains(&link.state);
            let expected = expected
                .get(&link.id)
                .filter(|_| self.scenario.is_silent_in(link.state));
            let foretell = |expected: &forecast::Expected| match method.eyes {
                Eyes::Supervised(_) => {
                    let deadline = self.deadline + observed.slips[place];
                    Some(expected.of_judge(deadline, noticed.as_ref(), observed.watched))
                }
                Eyes::Recv | Eyes::State | Eyes::Readiness => {
                    Some(expected.of_kernel(noticed.as_ref(), observed.watched))
                }
                // What these say depends on what the program does, not on the kernel alone.
                Eyes::Send | Eyes::Heartbeat { .. } | Eyes::TwoWitnesses(_) => None,
            };
            cells.push(Cell {
                state: link.state,
                method: method.name,
                verdict: Verdict::of(self.scenario.peer, said, self.deadline).if_answered(answered),
                answered,
                forecast: expected.and_then(foretell),
                carried: witness.carried[place].both_ways(),
                answers: observed.answers(place, link),
                noticed,
            });
        }
        for expectation in &self.scenario.expect {
            problems.extend(unkept(expectation, &cells));
        }
        let methods = &self.methods;
        let name = |link: &Link| link.method.map(|index| methods[index].name);
        let lives = self
            .links
            .iter_mut()
            .map(|link| link.life(name(link)))
            .collect();
        Ok(Experiment {
            scenario: self.scenario.name.clone(),
            title: self.scenario.title.clone(),
            sentence: self.scenario.sentence.clone(),
            peer: self.scenario.peer,
            deadline_s: self.deadline.as_secs_f64(),
            methods: self.methods.iter().map(column).collect(),
            unavailable: self
                .unavailable
                .iter()
                .map(|method| (method.name.to_owned(), method.why.clone()))
                .collect(),
            proof: witness.proof.clone(),
            cells,
            problems,
            struck_at: observed.struck_at,
            lives,
            wire_lateness_ms: self.lab.wire().punctuality()?.worst.as_secs_f64() * 1e3,
        })
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

fn column(method: &Method) -> Column {
    Column {
        name: method.name,
        title: method.title,
        settings: method.settings.clone(),
    }
}

fn host<'lab>(lab: &'lab Lab, name: &str) -> Result<&'lab crate::host::Host, ExperimentError> {
    lab.host(name)
        .ok_or_else(|| crate::fault::PathError::NoHost(name.to_owned()).into())
}

pub(super) fn connection(what: &'static str) -> impl Fn(std::io::Error) -> ExperimentError {
    move |source| ExperimentError::Connection { what, source }
}

fn is_in_state(link: &Link) -> Result<bool, ExperimentError> {
    let info = link.info()?;
    Ok(match link.state {
        State::HalfClosedByUs => info.state == Some(TcpState::FinWait2),
        State::HalfClosedByPeer => info.state == Some(TcpState::CloseWait),
        State::ZeroWindow => info.unacked == Some(0) && info.notsent_bytes > Some(0),
        State::Idle | State::OneWrite => info.unacked == Some(0),
        State::Sending | State::OnlyReading => info.state == Some(TcpState::Established),
        State::Connecting => info.state == Some(TcpState::SynSent),
    })
}

/// What an expectation misses, in sentences.
fn unkept(expectation: &Expectation, cells: &[Cell]) -> Vec<String> {
    let mut missed = Vec::new();
    for cell in cells
        .iter()
        .filter(|cell| cell.method == expectation.method)
    {
        let place = format!("{} in state {}", cell.method, cell.state);
        let words = cell
            .noticed
            .as_ref()
            .map(|noticed| noticed.signal.words.as_str());
        let said = match (&expectation.signal, words) {
            (None, words) => words.is_none(),
            (Some(signal), words) => words.is_some_and(|words| words.contains(signal)),
        };
        if !said {
            missed.push(format!(
                "{place} said {words:?}, not {:?}",
                expectation.signal
            ));
        }
        let after = cell.noticed.as_ref().map(|noticed| noticed.after_s);
        if let (Some((first, last)), Some(after)) = (expectation.between_s, after)
            && !(first..=last).contains(&after)
        {
            missed.push(format!(
                "{place} noticed after {after:.1} s, not {first} to {last} s"
            ));
        }
        if let Some(answers) = expectation.answers()
            && !cell.answers.is_some_and(|seen| answers.contains(&seen))
        {
            missed.push(format!(
                "{place} got {:?} answers, not {answers:?}",
                cell.answers
            ));
        }
    }
    missed
}
