//! Frames over a stream of bytes.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use deadpeer_core::heartbeat::Received;
use deadpeer_core::heartbeat::frame::{Bye, Frame, Reason};
use deadpeer_core::{Judge, Supervision, Verdict};
use deadpeer_sys::clock::{boottime, monotonic};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::inbox::{End, Inbox, Item};
use super::outbox::Outbox;
use crate::heartbeat::HeartbeatError;
use crate::heartbeat::driver::Transport;
use crate::heartbeat::pulse::Pulse;
use crate::heartbeat::wakers::Side;

/// A stream of bytes, and what is on its way through it.
#[derive(Debug)]
pub(super) struct ByteTransport<S> {
    pub(super) io: S,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
    /// How to ask the kernel about the peer's.
    witness: Option<fn(&S, Duration) -> Option<Verdict>>,
    needs_flush: bool,
    /// Whether the peer has said who it is: its first frame has come, a hello.
    introduced: bool,
    /// Why writing has failed; what had arrived may still be read.
    broken: Option<Arc<io::Error>>,
}

impl<S> ByteTransport<S> {
    pub(super) fn new(io: S) -> Self {
        Self {
            io,
            inbox: Inbox::new(),
            outbox: Outbox::new(),
            witness: None,
            needs_flush: false,
            introduced: false,
            broken: None,
        }
    }

    /// Over a socket, whose kernel is asked when the peer is silent.
    pub(super) fn over_socket(io: S) -> Self
    where
        S: AsFd,
    {
        Self {
            witness: Some(|io, deadline| ask_kernel(io, deadline)),
            ..Self::new(io)
        }
    }

    /// Whether everything has been written.
    pub(super) fn is_drained(&self) -> bool {
        self.outbox.is_empty() && !self.needs_flush
    }

    /// Why writing has failed.
    pub(super) fn broken(&self) -> Option<HeartbeatError> {
        self.broken.clone().map(HeartbeatError::Transport)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport for ByteTransport<S> {
    fn read(&mut self, pulse: &mut Pulse, now: Duration, me: Side) -> Result<(), HeartbeatError> {
        let waker = pulse.waker();
        let mut context = Context::from_waker(&waker);
        while !pulse.is_closed() {
            let room = self.inbox.room();
            if room.is_empty() {
                // Bytes of the peer's wait for the application, here and beyond: that is no
                // silence.
                return pulse.received(now, Received::Data);
            }
            let mut room = ReadBuf::new(room);
            match Pin::new(&mut self.io).poll_read(&mut context, &mut room) {
                Poll::Pending => return Ok(()),
                Poll::Ready(result) => result?,
            }
            match room.filled().len() {
                0 => return self.close(pulse),
                count => self.inbox.arrived(count),
            }
            self.understand(pulse, now, me)?;
        }
        Ok(())
    }

    /// That writing fails is kept for the writer: what had arrived may still be read.
    fn write(&mut self, pulse: &mut Pulse, now: Duration, me: Side) -> Result<(), HeartbeatError> {
        self.send(pulse, now, me);
        Ok(())
    }

    fn give_up(&mut self, pulse: &mut Pulse, error: &mut HeartbeatError) {
        if let HeartbeatError::Silent { verdict, .. } = error {
            let kernel = self.witness.and_then(|ask| ask(&self.io, pulse.deadline()));
            *verdict = kernel.map(|kernel| kernel.with_heartbeat(pulse.standing()));
        }
        if let Some(bye) = error.farewell() {
            self.say_goodbye(pulse, bye);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ByteTransport<S> {
    /// Nothing more arrives.
    fn close(&mut self, pulse: &mut Pulse) -> Result<(), HeartbeatError> {
        pulse.close();
        let end = self.inbox.finish();
        if let (Some(error), Err(_) | Ok(End::Abrupt)) = (self.broken(), end) {
            // The kernel tells an error once, and the writer was told.
            return Err(error);
        }
        match end? {
            End::Abrupt => Err(HeartbeatError::NoGoodbye),
            End::Orderly => Ok(()),
        }
    }

    fn understand(
        &mut self,
        pulse: &mut Pulse,
        now: Duration,
        me: Side,
    ) -> Result<(), HeartbeatError> {
        // Whatever it is, part of a frame included, it proves life. But who comes byte by byte and
        // never says what it is gets no more time than who says nothing.
        if self.introduced {
            pulse.received(now, Received::Data)?;
        }
        while let Some(item) = self.inbox.next()? {
            let frame = match item {
                Item::Data(_) => {
                    pulse.wake_other(me, Side::Read);
                    continue;
                }
                Item::Control(frame) => frame,
            };
            pulse.received(now, frame.received())?;
            self.introduced = true;
            match frame {
                Frame::Bye(bye) if bye.reason != Reason::Leaving => {
                    return Err(HeartbeatError::Bye(bye));
                }
                Frame::End | Frame::Bye(_) => pulse.wake_other(me, Side::Read),
                Frame::Hello(_)
                | Frame::Ping(_)
                | Frame::Pong(_)
                | Frame::TooOften
                | Frame::Data(_) => {}
            }
        }
        Ok(())
    }

    /// Writes what waits, and what the pulse wants to say.
    pub(super) fn send(&mut self, pulse: &mut Pulse, now: Duration, me: Side) {
        let waker = pulse.waker();
        let mut context = Context::from_waker(&waker);
        while self.broken.is_none() {
            while self.outbox.has_room() {
                match pulse.poll_transmit(now) {
                    Some(transmit) => self.outbox.push_transmit(transmit),
                    None => break,
                }
            }
            if self.outbox.is_empty() {
                break;
            }
            match Pin::new(&mut self.io).poll_write(&mut context, self.outbox.bytes()) {
                Poll::Pending => return pulse.blocked(now),
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.needs_flush = true;
                    pulse.sent(now, self.outbox.wrote(count));
                    if self.outbox.is_empty() {
                        pulse.wake_other(me, Side::Write);
                    }
                }
                Poll::Ready(Ok(_)) => self.break_off(pulse, io::ErrorKind::WriteZero.into()),
                Poll::Ready(Err(error)) => self.break_off(pulse, error),
            }
        }
        if self.needs_flush && self.broken.is_none() {
            match Pin::new(&mut self.io).poll_flush(&mut context) {
                Poll::Pending => {}
                Poll::Ready(flushed) => {
                    self.needs_flush = false;
                    if let Err(error) = flushed {
                        self.break_off(pulse, error);
                    }
                }
            }
        }
    }

    /// Writing has failed.
    fn break_off(&mut self, pulse: &Pulse, error: io::Error) {
        self.broken = Some(Arc::new(error));
        pulse.wakers().wake_side(Side::Write);
    }

    fn say_goodbye(&mut self, pulse: &mut Pulse, bye: Bye) {
        let now = boottime();
        // A hello comes first, even if there was no time for one.
        self.send(pulse, now, Side::Watch);
        self.outbox.push(&Frame::Bye(bye));
        self.send(pulse, now, Side::Watch);
        if self.outbox.is_empty() && self.broken.is_none() {
            let waker = pulse.waker();
            let mut context = Context::from_waker(&waker);
            // The transport may need longer for it, or be gone.
            let _ = Pin::new(&mut self.io).poll_shutdown(&mut context);
        }
    }
}

/// What one look at the kernel's counters tells about the peer's kernel.
fn ask_kernel(socket: &impl AsFd, deadline: Duration) -> Option<Verdict> {
    let info = deadpeer_sys::tcp_info(socket.as_fd()).ok()?;
    let mut judge = Judge::new(Supervision::within(deadline));
    Some(judge.observe(monotonic(), &info))
}
