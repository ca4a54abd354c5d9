//! What a pool is told of a connection that it wants to hand out.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

use deadpeer::{Cause, Reuse, TcpState};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

use crate::{pair, silent_pair, until};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn who_was_heard_is_not_asked_and_who_was_silent_is() {
    in_private_netns(|| {
        let (client, mut server) = pair("127.0.0.1");
        server.write_all(b"just now").unwrap();
        (&client).read_exact(&mut [0; 8]).unwrap();
        let reuse = deadpeer::reusable(&client, SECOND).unwrap();
        assert!(matches!(reuse, Reuse::Heard { .. }), "{reuse:?}");
        let segments = deadpeer::inspect(&client).unwrap().segs_out;

        until("a second of silence", || crate::silence_ms(&client) > 1_005);
        assert_eq!(deadpeer::inspect(&client).unwrap().segs_out, segments);
        let reuse = deadpeer::reusable(&client, SECOND).unwrap();
        assert!(matches!(reuse, Reuse::Answered { .. }), "{reuse:?}");
        assert_eq!(reuse.check(), Ok(()));
    });
}

#[test]
fn an_end_that_nobody_has_read_is_seen() {
    in_private_netns(|| {
        // Its kernel would still answer, and it was heard just now.
        let (client, server) = pair("127.0.0.1");
        server.shutdown(Shutdown::Write).unwrap();
        until("the FIN", || {
            deadpeer::inspect(&client).unwrap().state == Some(TcpState::CloseWait)
        });
        let reuse = deadpeer::reusable(&client, SECOND).unwrap();
        let Reuse::Dead(death) = reuse else {
            panic!("{reuse:?}");
        };
        assert_eq!(death.cause(), Cause::PeerClosed);
        let error = std::io::Error::from(reuse.check().unwrap_err());
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    });
}

#[test]
fn an_end_that_comes_while_it_is_asked_is_seen() {
    in_private_netns(|| {
        let (client, server) = silent_pair("127.0.0.1");
        sockopt::mute(&server).unwrap();
        let asked = std::thread::scope(|scope| {
            let asked = scope.spawn(|| deadpeer::reusable(&client, 5 * SECOND));
            until("a probe", || {
                deadpeer::inspect(&client).unwrap().probes > Some(0)
            });
            server.shutdown(Shutdown::Write).unwrap();
            asked.join().unwrap()
        });
        let reuse = asked.unwrap();
        assert!(matches!(reuse, Reuse::Dead(_)), "{reuse:?}");
    });
}

#[test]
fn silence_is_no_answer() {
    in_private_netns(|| {
        let (client, server) = silent_pair("127.0.0.1");
        sockopt::mute(&server).unwrap();
        let reuse = deadpeer::reusable(&client, Duration::from_millis(300)).unwrap();
        let Reuse::Silent { waited, unanswered } = reuse else {
            panic!("{reuse:?}");
        };
        assert!(waited >= Duration::from_millis(300), "{waited:?}");
        assert_eq!(unanswered, 1);
        let error = std::io::Error::from(reuse.check().unwrap_err());
        assert_eq!(error.kind(), ErrorKind::TimedOut);

        // The data of a dead peer's user waits in vain.
        (&client).write_all(b"anybody").unwrap();
        until("a retransmission", || {
            deadpeer::inspect(&client).unwrap().retransmits > Some(0)
        });
        let reuse = deadpeer::reusable(&client, SECOND).unwrap();
        assert!(matches!(reuse, Reuse::Silent { .. }), "{reuse:?}");
    });
}

#[test]
fn an_acknowledgement_on_its_way_is_waited_for() {
    in_private_netns(|| {
        let (client, server) = pair("127.0.0.1");
        // The peer's kernel may delay it by 40 ms.
        sockopt::mute(&server).unwrap();
        (&client).write_all(b"last words").unwrap();
        let reuse = std::thread::scope(|scope| {
            let asked = scope.spawn(|| deadpeer::reusable(&client, 5 * SECOND));
            std::thread::sleep(Duration::from_millis(20));
            sockopt::unmute(&server).unwrap();
            asked.join().unwrap()
        });
        let reuse = reuse.unwrap();
        assert!(reuse.is_reusable(), "{reuse:?}");
    });
}

#[test]
fn what_is_no_connection_is_none() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let reuse = deadpeer::reusable(&listener, SECOND).unwrap();
        assert_eq!(reuse, Reuse::NotConnected);
    });
}
