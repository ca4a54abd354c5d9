//! What comes before the fault: every connection gets into its state, lives through its past, and
//! is watched for a while.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use deadpeer_core::TcpState;
use deadpeer_sys::clock;

use super::experiment::{Stage, connection};
use super::{ExperimentError, Link, Outcome};
use crate::fault::Script;
use crate::method::Watch;
use crate::router::{Action, Condition, Rule};
use crate::state::State;

/// How long connections may take to get into their states.
const READY: Duration = Duration::from_secs(20);
/// How long they are in their states before the fault.
const SETTLE: Duration = Duration::from_millis(1_200);

impl Stage<'_> {
    /// Makes every connection and waits until each is in its state; those that are to be connecting
    /// come last.
    pub(super) fn bring_into_states(&mut self) -> Result<(), ExperimentError> {
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
        let methods = || self.methods.iter().enumerate();
        let methods = || methods().map(|(place, method)| Some(method.wants(place)));
        let mut wishes = Vec::new();
        for state in self.scenario.states().filter(|state| wanted(*state)) {
            // The control has no method: nobody watches it, nothing is set on it.
            let copies = std::iter::repeat_n(methods(), self.scenario.copies).flatten();
            wishes.extend(copies.chain([None]).map(|wanted| (state, wanted)));
        }
        let first = self.links.len() as u32;
        let to = self.to;
        let made: Vec<_> = self.ours()?.enter(|| {
            wishes
                .into_iter()
                .zip(first..)
                .map(|((state, wanted), id)| {
                    Link::connect(id, state, wanted, SocketAddr::new(to, state.port()))
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

    pub(super) fn watch(&self) -> Result<Vec<Option<Watch>>, ExperimentError> {
        let watch = |link: &Link| {
            link.method
                .map(|index| Watch::new(&self.methods[index], link))
                .transpose()
        };
        Ok(self.links.iter().map(watch).collect::<Result<_, _>>()?)
    }

    /// Lets everything run as it is, with everybody watching: nobody may say a word, unless the
    /// connections have had a past, of which some may have died. What is said then is part of the
    /// result.
    pub(super) fn settle(
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
                let Some(signal) = watch.check(link, now)? else {
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
