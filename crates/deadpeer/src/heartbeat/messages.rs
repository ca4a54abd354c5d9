//! A heartbeat over any stream of messages.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use deadpeer_core::heartbeat::{Event, Received, Sent, Settings, Standing, Transmit};
use deadpeer_sys::clock::boottime;
use futures_core::Stream;
use futures_sink::Sink;

use super::pulse::Pulse;
use super::wakers::Side;
use super::{Dialect, HeartbeatError, Meaning};

/// A stream and sink of messages with a heartbeat: a `tokio_util::codec::Framed` with frames of your own, or a WebSocket. A
/// [`Dialect`] says which messages are pings; the application sees the others.
///
/// Who does the work, and what is promised, is as for [`HeartbeatStream`](super::HeartbeatStream): no task in the background, and a
/// ping goes before the messages that wait. What the transport within has taken is in front of it: keep its buffers small.
///
/// At most one message of each direction is held here.
#[derive(Debug)]
pub struct HeartbeatMessages<T, M, D> {
    inner: T,
    dialect: D,
    pulse: Pulse,
    /// A message for the application.
    arrived: Option<M>,
    /// One of the heartbeat's on its way out, and the number of the ping that it is.
    first: Option<(M, Option<u64>)>,
    /// One of the application's.
    second: Option<M>,
    /// Whether something was handed to the transport that has not left it, and the ping in there.
    unflushed: Option<Option<u64>>,
    closed: bool,
    over: Option<HeartbeatError>,
}

impl<T, M, D> HeartbeatMessages<T, M, D> {
    /// A heartbeat over messages. Nothing is sent before it is polled.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer enabled.
    pub fn new(inner: T, dialect: D, settings: Settings) -> Self {
        Self {
            inner,
            dialect,
            pulse: Pulse::new(settings),
            arrived: None,
            first: None,
            second: None,
            unflushed: None,
            closed: false,
            over: None,
        }
    }

    /// What is known of the peer now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.pulse.standing()
    }

    /// How long the last answered ping took there and back, both applications included.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.pulse.machine().round_trip()
    }

    /// The transport within.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }
}

impl<T, M, D, E> HeartbeatMessages<T, M, D>
where
    T: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    D: Dialect<M>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    /// Keeps the heartbeat going until the connection is over, and says why. At most one message is read, and kept for the
    /// reader. Meant for `select!`: dropping the future loses nothing.
    pub async fn died(&mut self) -> HeartbeatError {
        loop {
            if let Err(error) = self.event().await {
                return error;
            }
        }
    }

    /// Keeps the heartbeat going until there is news. Dropping the future loses no event.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn event(&mut self) -> Result<Event, HeartbeatError> {
        poll_fn(|context| {
            self.drive(Side::Watch, context);
            if let Some(event) = self.pulse.next_event() {
                return Poll::Ready(Ok(event));
            }
            let closed = self.closed.then_some(HeartbeatError::Ended);
            match self.over.clone().or(closed) {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Everything there is to do now: read, judge, write.
    fn drive(&mut self, me: Side, context: &mut Context<'_>) {
        // Before looking, so that no call is lost.
        self.pulse.wakers().register(me, context.waker());
        self.pulse.wakers().answer();
        if self.over.is_some() {
            return;
        }
        if let Err(error) = self.turn(me) {
            self.give_up(error);
            self.pulse.wakers().wake_all();
        }
    }

    fn turn(&mut self, me: Side) -> Result<(), HeartbeatError> {
        let now = boottime();
        self.read(now, me)?;
        if !self.closed {
            self.pulse.turn(now, me)?;
        }
        self.write(now, me)?;
        if !self.closed {
            self.pulse.arm(now);
        }
        Ok(())
    }

    fn read(&mut self, now: Duration, me: Side) -> Result<(), HeartbeatError> {
        let waker = self.pulse.waker();
        let mut context = Context::from_waker(&waker);
        while !self.closed {
            if self.arrived.is_some() {
                // Bytes of the peer's wait for the application: that is no silence.
                return self.pulse.received(now, Received::Data);
            }
            match Pin::new(&mut self.inner).poll_next(&mut context) {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => {
                    self.closed = true;
                    self.pulse.wakers().wake_all();
                }
                Poll::Ready(Some(message)) => {
                    match self.dialect.meaning(message.map_err(broken)?) {
                        Meaning::Heartbeat(received) => self.pulse.received(now, received)?,
                        Meaning::Application(message) => {
                            self.arrived = Some(message);
                            self.wake_other(me, Side::Read);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, now: Duration, me: Side) -> Result<(), HeartbeatError> {
        let waker = self.pulse.waker();
        let mut context = Context::from_waker(&waker);
        loop {
            self.first = self
                .first
                .take()
                .or_else(|| self.next_of_the_heartbeat(now));
            if self.first.is_none() && self.second.is_none() {
                break;
            }
            let mut inner = Pin::new(&mut self.inner);
            match inner.as_mut().poll_ready(&mut context) {
                Poll::Pending => {
                    self.pulse.blocked(now);
                    return Ok(());
                }
                Poll::Ready(ready) => ready.map_err(broken)?,
            }
            let before = self.unflushed.flatten();
            if let Some((message, ping)) = self.first.take() {
                inner.start_send(message).map_err(broken)?;
                self.unflushed = Some(ping.or(before));
            } else if let Some(message) = self.second.take() {
                inner.start_send(message).map_err(broken)?;
                self.unflushed = Some(before);
                self.wake_other(me, Side::Write);
            }
        }
        let Some(ping) = self.unflushed else {
            return Ok(());
        };
        match Pin::new(&mut self.inner).poll_flush(&mut context) {
            Poll::Pending => self.pulse.blocked(now),
            Poll::Ready(flushed) => {
                flushed.map_err(broken)?;
                self.unflushed = None;
                let sent = ping.map_or(Sent::Data, |sequence| Sent::Ping { sequence });
                self.pulse.sent(now, sent);
                self.wake_other(me, Side::Write);
            }
        }
        Ok(())
    }

    fn next_of_the_heartbeat(&mut self, now: Duration) -> Option<(M, Option<u64>)> {
        while !self.closed {
            let transmit = self.pulse.poll_transmit(now)?;
            let mut ping = None;
            if let Transmit::Ping { sequence, .. } = transmit {
                ping = Some(sequence);
            }
            match self.dialect.message(transmit) {
                Some(message) => return Some((message, ping)),
                // What the protocol cannot say counts as said.
                None => self.pulse.sent(now, Sent::from(&transmit)),
            }
        }
        None
    }

    fn wake_other(&self, me: Side, side: Side) {
        if me != side {
            self.pulse.wakers().wake_side(side);
        }
    }

    /// Says goodbye, as far as that can be done at once, and remembers why.
    fn give_up(&mut self, error: HeartbeatError) {
        if let Some(message) = self.dialect.farewell(&error) {
            self.first = Some((message, None));
            self.second = None;
            // The transport may need longer for it, or be gone.
            let _ = self.write(boottime(), Side::Watch);
        }
        self.over = Some(error);
    }

    fn refuse(&self) -> Result<(), HeartbeatError> {
        self.over.clone().map_or(Ok(()), Err)
    }
}

impl<T, M, D, E> Stream for HeartbeatMessages<T, M, D>
where
    T: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    M: Unpin,
    D: Dialect<M> + Unpin,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Item = Result<M, HeartbeatError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.drive(Side::Read, context);
        if let Some(message) = this.arrived.take() {
            // Reading goes on, and somebody must ask for what comes.
            this.wake_other(Side::Read, Side::Write);
            this.wake_other(Side::Read, Side::Watch);
            return Poll::Ready(Some(Ok(message)));
        }
        match &this.over {
            Some(error) => Poll::Ready(Some(Err(error.clone()))),
            None if this.closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl<T, M, D, E> Sink<M> for HeartbeatMessages<T, M, D>
where
    T: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    M: Unpin,
    D: Dialect<M> + Unpin,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Error = HeartbeatError;

    fn poll_ready(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), HeartbeatError>> {
        let this = self.get_mut();
        this.drive(Side::Write, context);
        this.refuse()?;
        match this.second {
            Some(_) => Poll::Pending,
            None => Poll::Ready(Ok(())),
        }
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), HeartbeatError> {
        let this = self.get_mut();
        this.refuse()?;
        this.second = Some(message);
        Ok(())
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), HeartbeatError>> {
        let this = self.get_mut();
        this.drive(Side::Write, context);
        this.refuse()?;
        match this.second.is_none() && this.first.is_none() && this.unflushed.is_none() {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), HeartbeatError>> {
        ready!(self.as_mut().poll_flush(context))?;
        let inner = Pin::new(&mut self.get_mut().inner);
        inner.poll_close(context).map_err(broken)
    }
}

/// An error of the transport; one of I/O keeps its errno.
fn broken<E: Into<Box<dyn Error + Send + Sync>>>(error: E) -> HeartbeatError {
    match error.into().downcast::<io::Error>() {
        Ok(error) => (*error).into(),
        Err(other) => io::Error::other(other).into(),
    }
}
