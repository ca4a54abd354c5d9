//! The stream.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::guard::{Guard, Seat};
use super::peer::{Health, Peer, Side};
use crate::AddError;

/// A stream that fails when its peer is unreachable: reading and writing return `ETIMEDOUT`
/// ([`io::ErrorKind::TimedOut`]), and who waits for one of them is woken.
///
/// Whatever stands on it, TLS, hyper, a database's protocol, then does what it does on any other
/// error: it gives up the connection, and drops the work that was done for it. What arrived before
/// is read first. A peer that has ended its half of the connection and reads on is watched as well,
/// for as long as the stream is there.
///
/// A [`Guard`] watches many such streams. `S` is a tokio `TcpStream`, or anything else that has the
/// socket's descriptor.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use deadpeer::tokio::{Guard, Guarded};
/// # use std::time::Duration;
/// # use tokio::io::AsyncReadExt as _;
///
/// let guard = Guard::within(Duration::from_secs(30))?;
/// let stream = tokio::net::TcpStream::connect("localhost:8888").await?;
/// let mut stream = Guarded::new(stream, &guard)?;
/// let mut answer = Vec::new();
/// stream.read_to_end(&mut answer).await?; // ETIMEDOUT, 30 s after the peer vanished
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Guarded<S: AsFd> {
    stream: S,
    seat: Seat,
}

impl<S: AsFd> Guarded<S> {
    /// Watches the peer of this stream from now on. It sets the socket options of the guard's
    /// [`Supervision`](crate::Supervision).
    ///
    /// # Errors
    /// See [`AddError`]. The stream is dropped then.
    pub fn new(stream: S, guard: &Guard) -> Result<Self, AddError> {
        let seat = guard.seat(stream.as_fd())?;
        Ok(Self { stream, seat })
    }

    /// The peer: how it is, and a future that tells when it is gone.
    #[must_use]
    pub fn peer(&self) -> Peer {
        Peer(self.seat.line())
    }

    /// How the peer is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.peer().health()
    }

    /// The stream inside.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream inside. What is read and written there doesn't fail by the guard's word.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }
}

/// The guard forgets the stream while its descriptor is still open.
impl<S: AsFd> Drop for Guarded<S> {
    fn drop(&mut self) {
        self.seat.leave(self.stream.as_fd());
    }
}

impl<S: AsFd> AsFd for Guarded<S> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl<S: AsFd + AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => this.seat.poll_failure(Side::Read, context),
        }
    }
}

impl<S: AsFd + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.seat.check()?;
        match Pin::new(&mut this.stream).poll_write(context, bytes) {
            Poll::Ready(written) => Poll::Ready(written),
            Poll::Pending => this.seat.poll_failure(Side::Write, context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.seat.check()?;
        match Pin::new(&mut this.stream).poll_write_vectored(context, slices) {
            Poll::Ready(written) => Poll::Ready(written),
            Poll::Pending => this.seat.poll_failure(Side::Write, context),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.seat.check()?;
        match Pin::new(&mut this.stream).poll_flush(context) {
            Poll::Ready(flushed) => Poll::Ready(flushed),
            Poll::Pending => this.seat.poll_failure(Side::Write, context),
        }
    }

    /// Goes through to the socket even if the peer is gone: it is what ends a connection.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = ready!(Pin::new(&mut this.stream).poll_shutdown(context));
        this.seat.check()?;
        Poll::Ready(shut)
    }
}
