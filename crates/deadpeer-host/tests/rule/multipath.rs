//! Multipath TCP: what is accepted from such a listener, and its own connections, whose options a
//! program sets on all their parts at once.

use std::net::SocketAddr;
use std::ops::ControlFlow;

use deadpeer_bpf::Engine;
use deadpeer_core::SocketOptions;
use deadpeer_sys::testing::skip;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};

use crate::program::{self, Call};
use crate::{Asked, under_the_rule};

#[test]
fn its_parts_keep_the_deadline_whatever_the_program_sets() {
    under_the_rule("multipath::program", Asked::within_s(30).on_this_kernel());
    under_the_rule("multipath::program", Asked::within_s(30).drop());
}

/// What Go sets, and then nonsense.
const CALLS: [Call; 9] = [
    Call::Keepalive(true),
    Call::Idle(15),
    Call::Interval(15),
    Call::Count(9),
    Call::Count(1),
    Call::Idle(2),
    Call::UserTimeout(20_000),
    Call::UserTimeout(0),
    Call::Keepalive(false),
];

#[test]
fn program() {
    let Some(asked) = program::asked() else {
        return;
    };
    let hz = deadpeer_sys::clock::hz().unwrap();
    let sockets = Engine::open(hz).unwrap().sockets().unwrap();
    let options_of = |local: SocketAddr, peer: SocketAddr| -> SocketOptions {
        let mut found = None;
        let seen = sockets.each(|socket| {
            if (socket.local, socket.peer) == (local, peer) {
                found = socket.options;
            }
            ControlFlow::Continue(())
        });
        seen.unwrap();
        found.expect("the kernel has it")
    };
    for protocols in [
        [ipproto::MPTCP, ipproto::TCP],
        [ipproto::TCP, ipproto::MPTCP],
        [ipproto::MPTCP, ipproto::MPTCP],
    ] {
        let [listener, caller] = protocols.map(|protocol| {
            let flags = SocketFlags::CLOEXEC;
            let kind = SocketType::STREAM;
            rustix::net::socket_with(AddressFamily::INET, kind, flags, Some(protocol))
        });
        let (Ok(listener), Ok(caller)) = (listener, caller) else {
            return skip("no Multipath TCP");
        };
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        rustix::net::bind(&listener, &any).unwrap();
        rustix::net::listen(&listener, 1).unwrap();
        let address = |name: rustix::net::SocketAddrAny| SocketAddr::try_from(name).unwrap();
        let to = address(rustix::net::getsockname(&listener).unwrap());
        rustix::net::connect(&caller, &to).unwrap();
        let from = address(rustix::net::getsockname(&caller).unwrap());
        let called = rustix::net::accept(&listener).unwrap();
        for (end, local, peer) in [(caller, from, to), (called, to, from)] {
            for call in CALLS {
                // It has no user timeout of its own.
                let done = call.make(&end);
                let refused = done.is_err() && matches!(call, Call::UserTimeout(_));
                assert!(done.is_ok() || refused, "{call:?}: {done:?}");
                let settings = options_of(local, peer).resolve(&crate::kernel().sysctls);
                let promised = program::promised(&settings);
                let context = format!("{protocols:?} after {call:?}: {settings:?}");
                assert!(promised.late_write.worst.meets(asked.within), "{context}");
                assert!(
                    promised.lost_probes_survived >= Some(asked.survives),
                    "{context}"
                );
            }
        }
    }
}
