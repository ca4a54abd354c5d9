//! A heartbeat over any stream of bytes.

mod inbox;
mod outbox;
mod transport;

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use deadpeer_core::heartbeat::frame::Frame;
use deadpeer_core::heartbeat::{Event, Settings, Standing};
use deadpeer_sys::clock::boottime;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use self::transport::ByteTransport;
use super::HeartbeatError;
use super::driver::Driver;
use super::wakers::Side;

/// A stream of bytes with a heartbeat: as long as somebody polls it, the peer's application is
/// asked and answered.
///
/// It reads and writes as the stream within does, and its bytes travel in frames that both ends
/// must speak (`docs/heartbeat.md` specifies them). A peer that is silent for the deadline, breaks
/// the protocol or ends without a goodbye makes reads and writes fail with an error that carries a
/// [`HeartbeatError`].
///
/// # Who does the work
///
/// There is no task in the background: whoever polls the stream, to read, to write or to wait for
/// its end, sends the pings and answers those of the peer. That is the point of it. A program whose
/// tasks hang does not answer, and is found out. A task that works for long without reading or
/// writing waits for [`died`](Self::died) beside its work:
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
/// - A ping waits behind no data but the frame that is on its way (16 KiB at most) and what the
///   transport has taken already.
/// - A peer that does not take what is sent but speaks is a slow reader, and alive;
///   [`standing`](Self::standing) tells.
/// - Every method can be dropped at any await without losing or repeating a byte.
/// - It allocates two buffers of one frame each, and nothing for what arrives. A reader that leaves
///   its data lets the peer's writes wait, as with a bare socket, and the peer's silence is not
///   judged meanwhile.
/// - Data is written when it is handed over, or when the transport takes it. `flush` waits for
///   that; a task that polls nothing afterwards leaves the last frame here.
/// - `shutdown` ends our data and tells the peer so; the heartbeat goes on for what the peer still
///   sends.
/// - Dropping it closes the stream within. The peer takes that for a crash unless we had shut down.
///
/// Times are those of `CLOCK_BOOTTIME`: a suspended machine notices how long it slept and gives the
/// peer time to answer.
#[derive(Debug)]
pub struct HeartbeatStream<S> {
    driver: Driver<ByteTransport<S>>,
    /// We have said that no more data comes.
    ended: bool,
}

impl<S> HeartbeatStream<S> {
    /// A heartbeat over any stream. Nothing is sent before it is polled.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer enabled.
    pub fn new(io: S, settings: Settings) -> Self {
        Self::over(ByteTransport::new(io), settings)
    }

    /// A heartbeat over a TCP socket, whose kernel is asked when the peer is silent: the error then
    /// tells an application that hangs from a host that is gone.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer enabled.
    pub fn over_socket(io: S, settings: Settings) -> Self
    where
        S: AsFd,
    {
        Self::over(ByteTransport::over_socket(io), settings)
    }

    fn over(transport: ByteTransport<S>, settings: Settings) -> Self {
        Self {
            driver: Driver::new(transport, settings),
            ended: false,
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

    /// How often this end asks, as agreed with the peer; `None`: it only answers.
    #[must_use]
    pub fn every(&self) -> Option<Duration> {
        self.driver.pulse.machine().every()
    }

    /// The silence after which the peer is called silent, as agreed; `None`: this end doesn't ask
    /// and the peer promised nothing.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.driver.pulse.machine().deadline()
    }

    /// The stream within.
    pub fn get_ref(&self) -> &S {
        &self.driver.transport.io
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> HeartbeatStream<S> {
    /// Keeps the heartbeat going until the connection is over, and says why. Reads no data.
    ///
    /// Meant for `select!`: dropping the future loses nothing.
    pub async fn died(&mut self) -> HeartbeatError {
        self.driver.died().await
    }

    /// Keeps the heartbeat going until there is news. Reads no data; dropping the future loses no
    /// event. Events of one kind that nobody asks for are kept as the last one.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn event(&mut self) -> Result<Event, HeartbeatError> {
        self.driver.event().await
    }

    /// Asks the peer's application now, and waits for the answer: how long it took. `None`: it did
    /// not come `within` that time, which proves little.
    ///
    /// For a pool before it hands a connection out. The other end tolerates a ping every second or
    /// so; more are counted against us.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn ping(&mut self, within: Duration) -> Result<Option<Duration>, HeartbeatError> {
        let before = self.driver.pulse.pongs();
        self.driver.pulse.ask(boottime());
        let answered = self
            .driver
            .until(|pulse| (pulse.pongs() > before).then_some(()));
        match timeout(within, answered).await {
            Ok(answered) => answered.map(|()| self.round_trip()),
            Err(_) => Ok(None),
        }
    }

    /// Why nothing can be written any more.
    fn refusal(&self) -> Option<io::Error> {
        let over = self.driver.over().cloned();
        let reason = over.or_else(|| self.driver.transport.broken());
        reason.map(io::Error::from)
    }

    /// Writes everything that waits.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.driver.drive(Side::Write, context);
        if let Some(error) = self.refusal() {
            return Poll::Ready(Err(error));
        }
        match self.driver.transport.is_drained() {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    /// Whether the peer has nothing more to say.
    fn is_finished(&self) -> bool {
        self.driver.transport.inbox.is_ended() || self.driver.pulse.is_closed()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for HeartbeatStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let driver = &mut this.driver;
        if driver.transport.inbox.data().is_empty() || driver.pulse.wakers().is_rung() {
            driver.drive(Side::Read, context);
        }
        let inbox = &mut driver.transport.inbox;
        let data = inbox.data();
        if !data.is_empty() {
            let count = data.len().min(buffer.remaining());
            buffer.put_slice(&data[..count]);
            inbox.take(count);
            return Poll::Ready(Ok(()));
        }
        // What arrived before the end has been read.
        if let Some(error) = driver.over() {
            return Poll::Ready(Err(error.clone().into()));
        }
        match this.is_finished() {
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
        if !this.driver.transport.outbox.is_empty() || this.driver.pulse.wakers().is_rung() {
            this.driver.drive(Side::Write, context);
        }
        if let Some(error) = this.refusal() {
            return Poll::Ready(Err(error));
        }
        if this.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let Driver {
            transport, pulse, ..
        } = &mut this.driver;
        if !transport.outbox.is_empty() {
            return Poll::Pending;
        }
        let count = transport.outbox.push_data(data);
        let now = boottime();
        transport.send(pulse, now, Side::Write);
        pulse.arm(now);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_drain(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ended {
            // A hello comes first, even if nothing else was ever said.
            this.driver.drive(Side::Write, context);
            this.ended = true;
            this.driver.transport.outbox.push(&Frame::End);
        }
        ready!(this.poll_drain(context))?;
        // Nobody needs the heartbeat any more.
        match this.is_finished() {
            true => Pin::new(&mut this.driver.transport.io).poll_shutdown(context),
            false => Poll::Ready(Ok(())),
        }
    }
}
