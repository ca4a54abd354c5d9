//! Streams that fail when their peer is gone: on loopback, with muted peers.
#![cfg(feature = "tokio")]

#[cfg(all(feature = "axum", feature = "hyper-util", feature = "tower"))]
mod http;
mod streams;

use std::time::Duration;

use deadpeer::tokio::{Guard, Guarded};
use deadpeer::verdict::Preference;
use deadpeer::{HalfClose, Supervision};
use deadpeer_sys::testing::in_private_netns;
use tokio::net::{TcpListener, TcpStream};

/// Soon enough for a test. So few questions prove little, so the deadline has to win.
const DEADLINE: Duration = Duration::from_secs(4);

/// Everything that is waited for comes within this.
const PATIENCE: Duration = Duration::from_secs(20);

fn block_on(task: impl Future<Output = ()> + Send) {
    in_private_netns(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(task);
    });
}

fn guard() -> Guard {
    let supervision = Supervision::within(DEADLINE).prefer(Preference::Deadline);
    Guard::supervised(supervision, HalfClose::Ends).unwrap()
}

/// A guarded stream and its peer.
async fn guarded(guard: &Guard) -> (Guarded<TcpStream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap());
    let (peer, accepted) = tokio::join!(peer, listener.accept());
    let (socket, _) = accepted.unwrap();
    (Guarded::new(socket, guard).unwrap(), peer.unwrap())
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, future).await;
    done.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
