//! For hyper-util's client (feature `hyper-util`): connections that fail when their server is gone,
//! and a pool that hands out no doubtful one.
//!
//! ```no_run
//! use deadpeer::hyper_util::{ForgetSuspects, GuardedConnector};
//! use deadpeer::tokio::Guard;
//! use hyper_util::client::legacy::{Client, connect::HttpConnector};
//! use hyper_util::rt::TokioExecutor;
//! use tower_layer::Layer as _;
//! # use std::time::Duration;
//!
//! # async fn example() -> std::io::Result<()> {
//! # type Body = http_body_util::Empty<&'static [u8]>;
//! let deadline = Duration::from_secs(30);
//! let mut http = HttpConnector::new();
//! http.set_connect_timeout(Some(deadline)); // A guard begins with the connection.
//! let connector = GuardedConnector::new(http, Guard::within(deadline)?);
//! let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector);
//! let client = ForgetSuspects.layer(client); // A tower service of requests.
//! # Ok(())
//! # }
//! ```
//!
//! With TLS, wrap the connector as any other.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::hyper_util::client::legacy::connect::{Connected, Connection, capture_connection};
use ::hyper_util::rt::TokioIo;
use ::tokio::net::TcpStream;
use http::{Request, Response, Uri};
use tower_layer::Layer;
use tower_service::Service;

use crate::tokio::{Guard, Guarded, Peer};

/// Makes connections as the connector inside does, an `HttpConnector` for example, each guarded.
#[derive(Debug, Clone)]
pub struct GuardedConnector<C> {
    connector: C,
    guard: Guard,
}

impl<C> GuardedConnector<C> {
    /// Guards what this connector makes.
    #[must_use]
    pub fn new(connector: C, guard: Guard) -> Self {
        Self { connector, guard }
    }
}

type BoxError = Box<dyn Error + Send + Sync>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<C> Service<Uri> for GuardedConnector<C>
where
    C: Service<Uri, Response = TokioIo<TcpStream>>,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
{
    type Response = TokioIo<Guarded<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.connector.call(uri);
        let guard = self.guard.clone();
        Box::pin(async move {
            let stream = connecting.await.map_err(Into::into)?.into_inner();
            Ok(TokioIo::new(Guarded::new(stream, &guard)?))
        })
    }
}

/// Each response carries the [`Peer`] among its extensions.
impl Connection for Guarded<TcpStream> {
    fn connected(&self) -> Connected {
        self.get_ref().connected().extra(self.peer())
    }
}

/// Takes a connection out of the client's pool as soon as its server is suspect
/// ([`Health::Suspect`](crate::tokio::Health::Suspect)): the next request goes over another one.
/// What is under way on it goes on, and fails only if the server turns out to be gone.
///
/// A layer around `hyper_util::client::legacy::Client` with a [`GuardedConnector`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ForgetSuspects;

impl<S> Layer<S> for ForgetSuspects {
    type Service = Forgetting<S>;

    fn layer(&self, service: S) -> Forgetting<S> {
        Forgetting(service)
    }
}

/// The service of [`ForgetSuspects`].
#[derive(Debug, Clone)]
pub struct Forgetting<S>(S);

impl<S, B, R> Service<Request<B>> for Forgetting<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let connection = capture_connection(&mut request);
        let response = self.0.call(request);
        Box::pin(async move {
            let response = response.await?;
            if let Some(peer) = response.extensions().get::<Peer>() {
                peer.when_doubtful(move || {
                    if let Some(connected) = &*connection.connection_metadata() {
                        connected.poison();
                    }
                });
            }
            Ok(response)
        })
    }
}
