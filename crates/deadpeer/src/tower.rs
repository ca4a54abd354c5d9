//! For tower (feature `tower`): HTTP handlers that stop when nobody waits for them any more.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::tokio::{Gone, Peer};

/// Drops the future of a handler when its client is gone, and everything in it: queries, locks,
/// requests to others.
///
/// hyper drops a connection with its handler when it reads an end. It doesn't read while another
/// request waits on the connection already, and what stands in between may keep the handler: a
/// layer that spawns it, a queue, a retry. This layer stands next to the handler.
///
/// Who the client is comes from [`of`](Self::of), or from the request's extensions: a [`Peer`], or
/// axum's `ConnectInfo` of [`deadpeer::axum::Client`](crate::axum::Client). A request without
/// either, such as a test's, is served to its end.
///
/// The answer that nobody receives has the status 499, which nginx writes into its log for this.
#[derive(Debug, Clone, Default)]
pub struct CancelWhenGone {
    peer: Option<Peer>,
}

impl CancelWhenGone {
    /// For the service of all clients.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For the service of one connection.
    #[must_use]
    pub fn of(peer: Peer) -> Self {
        Self { peer: Some(peer) }
    }
}

impl<S> Layer<S> for CancelWhenGone {
    type Service = Cancelling<S>;

    fn layer(&self, service: S) -> Cancelling<S> {
        Cancelling {
            service,
            peer: self.peer.clone(),
        }
    }
}

/// The service of [`CancelWhenGone`].
#[derive(Debug, Clone)]
pub struct Cancelling<S> {
    service: S,
    peer: Option<Peer>,
}

impl<S, B, R> Service<Request<B>> for Cancelling<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Work<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let peer = self.peer.clone().or_else(|| peer_of(&request));
        let gone = peer.map(|peer| -> GoneFuture { Box::pin(async move { peer.gone().await }) });
        Work {
            work: Some(Box::pin(self.service.call(request))),
            gone,
        }
    }
}

fn peer_of<B>(request: &Request<B>) -> Option<Peer> {
    let extensions = request.extensions();
    #[cfg(feature = "axum")]
    if let Some(info) = extensions.get::<::axum::extract::ConnectInfo<crate::axum::Client>>() {
        return Some(info.0.peer.clone());
    }
    extensions.get::<Peer>().cloned()
}

type GoneFuture = Pin<Box<dyn Future<Output = Gone> + Send>>;

/// The future of [`Cancelling`].
pub struct Work<F> {
    work: Option<Pin<Box<F>>>,
    gone: Option<GoneFuture>,
}

impl<F, R, E> Future for Work<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if let Some(work) = &mut self.work
            && let Poll::Ready(done) = work.as_mut().poll(context)
        {
            return Poll::Ready(done);
        }
        let gone = self.gone.as_mut().map(|gone| gone.as_mut().poll(context));
        if gone.is_some_and(|gone| gone.is_ready()) {
            self.work = None;
            self.gone = None;
            return Poll::Ready(Ok(client_closed_request()));
        }
        Poll::Pending
    }
}

impl<F> std::fmt::Debug for Work<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

fn client_closed_request<R: Default>() -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::from_u16(499).unwrap_or(StatusCode::REQUEST_TIMEOUT);
    response
}
