//! Sockets in every state: fresh, connecting, listening, accepted, half-closed, closed.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use deadpeer::{Apply, Policy, SlowReaders, TcpState};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;
use socket2::{Domain, Socket, Type};

use crate::{every_option, pair};

fn state(socket: &impl std::os::fd::AsFd) -> Option<TcpState> {
    deadpeer::inspect(socket).unwrap().state
}

#[test]
fn connecting() {
    in_private_netns(|| {
        // A listener that hears nothing keeps its callers in SYN-SENT.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        sockopt::mute(&listener).unwrap();
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        client.connect(&address.into()).unwrap_err();
        assert_eq!(state(&client), Some(TcpState::SynSent));

        let options = every_option();
        let applied = options.apply(&client).unwrap();
        assert_eq!(applied.effective.syncnt, options.syncnt);
        assert_eq!(applied.effective.keepidle_s, 20);
        assert_eq!(state(&client), Some(TcpState::SynSent));
    });
}

#[test]
fn accepted_connections_inherit_and_queued_ones_do_not() {
    in_private_netns(|| {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let address = listener.local_addr().unwrap();
            let untouched = deadpeer::options(&listener).unwrap();
            let _early = TcpStream::connect(address).unwrap();

            let applied = every_option().apply(&listener).unwrap();
            let _late = TcpStream::connect(address).unwrap();
            let (queued, _) = listener.accept().unwrap();
            let (inherits, _) = listener.accept().unwrap();
            assert_eq!(deadpeer::options(&queued), Ok(untouched));
            assert_eq!(deadpeer::options(&inherits), Ok(applied.effective));
        }
    });
}

#[test]
fn half_closed_and_closed() {
    in_private_netns(|| {
        let (client, server) = pair("::1");
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(state(&server), Some(TcpState::CloseWait));
        for end in [&client, &server] {
            assert!(every_option().apply(end).unwrap().is_complete());
        }
        server.shutdown(Shutdown::Write).unwrap();
        let fresh = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        assert_eq!(state(&fresh), Some(TcpState::Close));
        assert!(every_option().apply(&fresh).unwrap().is_complete());
    });
}

#[test]
fn a_plan_is_what_the_socket_then_holds() {
    in_private_netns(|| {
        let kernel = deadpeer::running_kernel().unwrap();
        for slow_readers in [SlowReaders::Keep, SlowReaders::Drop] {
            let policy = Policy::detect_within(Duration::from_secs(120)).slow_readers(slow_readers);
            let Ok(plan) = policy.plan(&kernel) else {
                // Without TCP_RTO_MAX_MS no plan keeps slow readers.
                assert!(!kernel.rto_max_option);
                continue;
            };
            let (client, _server) = pair("127.0.0.1");
            sockopt::set_user_timeout_ms(&client, Some(1)).unwrap();
            let applied = plan.apply(&client).unwrap();
            assert!(applied.is_complete());
            let mut expected = plan.options().resolve(&kernel.sysctls);
            expected.syncnt = applied.effective.syncnt;
            assert_eq!(applied.effective, expected);
        }
    });
}

#[test]
fn options_that_are_not_given_stay() {
    in_private_netns(|| {
        let (client, _server) = pair("127.0.0.1");
        let full = every_option().apply(&client).unwrap().effective;
        let one = deadpeer::SocketOptions::new().user_timeout_ms(0);
        let applied = one.apply(&client).unwrap();
        let mut expected = full;
        expected.user_timeout_ms = None;
        assert_eq!(applied.effective, expected);
    });
}
