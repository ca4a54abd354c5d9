//! Over TCP: the kernel is the second witness.

use deadpeer::Verdict;
use deadpeer::heartbeat::{HeartbeatError, HeartbeatStream, Settings};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::{LONG, SHORT, reason, run};

async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap());
    let (ours, accepted) = tokio::join!(ours, listener.accept());
    (ours.unwrap(), accepted.unwrap().0)
}

/// Its kernel takes every ping, and nobody reads them.
#[test]
fn an_application_that_hangs_is_told_from_a_host_that_is_gone() {
    in_private_netns(|| {
        run(async {
            let (ours, _theirs) = connection().await;
            let mut stream = HeartbeatStream::over_socket(ours, Settings::within(SHORT));
            let error = stream.died().await;
            let HeartbeatError::Silent { verdict, .. } = &error else {
                panic!("{error}");
            };
            assert!(
                matches!(verdict, Some(Verdict::ApplicationSilent { .. })),
                "{verdict:?}"
            );
            assert!(error.to_string().contains("though its kernel answers"));
        });
    });
}

#[test]
fn a_host_that_is_gone() {
    in_private_netns(|| {
        run(async {
            let (ours, theirs) = connection().await;
            sockopt::mute(&theirs).unwrap();
            let mut stream = HeartbeatStream::over_socket(ours, Settings::within(SHORT));
            let error = stream.died().await;
            let HeartbeatError::Silent { verdict, .. } = &error else {
                panic!("{error}");
            };
            assert!(
                matches!(
                    verdict,
                    Some(Verdict::Unknown { .. } | Verdict::Unreachable { .. })
                ),
                "{verdict:?}"
            );
            assert!(
                error
                    .to_string()
                    .contains("its kernel does not answer either")
            );
        });
    });
}

#[test]
fn an_errno_stays_an_errno() {
    in_private_netns(|| {
        run(async {
            let (ours, theirs) = connection().await;
            let mut stream = HeartbeatStream::over_socket(ours, Settings::within(LONG));
            stream.write_all(b"never read").await.unwrap();
            socket2::SockRef::from(&theirs)
                .set_linger(Some(std::time::Duration::ZERO))
                .unwrap();
            drop(theirs);
            let error = stream.read_u8().await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
            assert!(error.raw_os_error().is_some());
            assert!(HeartbeatError::of(&error).is_none());
        });
    });
}

#[test]
fn a_killed_program_says_no_goodbye() {
    in_private_netns(|| {
        run(async {
            let (ours, theirs) = connection().await;
            let mut stream = HeartbeatStream::over_socket(ours, Settings::within(LONG));
            let mut server = HeartbeatStream::over_socket(theirs, Settings::within(LONG));
            // Everything is read on both sides; a kernel with unread bytes would send RST.
            tokio::select! {
                answer = server.ping(LONG) => assert!(answer.unwrap().is_some()),
                error = stream.died() => panic!("{error}"),
            }
            drop(server);
            let error = stream.read_u8().await.unwrap_err();
            assert!(
                matches!(reason(&error), HeartbeatError::NoGoodbye),
                "{error}"
            );
        });
    });
}
