//! For axum (feature `axum`): a server whose connections are guarded.
//!
//! ```no_run
//! use axum::Router;
//! use axum::routing::get;
//! use deadpeer::axum::{Client, GuardedListener};
//! use deadpeer::tokio::Guard;
//! use deadpeer::tower::CancelWhenGone;
//! # use std::time::Duration;
//!
//! # async fn example() -> std::io::Result<()> {
//! let guard = Guard::within(Duration::from_secs(30))?;
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
//! let router = Router::new()
//!     .route("/report", get(|| async { "ten minutes later" }))
//!     .layer(CancelWhenGone::new());
//! let service = router.into_make_service_with_connect_info::<Client>();
//! axum::serve(GuardedListener::new(listener, guard), service).await
//! # }
//! ```

use std::io;
use std::net::SocketAddr;

use ::axum::extract::connect_info::Connected;
use ::axum::serve::{IncomingStream, Listener};
use ::tokio::net::{TcpListener, TcpStream};

use crate::tokio::{Guard, Guarded, Peer};

/// Accepts connections as a tokio `TcpListener` does, each guarded.
#[derive(Debug)]
pub struct GuardedListener {
    listener: TcpListener,
    guard: Guard,
}

impl GuardedListener {
    /// Guards what this listener accepts from now on.
    #[must_use]
    pub fn new(listener: TcpListener, guard: Guard) -> Self {
        Self { listener, guard }
    }
}

impl Listener for GuardedListener {
    type Io = Guarded<TcpStream>;
    type Addr = SocketAddr;

    /// A connection that can't be guarded (it is over already, or `fs.epoll.max_user_watches` is
    /// reached) is closed.
    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Ok(stream) = Guarded::new(stream, &self.guard) {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// The client of a request: for `into_make_service_with_connect_info` and the extractor
/// `ConnectInfo<Client>`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Client {
    /// Its address.
    pub address: SocketAddr,
    /// How it is.
    pub peer: Peer,
}

impl Connected<IncomingStream<'_, GuardedListener>> for Client {
    fn connect_info(stream: IncomingStream<'_, GuardedListener>) -> Self {
        Self {
            address: *stream.remote_addr(),
            peer: stream.io().peer(),
        }
    }
}
