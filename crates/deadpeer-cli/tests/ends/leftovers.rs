//! What an end leaves in the kernel's table, which is read by itself.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use deadpeer_lab::Host;
use deadpeer_lab::testing::{inside, power_off};
use deadpeer_sys::sock_diag::{Request, SockDiag, States};

use crate::end::{Connected, End};
use crate::room::lab;

/// After a verdict nothing may be there for longer.
const AT_ONCE: Duration = Duration::from_secs(20);

/// The deadline with room for a slow machine.
const LATEST: Duration = Duration::from_secs(25);

/// How many sockets of this connection the kernel of the host has, closed by their owners or not.
fn count(host: &Host, connection: &Connected) -> usize {
    let ends = [&connection.local, &connection.peer].map(|end| end.parse::<SocketAddr>().unwrap());
    let counted = host.enter(|| {
        let request = Request {
            states: States::ALL,
            tcp_info: false,
        };
        let mut found = 0;
        let mut table = SockDiag::open().unwrap();
        let read = table.dump(request, |socket| {
            let pair = [socket.local, socket.peer]
                .map(|end| SocketAddr::new(end.ip().to_canonical(), end.port()));
            found += usize::from(ends.iter().all(|end| pair.contains(end)));
            ControlFlow::Continue(())
        });
        read.map(|_| found).unwrap()
    });
    counted.unwrap()
}

#[test]
fn a_supervised_connection_that_is_lost_leaves_nothing() {
    inside(|| nothing_stays("--within 8s"));
}

#[test]
fn nor_does_one_whose_heartbeat_is_not_answered() {
    inside(|| nothing_stays("--method heartbeat --within 6s"));
}

/// Both ends notice that the other vanished while something was on its way, and close.
fn nothing_stays(method: &str) {
    let lab = lab(["client"]);
    let [server, client] = lab.hosts() else {
        unreachable!()
    };
    let mut listen = End::listen(server, method);
    let (mut connect, here) = End::connect(client, server, method);
    listen.connected();
    power_off(&lab, client).unwrap();
    listen.say("lost");
    connect.say("lost");
    for host in [server, client] {
        assert_eq!(count(host, &here), 1, "it stands");
    }
    for (host, end) in [(server, &listen), (client, &connect)] {
        let ended = end.ended(LATEST);
        assert!(ended.lost, "{ended:?}");
        let told = Instant::now();
        while count(host, &here) > 0 {
            assert!(told.elapsed() < AT_ONCE, "{} leaves it", host.name());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(connect.code(), 1);
    listen.kill();
}
