//! What a stream tells, and when.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use deadpeer::tokio::{Gone, Guarded, Health};
use deadpeer::{Cause, Errno};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::is_in_the_table;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{DEADLINE, block_on, guard, guarded, soon};

#[test]
fn who_reads_from_a_vanished_peer_is_told() {
    block_on(async {
        let guard = guard();
        let (mut stream, mut vanishing) = guarded(&guard).await;
        let (mut living, mut alive) = guarded(&guard).await;
        vanishing.write_all(b"last words").await.unwrap();
        sockopt::mute(&vanishing).unwrap();
        let start = Instant::now();
        let peer = stream.peer();

        // The soft signal comes first.
        let doubt = soon("doubt", peer.doubtful()).await;
        let Health::Suspect { silent, unanswered } = doubt else {
            panic!("{doubt:?}");
        };
        assert!(silent >= DEADLINE / 2 && unanswered >= 2, "{doubt:?}");

        // What arrived before is read; who waits for more is woken.
        let mut words = Vec::new();
        let read = soon("a failure", stream.read_to_end(&mut words)).await;
        let error = read.unwrap_err();
        assert_eq!(words, b"last words");
        assert_eq!(error.raw_os_error(), Some(Errno::TIMEDOUT.raw_os_error()));
        assert_eq!(Cause::from(&error), Cause::TimedOut);
        assert!(start.elapsed() >= DEADLINE - Duration::from_millis(200));
        assert!(matches!(
            peer.health(),
            Health::Gone(Gone::Unreachable { .. })
        ));

        // Writing fails as well, and stays so even if the peer were to come back.
        sockopt::unmute(&vanishing).unwrap();
        let written = stream.write_all(b"anybody").await.unwrap_err();
        assert_eq!(written.kind(), ErrorKind::TimedOut);

        assert_eq!(living.health(), Health::Fine);
        alive.write_all(b"still here").await.unwrap();
        living.read_exact(&mut [0; 10]).await.unwrap();
    });
}

#[test]
fn who_writes_to_a_vanished_peer_is_woken() {
    block_on(async {
        let guard = guard();
        let (mut stream, vanishing) = guarded(&guard).await;
        sockopt::mute(&vanishing).unwrap();
        let error = soon("a failure", writes_on(&mut stream)).await;
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

/// Until it fails.
async fn writes_on(stream: &mut Guarded<TcpStream>) -> std::io::Error {
    loop {
        if let Err(error) = stream.write_all(&[0; 65_536]).await {
            return error;
        }
    }
}

#[test]
fn doubt_passes() {
    block_on(async {
        let guard = guard();
        let (stream, peer) = guarded(&guard).await;
        sockopt::mute(&peer).unwrap();
        let doubt = soon("doubt", stream.peer().doubtful()).await;
        assert!(matches!(doubt, Health::Suspect { .. }), "{doubt:?}");
        sockopt::unmute(&peer).unwrap();
        let fine = async {
            while stream.health() != Health::Fine {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon("an answer", fine).await;
    });
}

#[test]
fn a_peer_that_closes_is_gone_and_its_stream_ends_as_ever() {
    block_on(async {
        let guard = guard();
        let (mut stream, mut peer) = guarded(&guard).await;
        peer.write_all(b"bye").await.unwrap();
        drop(peer);
        let gone = soon("the FIN", stream.peer().gone()).await;
        let Gone::Died(death) = gone else {
            panic!("{gone:?}");
        };
        assert_eq!(death.cause(), Cause::PeerClosed);
        let mut words = String::new();
        stream.read_to_string(&mut words).await.unwrap();
        assert_eq!(words, "bye");
    });
}

/// As `nc -N` does, or a client that has sent its whole request.
#[test]
fn who_writes_to_a_peer_that_ended_its_half_and_vanished_is_woken() {
    block_on(async {
        let guard = guard();
        let (mut stream, mut peer) = guarded(&guard).await;
        peer.shutdown().await.unwrap();
        let gone = soon("the FIN", stream.peer().gone()).await;
        assert!(matches!(gone, Gone::Died(_)), "{gone:?}");
        stream.write_all(b"an answer").await.unwrap();
        peer.read_exact(&mut [0; 9]).await.unwrap();
        sockopt::mute(&peer).unwrap();
        let error = soon("a failure", writes_on(&mut stream)).await;
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let health = stream.health();
        assert!(
            matches!(health, Health::Gone(Gone::Unreachable { .. })),
            "{health:?}"
        );
    });
}

#[test]
fn a_stream_that_is_dropped_leaves_the_guard() {
    block_on(async {
        let guard = guard();
        let (stream, _peer) = guarded(&guard).await;
        assert_eq!(guard.len(), 1);
        let peer = stream.peer();
        drop(stream);
        assert!(guard.is_empty());
        assert!(guard.watch().lock().is_empty());
        assert_eq!(soon("the drop", peer.gone()).await, Gone::Dropped);

        // The next one takes its place, and hears nothing that was meant for it.
        for _ in 0..100 {
            let (stream, peer) = guarded(&guard).await;
            drop(peer);
            tokio::task::yield_now().await;
            drop(stream);
            let (stream, _peer) = guarded(&guard).await;
            tokio::task::yield_now().await;
            assert_eq!(stream.health(), Health::Fine);
        }
    });
}

#[test]
fn nothing_of_a_lost_connection_stays_in_the_kernel() {
    block_on(async {
        let guard = guard();
        let (mut stream, vanishing) = guarded(&guard).await;
        let cookie = sockopt::cookie(&stream).unwrap();
        sockopt::mute(&vanishing).unwrap();
        stream.write_all(b"never delivered").await.unwrap();
        soon("the verdict", stream.peer().gone()).await;
        assert!(is_in_the_table(cookie).unwrap());
        drop(stream);
        assert!(!is_in_the_table(cookie).unwrap(), "an orphan is left");
    });
}
