//! The fault, and who notices it when.

use std::time::{Duration, Instant, SystemTime};

use deadpeer_core::TcpState;
use deadpeer_sys::clock;

use super::experiment::Stage;
use super::{ExperimentError, Link, Outcome};
use crate::fault::Deed;
use crate::method::Watch;
use crate::peer::Order;

/// How long an experiment goes on after its deadline, as a share of it.
const OVERTIME: f64 = 0.1;
/// When the one write of [`State::OneWrite`](crate::state::State::OneWrite) comes: what the fault
/// itself sends has arrived by then.
const WRITE_AFTER: Duration = Duration::from_millis(100);
/// How long what the peer is to leave unread may be under way.
const DELIVERY: Duration = Duration::from_secs(5);

/// What was seen.
pub(super) struct Observed {
    /// For each link, what its method noticed.
    pub(super) noticed: Vec<Option<Outcome>>,
    /// When the first step was done, since 1970.
    pub(super) struck_at: Duration,
    /// How long it was watched.
    pub(super) watched: Duration,
    /// What the peer's program used of the processors meanwhile, in clock ticks, and its state at
    /// the end.
    pub(super) peer: Option<(char, u64)>,
    /// For each link, by how much its judge said before the fault that it would be late.
    pub(super) slips: Vec<Duration>,
    /// For each link, its TCP state before the fault.
    pub(super) states_before: Vec<Option<TcpState>>,
    /// For each link, answers without data before the fault.
    acks_before: Vec<Option<u32>>,
}

impl Observed {
    /// Answers without data that came on a link since the fault.
    pub(super) fn answers(&self, place: usize, link: &Link) -> Option<u32> {
        Some(pure_acks(link)?.wrapping_sub(self.acks_before[place]?))
    }
}

impl Stage<'_> {
    /// Does what the scenario says, and looks until the deadline and some more has passed. What was
    /// noticed before, for each link, stands.
    pub(super) fn strike_and_observe(
        &mut self,
        watches: &mut [Option<Watch>],
        mut noticed: Vec<Option<Outcome>>,
    ) -> Result<Observed, ExperimentError> {
        let window = self.deadline.mul_f64(1.0 + OVERTIME);
        let acks_before = self.links.iter().map(pure_acks).collect();
        let state = |link: &Link| link.info().ok().and_then(|info| info.state);
        let states_before = self.links.iter().map(state).collect();
        let slips = watches
            .iter()
            .zip(&self.links)
            .map(|(watch, link)| {
                watch
                    .as_ref()
                    .map_or(Ok(Duration::ZERO), |watch| watch.slip(link))
            })
            .collect::<Result<_, _>>()?;
        let used_before = self.peer.stat().map(|stat| stat.cpu_ticks);
        let mut script = self.script();
        let struck_at = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        while let Some(deed) = script.next(Duration::ZERO) {
            self.perform(&deed)?;
        }
        // Not before: changing an interface waits for every other change of one on this machine,
        // which may take seconds.
        let start = Instant::now();
        if let Some(hold) = self.hold.take() {
            self.lab.wire().remove(hold)?;
        }
        let mut written = false;
        while start.elapsed() < window {
            if !written && start.elapsed() >= WRITE_AFTER {
                written = true;
                self.links.iter_mut().for_each(Link::write_once);
            }
            if let Some(deed) = script.next(start.elapsed()) {
                self.perform(&deed)?;
                continue;
            }
            let now = clock::monotonic();
            for (place, link) in self.links.iter_mut().enumerate() {
                if let (Some(watch), None) = (&mut watches[place], &noticed[place])
                    && let Some(signal) = watch.check(link, now)?
                {
                    noticed[place] = Some(Outcome {
                        after_s: start.elapsed().as_secs_f64(),
                        signal,
                    });
                }
                link.live(now);
            }
            self.tick()?;
        }
        let watched = start.elapsed();
        let peer = self.peer.stat().zip(used_before);
        Ok(Observed {
            noticed,
            struck_at,
            watched,
            peer: peer.map(|(stat, before)| (stat.state, stat.cpu_ticks.saturating_sub(before))),
            slips,
            states_before,
            acks_before,
        })
    }

    pub(super) fn perform(&mut self, deed: &Deed) -> Result<(), ExperimentError> {
        match *deed {
            Deed::Close {} => self.peer.order(&Order::Close)?,
            Deed::Shutdown {} => self.peer.order(&Order::Shutdown)?,
            Deed::Abort {} => self.peer.order(&Order::Abort)?,
            Deed::StopReading {} => self.peer.order(&Order::StopReading)?,
            Deed::ReadSlowly { bytes_per_s } => {
                self.peer.order(&Order::ReadSlowly(bytes_per_s))?;
            }
            Deed::Burn {} => self.peer.order(&Order::Burn)?,
            Deed::LeaveUnread {} => self.leave_unread()?,
            Deed::Kill {} => self.peer.kill(),
            Deed::Freeze {} => self.peer.stop(true)?,
            Deed::Thaw {} => self.peer.stop(false)?,
            Deed::Wait { .. }
            | Deed::Cut { .. }
            | Deed::Lose { .. }
            | Deed::Delay { .. }
            | Deed::Unreachable { .. }
            | Deed::Reject {}
            | Deed::Track { .. }
            | Deed::Forget {}
            | Deed::Mend {}
            | Deed::Unplug { .. }
            | Deed::InterfaceDown { .. }
            | Deed::RemoveAddresses { .. }
            | Deed::RemoveRoutes { .. }
            | Deed::Reboot {}
            | Deed::Destroy {} => self.path.perform(&mut self.lab, deed)?,
        }
        Ok(())
    }

    /// The peer reads no more, and something arrives on every connection that can carry it.
    fn leave_unread(&mut self) -> Result<(), ExperimentError> {
        self.peer.order(&Order::StopReading)?;
        for link in &mut self.links {
            link.ping();
        }
        self.live();
        let start = Instant::now();
        loop {
            let mut delivered = true;
            for link in &self.links {
                // Zero: all is acknowledged, or waits behind a window that is closed by unread
                // bytes.
                delivered &= link.info()?.unacked == Some(0) || !link.is_introduced();
            }
            if delivered {
                return Ok(());
            }
            if start.elapsed() > DELIVERY {
                return Err(ExperimentError::NotReady {
                    after: DELIVERY,
                    what: "whose bytes the peer's kernel has not taken".to_owned(),
                });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn pure_acks(link: &Link) -> Option<u32> {
    let info = link.info().ok()?;
    Some(info.segs_in?.wrapping_sub(info.data_segs_in?))
}
