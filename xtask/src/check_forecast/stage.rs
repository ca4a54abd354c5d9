//! All connections of a run, and the moments at which something happens to them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use deadpeer_core::forecast::Timer;
use deadpeer_core::{Forecast, Kernel, Snapshot, TcpInfo};
use deadpeer_sys::clock::{self, JiffiesClock};
use deadpeer_sys::sock_diag::{Request, SockDiag, States};
use deadpeer_sys::{kernel_version, sockopt};

use super::connection::Connection;
use super::scenario::{Act, Scenario};

/// How often a table is read again because a tick fell into the reading.
const READINGS: u32 = 50;

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
}

/// Something that happens to an actor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cue {
    Arrival,
    Vanish,
    LateWrite,
}

/// Everything a run needs.
pub(super) struct Stage {
    pub(super) actors: Vec<Actor>,
    pub(super) kernel: Kernel,
    /// What comes when, on `CLOCK_MONOTONIC`; the actor makes equal moments different.
    pub(super) cues: BTreeMap<(Duration, usize), Cue>,
    pub(super) clock: JiffiesClock,
    table: SockDiag,
}

impl Stage {
    /// Establishes the connections and plans their fates.
    pub(super) fn set(
        scenarios: Vec<Scenario>,
        kernel: Kernel,
        clock: JiffiesClock,
    ) -> Result<Self> {
        let mut actors = Vec::with_capacity(scenarios.len());
        for scenario in scenarios {
            let connection = if scenario.act == Act::Connect {
                None
            } else {
                let (ipv6, accepted) = (scenario.ipv6, scenario.accepted);
                Some(Connection::establish(&scenario.options, ipv6, accepted)?)
            };
            actors.push(Actor {
                scenario,
                connection,
                prediction: None,
            });
        }
        let start = clock::monotonic();
        let mut cues = BTreeMap::new();
        for (n, actor) in actors.iter_mut().enumerate() {
            let scenario = &actor.scenario;
            if let (Act::LongClosedWindow, Some(connection)) = (scenario.act, &actor.connection) {
                connection.close_window()?;
            } else {
                cues.extend(
                    scenario
                        .arrivals
                        .iter()
                        .map(|at| ((start + *at, n), Cue::Arrival)),
                );
            }
            cues.insert((start + scenario.vanish, n), Cue::Vanish);
        }
        Ok(Self {
            actors,
            kernel,
            cues,
            clock,
            table: SockDiag::open()?,
        })
    }

    /// Plays a cue; returns whether the actor's connection has just been predicted.
    pub(super) fn play(&mut self, n: usize, cue: Cue) -> Result<bool> {
        let actor = &mut self.actors[n];
        match (cue, actor.scenario.act) {
            (Cue::Arrival, Act::Connect) => return Ok(false),
            (Cue::Arrival, _) => {
                if let Some(connection) = &mut actor.connection {
                    connection.hear()?;
                }
                return Ok(false);
            }
            (Cue::Vanish, Act::LateWrite(after)) => {
                actor.connection()?.vanish()?;
                self.cues
                    .insert((clock::monotonic() + after, n), Cue::LateWrite);
                return Ok(false);
            }
            (Cue::Vanish, act) => actor.vanish(act)?,
            (Cue::LateWrite, _) => actor.connection()?.write()?,
        }
        self.predict(n)?;
        Ok(true)
    }

    fn predict(&mut self, n: usize) -> Result<()> {
        let connection = self.actors[n].connection()?;
        let options = sockopt::effective(&connection.ours)?;
        let wait = connection.wait_of_unfired_keepalive(&options);
        let cookie = connection.cookie;
        let (at, mut snapshot) = self.snapshot(cookie)?;
        if let Some(armed) = &mut snapshot.armed
            && armed.timer == Timer::Keepalive
        {
            armed.wait = wait;
        }
        let mut blurred = snapshot;
        blurred.jiffies = None;
        let forecast = |snapshot| Forecast::of(&options, snapshot, &self.kernel);
        let (exact, blurred) = (forecast(&snapshot), forecast(&blurred));
        self.actors[n].prediction = Some(Prediction {
            at,
            exact,
            blurred,
            snapshot,
        });
        Ok(())
    }

    /// The socket with this cookie, read within one jiffy.
    fn snapshot(&mut self, cookie: u64) -> Result<(Duration, Snapshot)> {
        let request = Request {
            states: States::LIVE,
            tcp_info: true,
        };
        let version = kernel_version();
        for _ in 0..READINGS {
            let before = clock::monotonic();
            let mut found = None;
            self.table.dump(request, |socket| {
                if socket.cookie != cookie {
                    return ControlFlow::Continue(());
                }
                let info = socket.tcp_info.map(|bytes| TcpInfo::decode(bytes, version));
                found = Some((clock::monotonic(), socket.snapshot(info.as_ref())));
                ControlFlow::Break(())
            })?;
            let (after, mut snapshot) =
                found.context("a connection is gone before its peer vanished")?;
            let jiffy = self.clock.at(before).jiffy;
            if jiffy == self.clock.at(after).jiffy {
                snapshot.jiffies = Some(jiffy);
                return Ok((before, snapshot));
            }
        }
        bail!("the table of sockets could not be read within one jiffy");
    }
}

impl Actor {
    pub(super) fn connection(&self) -> Result<&Connection> {
        self.connection
            .as_ref()
            .context("the connection is not made yet")
    }

    fn vanish(&mut self, act: Act) -> Result<()> {
        if act == Act::Connect {
            let scenario = &self.scenario;
            self.connection = Some(Connection::connect_to_nobody(
                &scenario.options,
                scenario.ipv6,
            )?);
            return Ok(());
        }
        let connection = self.connection()?;
        if act == Act::ClosedWindow {
            connection.close_window()?;
        }
        if act == Act::AcknowledgedFin {
            connection.finish()?;
            connection.wait_for_acknowledged_fin()?;
        }
        connection.vanish()?;
        match act {
            Act::Write => connection.write(),
            Act::Fin => connection.finish(),
            Act::Idle
            | Act::LateWrite(_)
            | Act::ClosedWindow
            | Act::LongClosedWindow
            | Act::Connect
            | Act::AcknowledgedFin => Ok(()),
        }
    }
}
