//! All connections of a run, and the moments at which something happens to them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use deadpeer_core::forecast::Timer;
use deadpeer_core::{Effective, Forecast, Kernel, Snapshot, TcpInfo, TcpState};
use deadpeer_sys::clock::{self, JiffiesClock};
use deadpeer_sys::kernel_version;
use deadpeer_sys::sock_diag::{SockDiag, Socket, SocketId};

use super::connection::{Connection, Handshake};
use super::dice::Settings;
use super::kind::Kind;
use super::paths::Paths;
use super::scenario::Scenario;
use super::script::Deed;

/// How often a table is read again because a tick fell into the reading.
const READINGS: u32 = 50;
/// When `tcp_keepalive_time` changes, after the start: before any peer vanishes.
const CHANGE: Duration = Duration::from_millis(1_500);
/// Room between the last handshake and the first deed.
const BREATH: Duration = Duration::from_millis(200);

/// A connection in its scenario.
pub(super) struct Actor {
    pub(super) scenario: Scenario,
    pub(super) connection: Option<Connection>,
    pub(super) prediction: Option<Prediction>,
}

/// What was foretold, and when.
#[derive(Debug, Clone)]
pub(super) struct Prediction {
    /// `CLOCK_MONOTONIC` of the snapshot.
    pub(super) at: Duration,
    pub(super) exact: Forecast,
    pub(super) blurred: Forecast,
    pub(super) snapshot: Snapshot,
    pub(super) socket: SocketId,
}

/// Everything a run needs.
pub(super) struct Stage {
    pub(super) actors: Vec<Actor>,
    pub(super) clock: JiffiesClock,
    pub(super) paths: Paths,
    /// What comes when, on `CLOCK_MONOTONIC`; the number of actor and deed makes equal moments
    /// different.
    pub(super) cues: BTreeMap<(Duration, usize, usize), Deed>,
    settings: Settings,
    /// When the sysctl changes; `None`: it has.
    change: Option<Duration>,
    kernel: Kernel,
    table: SockDiag,
}

impl Stage {
    /// Establishes the connections and plans their fates.
    pub(super) fn set(
        scenarios: Vec<Scenario>,
        settings: Settings,
        kernel: Kernel,
        clock: JiffiesClock,
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
            });
        }
        let table = paths.near()?.enter(SockDiag::open)??;
        let start = clock::monotonic() + BREATH;
        let cues = actors.iter().enumerate().flat_map(|(n, actor)| {
            let script = actor.scenario.script.iter().enumerate();
            script.map(move |(i, (at, deed))| ((start + *at, n, i), *deed))
        });
        let cues = cues.collect();
        Ok(Self {
            actors,
            clock,
            paths,
            cues,
            settings,
            change: Some(start + CHANGE),
            kernel,
            table,
        })
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
        let Some(((_, n, _), deed)) = self.cues.pop_first() else {
            return Ok(None);
        };
        let done = self.act(n, deed);
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
            Deed::Write => actor.connection_mut()?.write()?,
            Deed::CloseWindow => actor.connection()?.close_window()?,
            Deed::Finish => actor.connection()?.finish()?,
            Deed::PeerFinishes => actor.connection()?.peer_finishes()?,
            Deed::SetInterval(seconds) => actor.connection()?.set_interval(seconds)?,
            Deed::Predict => self.predict(n)?,
        }
        Ok(())
    }

    fn predict(&mut self, n: usize) -> Result<()> {
        let connection = self.actors[n].connection_mut()?;
        let options = connection.options()?;
        let ends = connection.ends;
        let (at, mut snapshot, socket) = self.snapshot(ends)?;
        let mut blurred = snapshot;
        blurred.jiffies = None;
        // What only somebody who was there can know.
        let wait = self.wait_of(n, &snapshot, &options)?;
        if let Some(armed) = &mut snapshot.armed {
            armed.wait = wait;
        }
        snapshot.icmp_error = Some(false);
        if let Some(within) = snapshot.first_timeout_within {
            let earlier = self.actors[n].connection()?.in_earlier_runs;
            snapshot.first_timeout_ago = earlier.and_then(|earlier| within.checked_sub(earlier));
        }
        let forecast = |snapshot| Forecast::of(&options, snapshot, &self.kernel);
        let (exact, blurred) = (forecast(&snapshot), forecast(&blurred));
        self.actors[n].prediction = Some(Prediction {
            at,
            exact,
            blurred,
            snapshot,
            socket,
        });
        Ok(())
    }

    /// What the armed timer was armed for, where the scenario tells.
    fn wait_of(
        &self,
        n: usize,
        snapshot: &Snapshot,
        options: &Effective,
    ) -> Result<Option<Duration>> {
        let actor = &self.actors[n];
        let kind = actor.scenario.kind;
        let seconds = |s: u32| Some(Duration::from_secs(s.into()));
        Ok(match snapshot.armed.map(|armed| armed.timer) {
            Some(Timer::Keepalive) if snapshot.orphan => {
                seconds(self.kernel.sysctls.fin_timeout_s - 60)
            }
            Some(Timer::TimeWait) => seconds(self.kernel.sysctls.fin_timeout_s),
            Some(Timer::Keepalive) if kind.is_amid_probes() && snapshot.probes_out > 0 => seconds(
                actor
                    .scenario
                    .options
                    .keepintvl_s
                    .unwrap_or(options.keepintvl_s),
            ),
            Some(Timer::Keepalive) => actor.connection()?.wait_of_unfired_keepalive(),
            _ => None,
        })
    }

    /// The socket between these ends, read within one jiffy.
    fn snapshot(
        &mut self,
        ends: (std::net::SocketAddr, std::net::SocketAddr),
    ) -> Result<(Duration, Snapshot, SocketId)> {
        let (local, peer) = ends;
        let id = Socket::new(TcpState::Established, local, peer).id();
        let version = kernel_version();
        for _ in 0..READINGS {
            let before = clock::monotonic();
            let found = self.table.socket_between(&id, true, |socket| {
                let info = socket.tcp_info.map(|bytes| TcpInfo::decode(bytes, version));
                (socket.snapshot(info.as_ref()), socket.id())
            })?;
            let (mut snapshot, id) = found.context("the connection is gone before its forecast")?;
            let after = clock::monotonic();
            let jiffy = self.clock.at(before).jiffy;
            if jiffy == self.clock.at(after).jiffy {
                snapshot.jiffies = Some(jiffy);
                return Ok((before, snapshot, id));
            }
        }
        bail!("a socket could not be read within one jiffy");
    }
}

impl Actor {
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

    /// Whether no descriptor tells of its end.
    pub(super) fn is_unheld(&self) -> bool {
        self.scenario.kind.is_orphan() || self.scenario.kind == Kind::Request
    }
}
