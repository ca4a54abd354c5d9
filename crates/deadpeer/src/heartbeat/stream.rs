//! A heartbeat over any stream of bytes.

use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use deadpeer_core::heartbeat::frame::{Frame, Reason};
use deadpeer_core::heartbeat::{Event, Received, Settings, Standing};
use deadpeer_core::{Judge, Supervision, Verdict};
use deadpeer_sys::clock::{boottime, monotonic};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::HeartbeatError;
use super::inbox::{End, Inbox, Item};
use super::outbox::Outbox;
use super::pulse::Pulse;
use super::wakers::Side;

/// A stream of bytes with a heartbeat: as long as somebody polls it, the peer's application is asked and answered.
///
/// It reads and writes as the stream within does, and its bytes travel in frames that both ends must speak
/// (`docs/heartbeat.md` specifies them). A peer that is silent for the deadline, breaks the protocol or ends without a goodbye makes reads and
/// writes fail with an error that carries a [`HeartbeatError`].
///
/// # Who does the work
///
/// There is no task in the background: whoever polls the stream, to read, to write or to wait for its end, sends the pings and answers
/// those of the peer. That is the point of it. A program whose tasks hang does not answer, and is found out. A task
/// that works for long without reading or writing waits for [`died`](Self::died) beside its work:
///
/// ```
/// # use std::time::Duration;
/// # use deadpeer::heartbeat::{HeartbeatError, HeartbeatStream, Settings};
/// # use tokio::io::AsyncWriteExt as _;
/// # async fn work() -> Vec<u8> { b"done".to_vec() }
/// # async fn serve(socket: tokio::net::TcpStream) -> std::io::Result<()> {
/// let settings = Settings::within(Duration::from_secs(30));
/// let mut stream = HeartbeatStream::over_socket(socket, settings);
/// tokio::select! {
///     answer = work() => stream.write_all(&answer).await?,
///     error = stream.died() => return Err(error.into()),
/// }
/// stream.shutdown().await
/// # }
/// ```
///
/// # What it promises
///
/// - A ping waits behind no data but the frame that is on its way (16 KiB at most) and what the transport has taken already.
/// - A peer that does not take what is sent but speaks is a slow reader, and alive; [`standing`](Self::standing) tells.
/// - Every method can be dropped at any await without losing or repeating a byte.
/// - It allocates two buffers of one frame each, and nothing for what arrives. A reader that leaves its data lets the
///   peer's writes wait, as with a bare socket, and the peer's silence is not judged meanwhile.
/// - Data is written when it is handed over, or when the transport takes it. `flush` waits for that;
///   a task that polls nothing afterwards leaves the last frame here.
/// - `shutdown` ends our data and tells the peer so; the heartbeat goes on for what the peer still sends.
/// - Dropping it closes the stream within. The peer takes that for a crash unless we had shut down.
///
/// Times are those of `CLOCK_BOOTTIME`: a suspended machine notices how long it slept and gives the peer time to answer.
#[derive(Debug)]
pub struct HeartbeatStream<S> {
    io: S,
    inbox: Inbox,
    outbox: Outbox,
    pulse: Pulse,
    /// How to ask the kernel about the peer's.
    witness: Option<fn(&S, Duration) -> Option<Verdict>>,
    needs_flush: bool,
    /// We have said that no more data comes.
    ended: bool,
    /// The transport has ended, in good order.
    closed: bool,
    /// Why writing has failed; what had arrived may still be read.
    broken: Option<Arc<io::Error>>,
    over: Option<HeartbeatError>,
}

impl<S> HeartbeatStream<S> {
    /// A heartbeat over any stream. Nothing is sent before it is polled.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer enabled.
    pub fn new(io: S, settings: Settings) -> Self {
        Self {
            io,
            inbox: Inbox::new(),
            outbox: Outbox::new(),
            pulse: Pulse::new(settings),
            witness: None,
            needs_flush: false,
            ended: false,
            closed: false,
            broken: None,
            over: None,
        }
    }

    /// A heartbeat over a TCP socket, whose kernel is asked when the peer is silent: the error then tells an application that
    /// hangs from a host that is gone.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer enabled.
    pub fn over_socket(io: S, settings: Settings) -> Self
    where
        S: AsFd,
    {
        Self {
            witness: Some(|io, deadline| ask_kernel(io, deadline)),
            ..Self::new(io, settings)
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

    /// How often this end asks, as agreed with the peer; `None`: it only answers.
    #[must_use]
    pub fn every(&self) -> Option<Duration> {
        self.pulse.machine().every()
    }

    /// The silence after which the peer is called silent, as agreed; `None`: this end doesn't ask and the peer promised nothing.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.pulse.machine().deadline()
    }

    /// The stream within.
    pub fn get_ref(&self) -> &S {
        &self.io
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> HeartbeatStream<S> {
    /// Keeps the heartbeat going until the connection is over, and says why. Reads no data.
    ///
    /// Meant for `select!`: dropping the future loses nothing.
    pub async fn died(&mut self) -> HeartbeatError {
        loop {
            if let Err(error) = self.event().await {
                return error;
            }
        }
    }

    /// Keeps the heartbeat going until there is news. Reads no data; dropping the future loses no event. Events of one kind that
    /// nobody asks for are kept as the last one.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn event(&mut self) -> Result<Event, HeartbeatError> {
        poll_fn(|context| {
            self.drive(Side::Watch, context);
            if let Some(event) = self.pulse.next_event() {
                return Poll::Ready(Ok(event));
            }
            match self.end() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Asks the peer's application now, and waits for the answer: how long it took. `None`: it did not come `within` that time, which proves
    /// little.
    ///
    /// For a pool before it hands a connection out. The other end bears one ping in a second or so, more cost it strikes.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn ping(&mut self, within: Duration) -> Result<Option<Duration>, HeartbeatError> {
        let before = self.pulse.pongs();
        self.pulse.ask(boottime());
        let answered = poll_fn(|context| {
            self.drive(Side::Watch, context);
            if self.pulse.pongs() > before {
                return Poll::Ready(Ok(()));
            }
            match self.end() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            }
        });
        match timeout(within, answered).await {
            Ok(answered) => answered.map(|()| self.round_trip()),
            Err(_) => Ok(None),
        }
    }

    /// Why it is over; `None`: it isn't.
    fn end(&self) -> Option<HeartbeatError> {
        let closed = self.closed.then_some(HeartbeatError::Ended);
        self.over.clone().or(closed)
    }

    /// Everything there is to do now, in the order in which it matters: read, judge, write.
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
        self.write(now, me);
        if !self.closed {
            self.pulse.arm(now);
        }
        Ok(())
    }

    /// Reads what has arrived, as long as there is room for it.
    fn read(&mut self, now: Duration, me: Side) -> Result<(), HeartbeatError> {
        let waker = self.pulse.waker();
        let mut context = Context::from_waker(&waker);
        while !self.closed {
            let room = self.inbox.room();
            if room.is_empty() {
                // Bytes of the peer's wait for the application, here and beyond: that is no silence.
                return self.pulse.received(now, Received::Data);
            }
            let mut room = ReadBuf::new(room);
            match Pin::new(&mut self.io).poll_read(&mut context, &mut room) {
                Poll::Pending => return Ok(()),
                Poll::Ready(result) => result?,
            }
            let count = room.filled().len();
            if count == 0 {
                return self.close();
            }
            self.inbox.arrived(count);
            self.understand(now, me)?;
        }
        Ok(())
    }

    /// Nothing more arrives.
    fn close(&mut self) -> Result<(), HeartbeatError> {
        self.closed = true;
        let end = self.inbox.finish();
        if let (Some(error), Err(_) | Ok(End::Abrupt)) = (&self.broken, end) {
            // The kernel tells an error once, and the writer was told.
            return Err(HeartbeatError::Transport(Arc::clone(error)));
        }
        if end? == End::Abrupt {
            return Err(HeartbeatError::NoGoodbye);
        }
        self.pulse.wakers().wake_all();
        Ok(())
    }

    fn understand(&mut self, now: Duration, me: Side) -> Result<(), HeartbeatError> {
        // Whatever it is, part of a frame included, it proves life.
        self.pulse.received(now, Received::Data)?;
        while let Some(item) = self.inbox.next()? {
            let frame = match item {
                Item::Data(_) => {
                    self.wake_other(me, Side::Read);
                    continue;
                }
                Item::Control(frame) => frame,
            };
            self.pulse.received(now, frame.received())?;
            match frame {
                Frame::Bye(bye) if bye.reason != Reason::Leaving => {
                    return Err(HeartbeatError::Bye(bye));
                }
                Frame::End | Frame::Bye(_) => self.wake_other(me, Side::Read),
                Frame::Hello(_)
                | Frame::Ping(_)
                | Frame::Pong(_)
                | Frame::TooOften
                | Frame::Data(_) => {}
            }
        }
        Ok(())
    }

    /// Wakes a task that waits for `side`, if that isn't the one that runs.
    fn wake_other(&self, me: Side, side: Side) {
        if me != side {
            self.pulse.wakers().wake_side(side);
        }
    }

    /// Writes what waits, and what the machine wants to say.
    fn write(&mut self, now: Duration, me: Side) {
        let waker = self.pulse.waker();
        let mut context = Context::from_waker(&waker);
        while self.broken.is_none() {
            while !self.closed && self.outbox.has_room() {
                match self.pulse.poll_transmit(now) {
                    Some(transmit) => self.outbox.push_transmit(transmit),
                    None => break,
                }
            }
            if self.outbox.is_empty() {
                break;
            }
            match Pin::new(&mut self.io).poll_write(&mut context, self.outbox.bytes()) {
                Poll::Pending => return self.pulse.blocked(now),
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.needs_flush = true;
                    let sent = self.outbox.wrote(count);
                    self.pulse.sent(now, sent);
                    if self.outbox.is_empty() {
                        self.wake_other(me, Side::Write);
                    }
                }
                Poll::Ready(Ok(_)) => self.break_off(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Err(error)) => self.break_off(error),
            }
        }
        if self.needs_flush && self.broken.is_none() {
            match Pin::new(&mut self.io).poll_flush(&mut context) {
                Poll::Pending => {}
                Poll::Ready(flushed) => {
                    self.needs_flush = false;
                    if let Err(error) = flushed {
                        self.break_off(error);
                    }
                }
            }
        }
    }

    /// Writing has failed.
    fn break_off(&mut self, error: io::Error) {
        self.broken = Some(Arc::new(error));
        self.pulse.wakers().wake_side(Side::Write);
    }

    /// Says goodbye, as far as that can be done at once, and remembers why.
    fn give_up(&mut self, mut error: HeartbeatError) {
        if let HeartbeatError::Silent { verdict, .. } = &mut error {
            let deadline = self.pulse.deadline();
            let kernel = self.witness.and_then(|ask| ask(&self.io, deadline));
            *verdict = kernel.map(|kernel| kernel.with_heartbeat(self.pulse.standing()));
        }
        if let Some(bye) = error.farewell() {
            let now = boottime();
            // A hello comes first, even if there was no time for one.
            self.write(now, Side::Watch);
            self.outbox.push(&Frame::Bye(bye));
            self.write(now, Side::Watch);
            if self.outbox.is_empty() && self.broken.is_none() {
                let waker = self.pulse.waker();
                let mut context = Context::from_waker(&waker);
                // The transport may need longer for it, or be gone.
                let _ = Pin::new(&mut self.io).poll_shutdown(&mut context);
            }
        }
        self.over = Some(error);
    }

    /// Why nothing can be written any more.
    fn refusal(&self) -> Option<io::Error> {
        let broken = self.broken.clone().map(HeartbeatError::Transport);
        self.over.clone().or(broken).map(io::Error::from)
    }

    /// Writes everything that waits.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.drive(Side::Write, context);
        if let Some(error) = self.refusal() {
            return Poll::Ready(Err(error));
        }
        match self.outbox.is_empty() && !self.needs_flush {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for HeartbeatStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.inbox.data().is_empty() || this.pulse.wakers().is_rung() {
            this.drive(Side::Read, context);
        }
        let data = this.inbox.data();
        if !data.is_empty() {
            let count = data.len().min(buffer.remaining());
            buffer.put_slice(&data[..count]);
            this.inbox.take(count);
            return Poll::Ready(Ok(()));
        }
        // What arrived before the end has been read.
        if let Some(error) = &this.over {
            return Poll::Ready(Err(error.clone().into()));
        }
        match this.inbox.is_ended() || this.closed {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for HeartbeatStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.outbox.is_empty() || this.pulse.wakers().is_rung() {
            this.drive(Side::Write, context);
        }
        if let Some(error) = this.refusal() {
            return Poll::Ready(Err(error));
        }
        if this.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if !this.outbox.is_empty() {
            return Poll::Pending;
        }
        let count = this.outbox.push_data(data);
        let now = boottime();
        this.write(now, Side::Write);
        this.pulse.arm(now);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_drain(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ended {
            // A hello comes first, even if nothing else was ever said.
            this.drive(Side::Write, context);
            this.ended = true;
            this.outbox.push(&Frame::End);
        }
        ready!(this.poll_drain(context))?;
        // The peer has nothing more to say: nobody needs the heartbeat any more.
        match this.inbox.is_ended() || this.closed {
            true => Pin::new(&mut this.io).poll_shutdown(context),
            false => Poll::Ready(Ok(())),
        }
    }
}

/// What one look at the kernel's counters tells about the peer's kernel.
fn ask_kernel(socket: &impl AsFd, deadline: Duration) -> Option<Verdict> {
    let info = deadpeer_sys::tcp_info(socket.as_fd()).ok()?;
    let mut judge = Judge::new(Supervision::within(deadline));
    Some(judge.observe(monotonic(), &info))
}
