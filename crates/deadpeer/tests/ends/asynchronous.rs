//! Waiting and asking in tokio tasks.

use std::time::Duration;

use deadpeer::{Answer, Cause, News, Watch};
use deadpeer_sys::testing::in_private_netns;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

fn block_on(task: impl Future<Output = ()> + Send) {
    in_private_netns(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(task);
    });
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap());
    let (peer, socket) = tokio::join!(peer, listener.accept());
    (socket.unwrap().0, peer.unwrap())
}

#[test]
fn died_beside_a_stream_in_use() {
    block_on(async {
        let (mut socket, mut peer) = pair().await;
        let mut buffer = [0; 4];
        for _ in 0..3 {
            peer.write_all(b"ping").await.unwrap();
            let died = timeout(Duration::from_millis(20), deadpeer::tokio::died(&socket));
            assert!(died.await.is_err(), "data is no death");
            socket.read_exact(&mut buffer).await.unwrap();
        }
        peer.write_all(b"last").await.unwrap();
        drop(peer);
        let died = timeout(Duration::from_secs(5), deadpeer::tokio::died(&socket));
        let death = died.await.unwrap().unwrap();
        assert_eq!(death.cause(), Cause::PeerClosed);
        socket.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"last");
        assert_eq!(socket.read(&mut buffer).await.unwrap(), 0);
    });
}

#[test]
fn ping_waits_without_a_thread() {
    block_on(async {
        let (socket, _peer) = pair().await;
        tokio::time::sleep(Duration::from_millis(1_010)).await;
        let before = deadpeer::options(&socket).unwrap();
        let second = Duration::from_secs(1);
        let answer = deadpeer::tokio::ping(&socket, second).await.unwrap();
        assert!(matches!(answer, Answer::Answered { .. }), "{answer:?}");

        // A ping that is dropped half way leaves the settings as they were.
        deadpeer_sys::sockopt::mute(&_peer).unwrap();
        tokio::time::sleep(Duration::from_millis(1_010)).await;
        let cancelled = timeout(
            Duration::from_millis(1),
            deadpeer::tokio::ping(&socket, second),
        );
        assert!(cancelled.await.is_err());
        assert_eq!(deadpeer::options(&socket).unwrap(), before);
    });
}

#[test]
fn a_watch_in_a_task() {
    block_on(async {
        let mut watch = deadpeer::tokio::AsyncWatch::new(Watch::new().unwrap()).unwrap();
        let mut ends = Vec::new();
        for key in 0..600 {
            let (socket, peer) = pair().await;
            watch.watch().add(&socket, key).unwrap();
            ends.push((socket, peer));
        }
        let silence = timeout(Duration::from_millis(20), watch.next());
        assert!(silence.await.is_err());
        let sockets: Vec<_> = ends.into_iter().map(|(socket, _)| socket).collect();
        let mut told = Vec::new();
        for _ in 0..sockets.len() {
            let event = timeout(Duration::from_secs(5), watch.next()).await;
            let event = event.unwrap().unwrap();
            assert!(matches!(event.news, News::Died(death) if death.cause() == Cause::PeerClosed));
            told.push(event.key);
        }
        told.sort_unstable();
        assert_eq!(told, (0..600).collect::<Vec<_>>());
        assert!(watch.watch().is_empty());
    });
}

#[test]
fn other_tasks_add_through_a_handle() {
    block_on(async {
        let mut watch = deadpeer::tokio::AsyncWatch::new(Watch::new().unwrap()).unwrap();
        let handle = watch.handle();
        let adding = tokio::spawn(async move {
            let (socket, peer) = pair().await;
            handle.add(&socket, 7).unwrap();
            drop(peer);
            socket
        });
        let event = timeout(Duration::from_secs(5), watch.next()).await;
        let event = event.unwrap().unwrap();
        assert_eq!(event.key, 7);
        assert!(event.news.is_gone(), "{event:?}");
        adding.await.unwrap();
    });
}
