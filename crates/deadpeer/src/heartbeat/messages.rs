//! A heartbeat over any stream of messages.

mod transport;

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use deadpeer_core::heartbeat::{Event, Settings, Standing};
use futures_core::Stream;
use futures_sink::Sink;

use self::transport::MessageTransport;
use super::driver::Driver;
use super::wakers::Side;
use super::{Dialect, HeartbeatError};

/// A stream and sink of messages with a heartbeat: a `tokio_util::codec::Framed` with frames of
/// your own, or a WebSocket. A [`Dialect`] says which messages are pings; the application sees the
/// others.
///
/// Who does the work, and what is promised, is as for [`HeartbeatStream`](super::HeartbeatStream):
/// no task in the background, and a ping goes before the messages that wait. What the transport
/// within has taken is in front of it: keep its buffers small.
///
/// At most one message of each direction is held here.
#[derive(Debug)]
pub struct HeartbeatMessages<T, M, D> {
    driver: Driver<MessageTransport<T, M, D>>,
}

impl<T, M, D> HeartbeatMessages<T, M, D> {
    /// A heartbeat over messages. Nothing is sent before it is polled.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer enabled.
    pub fn new(inner: T, dialect: D, settings: Settings) -> Self {
        Self {
            driver: Driver::new(MessageTransport::new(inner, dialect), settings),
        }
    }

    /// What is known of the peer now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.driver.pulse.standing()
    }

    /// How long the last answered ping took there and back, both applications included.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.driver.pulse.machine().round_trip()
    }

    /// The transport within.
    pub fn get_ref(&self) -> &T {
        &self.driver.transport.inner
    }
}

impl<T, M, D, E> HeartbeatMessages<T, M, D>
where
    T: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    D: Dialect<M>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    /// Keeps the heartbeat going until the connection is over, and says why. At most one message is
    /// read, and kept for the reader. Meant for `select!`: dropping the future loses nothing.
    pub async fn died(&mut self) -> HeartbeatError {
        self.driver.died().await
    }

    /// Keeps the heartbeat going until there is news. Dropping the future loses no event.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn event(&mut self) -> Result<Event, HeartbeatError> {
        self.driver.event().await
    }

    /// Drives for a task that writes, until the transport is as it wants it.
    fn write_until(
        &mut self,
        context: &mut Context<'_>,
        is_so: impl FnOnce(&MessageTransport<T, M, D>) -> bool,
    ) -> Poll<Result<(), HeartbeatError>> {
        self.driver.drive(Side::Write, context);
        self.refuse()?;
        match is_so(&self.driver.transport) {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    fn refuse(&self) -> Result<(), HeartbeatError> {
        self.driver.over().cloned().map_or(Ok(()), Err)
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
        let driver = &mut self.get_mut().driver;
        driver.drive(Side::Read, context);
        if let Some(message) = driver.transport.arrived.take() {
            // Reading goes on, and somebody must ask for what comes.
            driver.pulse.wake_other(Side::Read, Side::Write);
            driver.pulse.wake_other(Side::Read, Side::Watch);
            return Poll::Ready(Some(Ok(message)));
        }
        match driver.over() {
            Some(error) => Poll::Ready(Some(Err(error.clone()))),
            None if driver.pulse.is_closed() => Poll::Ready(None),
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
        let no_message_waits = |transport: &MessageTransport<T, M, D>| transport.second.is_none();
        self.get_mut().write_until(context, no_message_waits)
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), HeartbeatError> {
        let this = self.get_mut();
        this.refuse()?;
        this.driver.transport.second = Some(message);
        Ok(())
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), HeartbeatError>> {
        self.get_mut()
            .write_until(context, MessageTransport::is_drained)
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), HeartbeatError>> {
        ready!(self.as_mut().poll_flush(context))?;
        self.get_mut().driver.transport.poll_close(context)
    }
}
