//! HTTP over guarded streams: handlers that stop, and a pool that forgets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use deadpeer::axum::{Client as From, GuardedListener};
use deadpeer::hyper_util::{ForgetSuspects, GuardedConnector};
use deadpeer::tokio::{Health, Peer};
use deadpeer::tower::CancelWhenGone;
use deadpeer_sys::sockopt;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tower_layer::Layer as _;
use tower_service::Service;

use crate::{DEADLINE, block_on, guard, guarded, soon};

/// Handlers at work.
#[derive(Clone, Default)]
struct AtWork(Arc<AtomicUsize>);

struct Working(AtWork);

impl AtWork {
    fn begin(&self) -> Working {
        self.0.fetch_add(1, Ordering::SeqCst);
        Working(self.clone())
    }

    async fn are(&self, number: usize) {
        let there = async {
            while self.0.load(Ordering::SeqCst) != number {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon("handlers", there).await;
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn endless(at_work: &AtWork) -> axum::routing::MethodRouter {
    let at_work = at_work.clone();
    get(async move || {
        let _working = at_work.begin();
        std::future::pending::<()>().await;
    })
}

#[test]
fn a_handler_stops_when_its_client_is_gone() {
    block_on(async {
        let (cancelled, left_alone) = (AtWork::default(), AtWork::default());
        let router = Router::new()
            .route("/cancelled", endless(&cancelled))
            .layer(CancelWhenGone::new())
            .route("/left-alone", endless(&left_alone))
            .route(
                "/who",
                get(async |ConnectInfo(client): ConnectInfo<From>| client.address.to_string()),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router.into_make_service_with_connect_info::<From>();
        let serving = axum::serve(GuardedListener::new(listener, guard()), service);
        let server = tokio::spawn(serving.into_future());

        // A second request waits on each connection, so hyper doesn't read while the first is
        // answered.
        let ask = async |path: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: here\r\n\r\n");
            stream
                .write_all(request.repeat(2).as_bytes())
                .await
                .unwrap();
            stream
        };
        let mut who = ask("/who").await;
        let mut answer = [0; 15];
        who.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");

        // hyper doesn't see these ends, so only the layer tells its handler.
        let vanishing = ask("/cancelled").await;
        let closing = [ask("/cancelled").await, ask("/left-alone").await];
        cancelled.are(2).await;
        left_alone.are(1).await;
        drop(closing);
        cancelled.are(1).await;
        sockopt::mute(&vanishing).unwrap();
        let start = Instant::now();
        cancelled.are(0).await;
        assert!(start.elapsed() >= DEADLINE / 2, "{:?}", start.elapsed());
        left_alone.are(1).await;
        server.abort();
    });
}

#[test]
fn a_service_of_one_connection_is_told_its_peer() {
    block_on(async {
        let guard = guard();
        let (stream, peer) = guarded(&guard).await;
        let mut service = CancelWhenGone::of(stream.peer()).layer(Endless);
        let response = service.call(Request::new(()));
        drop(peer);
        let response = soon("the answer that nobody receives", response).await;
        assert_eq!(response.unwrap().status(), 499);
    });
}

struct Endless;

impl Service<Request<()>> for Endless {
    type Response = Response<()>;
    type Error = std::io::Error;
    type Future = std::future::Pending<Result<Response<()>, std::io::Error>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::pending()
    }
}

#[test]
fn a_pool_forgets_a_doubtful_connection_before_it_is_dead() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap());
        let (connections, mut accepted) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let muted = stream.into_std().unwrap();
                connections.send(muted.try_clone().unwrap()).unwrap();
                tokio::spawn(answer(TcpStream::from_std(muted).unwrap()));
            }
        });
        let connector = GuardedConnector::new(HttpConnector::new(), guard());
        let pool =
            Client::builder(TokioExecutor::new()).build::<_, Empty<&'static [u8]>>(connector);
        let mut forgetting = ForgetSuspects.layer(pool.clone());
        let request = || Request::get(&uri).body(Empty::new()).unwrap();

        // One connection serves both.
        for _ in 0..2 {
            let response = forgetting.call(request()).await.unwrap();
            response.into_body().collect().await.unwrap();
        }
        let first = accepted.recv().await.unwrap();
        assert!(accepted.try_recv().is_err());

        // Its server vanishes while it lies idle. What the pool doesn't know yet would wait on it
        // in vain.
        sockopt::mute(&first).unwrap();
        let waiting = tokio::time::timeout(DEADLINE / 8, pool.request(request()));
        assert!(waiting.await.is_err(), "it was answered by the dead");

        // So the pool has thrown that one away, and makes another one. That gets doubtful, too, and
        // nobody waits on it.
        let response = forgetting.call(request()).await.unwrap();
        let peer = response.extensions().get::<Peer>().unwrap().clone();
        response.into_body().collect().await.unwrap();
        let second = accepted.recv().await.unwrap();
        sockopt::mute(&second).unwrap();
        let doubt = soon("doubt", peer.doubtful()).await;
        assert!(matches!(doubt, Health::Suspect { .. }), "{doubt:?}");
        let answered = tokio::time::timeout(DEADLINE / 4, forgetting.call(request()));
        answered.await.expect("a new connection").unwrap();
        accepted.recv().await.unwrap();
    });
}

/// A server of one answer.
async fn answer(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        if line == "\r\n" {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
            stream.write_all(answer).await.unwrap();
        }
        line.clear();
    }
}
