//! Messages of an application and of its heartbeat, over a stream and sink.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use deadpeer_core::heartbeat::{Received, Sent, Transmit};
use deadpeer_sys::clock::boottime;
use futures_core::Stream;
use futures_sink::Sink;

use crate::heartbeat::driver::Transport;
use crate::heartbeat::pulse::Pulse;
use crate::heartbeat::wakers::Side;
use crate::heartbeat::{Dialect, HeartbeatError, Meaning};

/// A stream and sink of messages, and those that are on their way through it.
#[derive(Debug)]
pub(super) struct MessageTransport<T, M, D> {
    pub(super) inner: T,
    dialect: D,
    /// A message for the application.
    pub(super) arrived: Option<M>,
    /// One of the heartbeat's on its way out, and the number of the ping that it is.
    first: Option<(M, Option<u64>)>,
    /// One of the application's.
    pub(super) second: Option<M>,
    /// Whether something was handed over that has not left, and the ping in there.
    unflushed: Option<Option<u64>>,
}

impl<T, M, D> MessageTransport<T, M, D> {
    pub(super) fn new(inner: T, dialect: D) -> Self {
        Self {
            inner,
            dialect,
            arrived: None,
            first: None,
            second: None,
            unflushed: None,
        }
    }

    /// Whether everything has been written.
    pub(super) fn is_drained(&self) -> bool {
        self.first.is_none() && self.second.is_none() && self.unflushed.is_none()
    }
}

impl<T, M, D, E> Transport for MessageTransport<T, M, D>
where
    T: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    D: Dialect<M>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn read(&mut self, pulse: &mut Pulse, now: Duration, me: Side) -> Result<(), HeartbeatError> {
        let waker = pulse.waker();
        let mut context = Context::from_waker(&waker);
        while !pulse.is_closed() {
            if self.arrived.is_some() {
                // Bytes of the peer's wait for the application: that is no silence.
                return pulse.received(now, Received::Data);
            }
            match Pin::new(&mut self.inner).poll_next(&mut context) {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => pulse.close(),
                Poll::Ready(Some(message)) => {
                    match self.dialect.meaning(message.map_err(broken)?) {
                        Meaning::Heartbeat(received) => pulse.received(now, received)?,
                        Meaning::Application(message) => {
                            self.arrived = Some(message);
                            pulse.wake_other(me, Side::Read);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, pulse: &mut Pulse, now: Duration, me: Side) -> Result<(), HeartbeatError> {
        let waker = pulse.waker();
        let mut context = Context::from_waker(&waker);
        loop {
            self.first = self
                .first
                .take()
                .or_else(|| self.next_of_the_pulse(pulse, now));
            if self.first.is_none() && self.second.is_none() {
                break;
            }
            let mut inner = Pin::new(&mut self.inner);
            match inner.as_mut().poll_ready(&mut context) {
                Poll::Pending => {
                    pulse.blocked(now);
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
                pulse.wake_other(me, Side::Write);
            }
        }
        let Some(ping) = self.unflushed else {
            return Ok(());
        };
        match Pin::new(&mut self.inner).poll_flush(&mut context) {
            Poll::Pending => pulse.blocked(now),
            Poll::Ready(flushed) => {
                flushed.map_err(broken)?;
                self.unflushed = None;
                let sent = ping.map_or(Sent::Data, |sequence| Sent::Ping { sequence });
                pulse.sent(now, sent);
                pulse.wake_other(me, Side::Write);
            }
        }
        Ok(())
    }

    fn give_up(&mut self, pulse: &mut Pulse, error: &mut HeartbeatError) {
        if let Some(message) = self.dialect.farewell(error) {
            self.first = Some((message, None));
            self.second = None;
            // The transport may need longer for it, or be gone.
            let _ = self.write(pulse, boottime(), Side::Watch);
        }
    }
}

impl<T, M, D, E> MessageTransport<T, M, D>
where
    T: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    D: Dialect<M>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    /// What the pulse wants to say, and the number of the ping that it is.
    fn next_of_the_pulse(&mut self, pulse: &mut Pulse, now: Duration) -> Option<(M, Option<u64>)> {
        loop {
            let transmit = pulse.poll_transmit(now)?;
            let mut ping = None;
            if let Transmit::Ping { sequence, .. } = transmit {
                ping = Some(sequence);
            }
            match self.dialect.message(transmit) {
                Some(message) => return Some((message, ping)),
                // What the protocol cannot say counts as said.
                None => pulse.sent(now, Sent::from(&transmit)),
            }
        }
    }

    pub(super) fn poll_close(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), HeartbeatError>> {
        let inner = Pin::new(&mut self.inner);
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
