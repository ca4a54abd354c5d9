//! Whoever polls a heartbeat does the work of all: what is there to do, in the order in which it
//! matters.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use deadpeer_core::heartbeat::{Event, Settings};
use deadpeer_sys::clock::boottime;

use super::HeartbeatError;
use super::pulse::Pulse;
use super::wakers::Side;

/// What a heartbeat goes over. All that it is asked for it does as far as that can be done at once;
/// the pulse's waker is called when more can be done.
pub(super) trait Transport {
    /// Reads what has arrived, as long as there is room for it, and hands it to the pulse. `me`:
    /// who runs, and needn't be woken.
    fn read(&mut self, pulse: &mut Pulse, now: Duration, me: Side) -> Result<(), HeartbeatError>;

    /// Writes what waits, and what the pulse wants to say.
    fn write(&mut self, pulse: &mut Pulse, now: Duration, me: Side) -> Result<(), HeartbeatError>;

    /// Says goodbye because of an error, and adds to it what the transport knows of the peer.
    fn give_up(&mut self, pulse: &mut Pulse, error: &mut HeartbeatError);
}

/// A transport with a heartbeat.
#[derive(Debug)]
pub(super) struct Driver<T> {
    pub(super) transport: T,
    pub(super) pulse: Pulse,
    over: Option<HeartbeatError>,
}

impl<T> Driver<T> {
    pub(super) fn new(transport: T, settings: Settings) -> Self {
        Self {
            transport,
            pulse: Pulse::new(settings),
            over: None,
        }
    }

    /// The error that ended it.
    pub(super) fn over(&self) -> Option<&HeartbeatError> {
        self.over.as_ref()
    }
}

impl<T: Transport> Driver<T> {
    /// Drives until it is over, and says why.
    pub(super) async fn died(&mut self) -> HeartbeatError {
        loop {
            if let Err(error) = self.event().await {
                return error;
            }
        }
    }

    /// Drives until the next event, or until it is over.
    pub(super) async fn event(&mut self) -> Result<Event, HeartbeatError> {
        self.until(Pulse::next_event).await
    }

    /// Drives until the pulse has what is asked of it, or until it is over.
    pub(super) async fn until<R>(
        &mut self,
        mut ask: impl FnMut(&mut Pulse) -> Option<R>,
    ) -> Result<R, HeartbeatError> {
        poll_fn(|context| {
            self.drive(Side::Watch, context);
            if let Some(answer) = ask(&mut self.pulse) {
                return Poll::Ready(Ok(answer));
            }
            match self.end() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Does everything there is to do now, for a task that waits for `me`.
    pub(super) fn drive(&mut self, me: Side, context: &mut Context<'_>) {
        // Before looking, so that no call is lost.
        self.pulse.wakers().register(me, context.waker());
        self.pulse.wakers().answer();
        if self.over.is_some() {
            return;
        }
        if let Err(mut error) = self.turn(me) {
            self.transport.give_up(&mut self.pulse, &mut error);
            self.over = Some(error);
            self.pulse.wakers().wake_all();
        }
    }

    /// Reads, judges, writes.
    fn turn(&mut self, me: Side) -> Result<(), HeartbeatError> {
        let now = boottime();
        self.transport.read(&mut self.pulse, now, me)?;
        self.pulse.turn(now, me)?;
        self.transport.write(&mut self.pulse, now, me)?;
        self.pulse.arm(now);
        Ok(())
    }

    /// Why it is over; `None`: it isn't.
    fn end(&self) -> Option<HeartbeatError> {
        let closed = self.pulse.is_closed().then_some(HeartbeatError::Ended);
        self.over.clone().or(closed)
    }
}
