//! All connections of a run, and the moments at which something happens to them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context as _, Result};
use deadpeer_bpf::{Engine, Sockets};
use deadpeer_core::{Forecast, Kernel, Snapshot, TcpInfo, TcpState};
use deadpeer_sys::clock::{self, JiffiesClock};
use deadpeer_sys::kernel_version;
use deadpeer_sys::sock_diag::{SockDiag, Socket, SocketId};

use super::connection::{Connection, Handshake};
use super::dice::Settings;
use super::outage::Outage;
use super::paths::Paths;
use super::scenario::Scenario;
use super::script::Deed;

/// When `tcp_keepalive_time` changes, after the start: before any peer vanishes.
const CHANGE: Duration = Duration::from_millis(1_500);
/// Who is done to so late may be over before: the machine is busy.
const LATE: Duration = Duration::from_millis(20);
/// Room between the last handshake and the first deed.
const BREATH: Duration = Duration::from_millis(200);

/// A connection in its scenario.
pub(super) struct Actor {
    pub(super) scenario: Scenario,
    pub(super) connection: Option<Connection>,
    pub(super) prediction: Option<Prediction>,
    pub(super) outage: Outage,
    /// By how much a deed came too late, at most.
    late: Duration,
    /// A deed could not be done any more.
    is_over: bool,
}

/// What was foretold, and when.
#[derive(Debug, Clone)]
pub(super) struct Prediction {
    /// When the jiffy of the first snapshot began, `CLOCK_MONOTONIC`.
    pub(super) at: Duration,
    /// When the second was begun and when it was done, after that.
    pub(super) outside: [Duration; 2],
    /// With all that eBPF shows.
    pub(super) exact: Forecast,
    /// Without the wheel's phase: with what eBPF shows, and with sock_diag and TCP_INFO alone.
    pub(super) blurred: [Forecast; 2],
    /// What eBPF shows, and sock_diag.
    pub(super) snapshots: [Snapshot; 2],
    pub(super) socket: SocketId,
    pub(super) cookie: u64,
}

/// Everything a run needs.
pub(super) struct Stage {
    pub(super) actors: Vec<Actor>,
    pub(super) paths: Paths,
    /// What comes when, on `CLOCK_MONOTONIC`; the number of actor and deed makes equal moments
    /// different.
    pub(super) cues: BTreeMap<(Duration, usize, usize), Deed>,
    settings: Settings,
    /// When the sysctl changes; `None`: it has.
    change: Option<Duration>,
    kernel: Kernel,
    clock: JiffiesClock,
    pub(super) engine: Engine,
    sockets: Sockets,
    table: SockDiag,
}

impl Stage {
    /// Establishes the connections and plans their fates.
    pub(super) fn set(
        scenarios: Vec<Scenario>,
        settings: Settings,
        kernel: Kernel,
        paths: Paths,
    ) -> Result<Self> {
        let handshake = |scenario: &Scenario| {
            let connects = scenario.kind.connects();
            (!connects)
                .then(|| Handshake::begin(scenario, &paths))
                .transpose()
        };
        let handshakes: Vec<_> = scenarios.iter().map(handshake).collect::<Result<_>>()?;
        let mut actors = Vec::with_capacity(scenarios.len());
        for (scenario, handshake) in scenarios.into_iter().zip(handshakes) {
            let connection = handshake.map(|shake| shake.finish(&scenario)).transpose()?;
            actors.push(Actor {
                scenario,
                connection,
                prediction: None,
                outage: Outage::default(),
                late: Duration::ZERO,
                is_over: false,
            });
        }
        let table = paths.near()?.enter(SockDiag::open)??;
        let hz = kernel
            .hz
            .context("the clock rate of this kernel is unknown")?;
        let engine = Engine::open(hz)?;
        let start = clock::monotonic() + BREATH;
        let cues = actors.iter().enumerate().flat_map(|(n, actor)| {
            let script = actor.scenario.script.iter().enumerate();
            script.map(move |(i, (at, deed))| ((start + *at, n, i), *deed))
        });
        let cues = cues.collect();
        Ok(Self {
            actors,
            paths,
            cues,
            settings,
            change: Some(start + CHANGE),
            kernel,
            clock: JiffiesClock::calibrate()
                .context("the jiffies counter is needed (run as root)")?,
            sockets: engine.sockets()?,
            engine,
            table,
        })
    }

    /// One jiffy.
    pub(super) fn tick(&self) -> Duration {
        self.clock.tick()
    }

    /// When something happens next.
    pub(super) fn due(&self) -> Option<Duration> {
        let cue = self.cues.first_key_value().map(|((at, ..), _)| *at);
        cue.into_iter().chain(self.change).min()
    }

    /// Does what is due at `now`; returns the actor whose end is to be watched for from now on.
    pub(super) fn play(&mut self, now: Duration) -> Result<Option<usize>> {
        if self.change.is_some_and(|at| at <= now) {
            self.change = None;
            let seconds = self.settings.keepalive_time_after;
            self.paths
                .near()?
                .sysctl("net.ipv4.tcp_keepalive_time", seconds)?;
            self.kernel.sysctls.keepalive_time_s = seconds;
            return Ok(None);
        }
        let Some(((at, n, _), deed)) = self.cues.pop_first() else {
            return Ok(None);
        };
        if self.actors[n].is_over {
            return Ok(None);
        }
        let done = self.act(n, deed);
        let actor = &mut self.actors[n];
        actor.late = actor.late.max(clock::monotonic().saturating_sub(at));
        actor.is_over = done.is_err();
        if actor.is_overtaken() {
            return Ok(None);
        }
        let scenario = &self.actors[n].scenario;
        done.with_context(|| format!("{deed:?} of {scenario:?}"))?;
        Ok((deed == Deed::Predict).then_some(n))
    }

    fn act(&mut self, n: usize, deed: Deed) -> Result<()> {
        let actor = &mut self.actors[n];
        match deed {
            Deed::Connect => {
                actor.connection = Some(Connection::to_nobody(&actor.scenario, &self.paths)?);
            }
            Deed::Request => {
                actor.connection = Some(Connection::request(&actor.scenario, &self.paths)?);
            }
            Deed::Close => actor.connection_mut()?.close()?,
            Deed::Hear => actor.connection()?.hear()?,
            Deed::Mute => actor.connection()?.mute()?,
            Deed::Unmute => actor.connection()?.unmute()?,
            Deed::Write => actor.connection()?.write()?,
            Deed::Respond => actor.connection()?.respond()?,
            Deed::WarmUp => actor.connection()?.warm_up()?,
            Deed::WritePaced(rate) => actor.connection()?.write_paced(rate)?,
            Deed::CloseWindow => actor.connection()?.close_window()?,
            Deed::Finish => actor.connection()?.finish()?,
            Deed::AwaitAcknowledgement => actor.connection()?.await_acknowledgement()?,
            Deed::PeerFinishes => actor.connection()?.peer_finishes()?,
            Deed::SetInterval(seconds) => actor.connection()?.set_interval(seconds)?,
            Deed::Predict => self.predict(n)?,
            Deed::Mend => self.mend(n)?,
            Deed::Count => actor.outage.has_arrived = Some(actor.connection()?.has_arrived()?),
        }
        Ok(())
    }

    fn predict(&mut self, n: usize) -> Result<()> {
        let connection = self.actors[n].connection_mut()?;
        let options = connection.options()?;
        let (local, peer) = connection.ends;
        let seen = self.seen(local, peer)?;
        let begins = |jiffies| self.clock.start_of(jiffies);
        let at = seen.moment.jiffies.and_then(begins).unwrap_or_default();
        let begun = clock::monotonic();
        let (outside, socket) = self.outside(local, peer)?;
        let done = clock::monotonic();
        let forecast = |snapshot| Forecast::of(&options, snapshot, &self.kernel);
        let mut unphased = seen.moment;
        unphased.jiffies = None;
        self.actors[n].prediction = Some(Prediction {
            at,
            outside: [begun, done].map(|moment| moment.saturating_sub(at)),
            exact: forecast(&seen.moment),
            blurred: [forecast(&unphased), forecast(&outside)],
            snapshots: [seen.moment, outside],
            socket,
            cookie: seen.cookie,
        });
        self.plan_outage(n);
        Ok(())
    }

    /// The socket between these ends, as eBPF shows it.
    pub(super) fn seen(&self, local: SocketAddr, peer: SocketAddr) -> Result<deadpeer_bpf::Socket> {
        let mut found = None;
        let sockets = self.paths.near()?.enter(|| self.sockets.begin())??;
        sockets.each(|socket| {
            if (socket.local, socket.peer) == (local, peer) {
                found = Some(socket.clone());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        found.context("the connection is gone before its forecast")
    }

    /// The same as sock_diag and TCP_INFO show it.
    fn outside(&mut self, local: SocketAddr, peer: SocketAddr) -> Result<(Snapshot, SocketId)> {
        let id = Socket::new(TcpState::Established, local, peer).id();
        let version = kernel_version();
        let found = self.table.socket_between(&id, true, |socket| {
            let info = socket.tcp_info.map(|bytes| TcpInfo::decode(bytes, version));
            (socket.snapshot(info.as_ref()), socket.id())
        })?;
        found.context("the connection is gone before its forecast")
    }
}

impl Actor {
    /// Whether it was over before it was asked about, because its deeds came too late.
    pub(super) fn is_overtaken(&self) -> bool {
        self.is_over && self.late > LATE
    }

    pub(super) fn connection(&self) -> Result<&Connection> {
        self.connection
            .as_ref()
            .context("the connection is not made yet")
    }

    fn connection_mut(&mut self) -> Result<&mut Connection> {
        self.connection
            .as_mut()
            .context("the connection is not made yet")
    }
}
