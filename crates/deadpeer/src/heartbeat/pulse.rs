//! The machine with a clock, a timer and the tasks that wait for it.

use std::collections::VecDeque;
use std::future::Future as _;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use deadpeer_core::heartbeat::{Event, Heartbeat, Received, Sent, Settings, Standing, Transmit};
use deadpeer_sys::clock::boottime;
use tokio::time::{Instant, Sleep, sleep};

use super::HeartbeatError;
use super::wakers::{Side, Wakers};

#[derive(Debug)]
pub(super) struct Pulse {
    machine: Heartbeat,
    settings: Settings,
    timer: Pin<Box<Sleep>>,
    /// What the timer is set to, on the machine's clock.
    set_to: Option<Duration>,
    wakers: Arc<Wakers>,
    waker: Waker,
    events: VecDeque<Event>,
    heard: Duration,
    /// Since when our own queue is known to be stuck.
    stuck: Option<Duration>,
    pongs: u64,
    /// The transport has ended, in good order: nothing is due any more, and nothing to be said.
    closed: bool,
}

impl Pulse {
    /// Begins now. Every connection gets a jitter of its own.
    pub(super) fn new(settings: Settings) -> Self {
        let settings = settings.seed(RandomState::new().build_hasher().finish());
        let now = boottime();
        let wakers = Arc::new(Wakers::default());
        Self {
            machine: Heartbeat::new(settings, now),
            settings,
            timer: Box::pin(sleep(Duration::ZERO)),
            set_to: None,
            waker: Arc::clone(&wakers).into(),
            wakers,
            events: VecDeque::new(),
            heard: now,
            stuck: None,
            pongs: 0,
            closed: false,
        }
    }

    pub(super) fn machine(&self) -> &Heartbeat {
        &self.machine
    }

    pub(super) fn wakers(&self) -> &Wakers {
        &self.wakers
    }

    /// What the transport is to call.
    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Wakes a task that waits for `side`, if that isn't the one that runs.
    pub(super) fn wake_other(&self, me: Side, side: Side) {
        if me != side {
            self.wakers.wake_side(side);
        }
    }

    /// The transport has ended, in good order.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.wakers.wake_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many pings were answered.
    pub(super) fn pongs(&self) -> u64 {
        self.pongs
    }

    pub(super) fn received(
        &mut self,
        now: Duration,
        received: Received,
    ) -> Result<(), HeartbeatError> {
        self.machine.handle_received(now, received)?;
        self.heard = now;
        self.pongs += u64::from(matches!(received, Received::Pong { .. }));
        Ok(())
    }

    pub(super) fn sent(&mut self, now: Duration, sent: Sent) {
        self.machine.handle_sent(now, sent);
    }

    pub(super) fn blocked(&mut self, now: Duration) {
        self.machine.handle_blocked(now);
    }

    pub(super) fn ask(&mut self, now: Duration) {
        self.machine.ask(now);
    }

    pub(super) fn poll_transmit(&mut self, now: Duration) -> Option<Transmit> {
        match self.closed {
            true => None,
            false => self.machine.poll_transmit(now),
        }
    }

    /// Does what is due and takes note of what the machine tells. After what has arrived was handed
    /// to it.
    pub(super) fn turn(&mut self, now: Duration, me: Side) -> Result<(), HeartbeatError> {
        if self.closed {
            return Ok(());
        }
        if self
            .machine
            .poll_timeout()
            .is_some_and(|wake| wake.at <= now)
        {
            self.machine.handle_timeout(now);
        }
        while let Some(event) = self.machine.poll_event() {
            self.note(event, now)?;
            self.wake_other(me, Side::Watch);
        }
        match self.stuck_and_silent_at() {
            Some(at) if at <= now => Err(self.stuck_and_silent(now)),
            Some(_) | None => Ok(()),
        }
    }

    /// Sets the timer for what comes next, and lets it call us.
    ///
    /// The next moment moves with every message, mostly away. The timer stays where it is then, and
    /// is set again when it fires.
    pub(super) fn arm(&mut self, now: Duration) {
        if self.closed {
            return;
        }
        let wake = self.machine.poll_timeout().map(|wake| wake.at);
        let Some(at) = wake.into_iter().chain(self.stuck_and_silent_at()).min() else {
            self.set_to = None;
            return;
        };
        if self
            .set_to
            .is_some_and(|set_to| now < set_to && set_to <= at)
        {
            return;
        }
        self.set_to = Some(at);
        let wait = at.saturating_sub(now);
        self.timer.as_mut().reset(Instant::now() + wait);
        let mut context = Context::from_waker(&self.waker);
        if self.timer.as_mut().poll(&mut context).is_ready() {
            self.waker.wake_by_ref();
        }
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn standing(&self) -> Standing {
        self.machine.standing(boottime())
    }

    pub(super) fn deadline(&self) -> Duration {
        let agreed = self.machine.deadline();
        agreed.unwrap_or(self.settings.deadline())
    }

    fn note(&mut self, event: Event, now: Duration) -> Result<(), HeartbeatError> {
        match event {
            Event::Silent { since, unanswered } => {
                return Err(HeartbeatError::Silent {
                    since,
                    unanswered,
                    verdict: None,
                });
            }
            Event::Stuck { since } => self.stuck = Some(now.saturating_sub(since)),
            Event::Unstuck => self.stuck = None,
            // What we slept is not the peer's silence.
            Event::Late { by } => self.heard = (self.heard + by).min(now),
            Event::Negotiated { .. } | Event::Recovered { .. } | Event::BackedOff { .. } | _ => {}
        }
        let kind = std::mem::discriminant(&event);
        self.events
            .retain(|old| std::mem::discriminant(old) != kind);
        self.events.push_back(event);
        Ok(())
    }

    /// While no question gets out, no silence convicts: a slow reader that speaks is alive. One
    /// that neither takes nor says anything is lost.
    fn stuck_and_silent_at(&self) -> Option<Duration> {
        self.stuck.map(|_| self.heard + self.deadline())
    }

    fn stuck_and_silent(&self, now: Duration) -> HeartbeatError {
        HeartbeatError::Stuck {
            since: now.saturating_sub(self.stuck.unwrap_or(now)),
            silent: now.saturating_sub(self.heard),
        }
    }
}
