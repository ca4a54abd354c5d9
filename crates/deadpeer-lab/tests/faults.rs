//! Faults as programs in the hosts see them, each with the wire's own count of what it did.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use deadpeer_lab::router::{Action, Condition, Lost, Protocol, Reject, Rule, RuleCount, RuleId};
use deadpeer_lab::{Host, Lab};
use rustix::io::Errno;

use common::{SOON, addresses, connect, connected, eventually, inside, inside_as_anybody, listen};

fn lab() -> Lab {
    Lab::with_hosts(["left", "right"]).seed(7).start().unwrap()
}

fn pair(lab: &Lab) -> (&Host, &Host) {
    (&lab.hosts()[0], &lab.hosts()[1])
}

fn count(lab: &Lab, rule: RuleId) -> RuleCount {
    lab.wire().count(rule).unwrap().unwrap()
}

fn add(lab: &Lab, name: &str, when: Condition, action: Action) -> RuleId {
    lab.wire().add(Rule::new(name, when, action)).unwrap()
}

/// The connection carries bytes both ways.
fn assert_alive(here: &TcpStream, there: &TcpStream) {
    for (mut from, to) in [(here, there), (there, here)] {
        from.write_all(b"alive").unwrap();
        assert_hears(to, b"alive");
    }
}

fn assert_hears(mut end: &TcpStream, words: &[u8; 5]) {
    let mut heard = [0; 5];
    end.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, words);
}

/// Nothing comes for so long.
fn assert_silent(mut end: &TcpStream, time: Duration) {
    end.set_read_timeout(Some(time)).unwrap();
    let silence = end.read(&mut [0; 1]).unwrap_err();
    assert_eq!(silence.kind(), ErrorKind::WouldBlock);
    end.set_read_timeout(Some(SOON)).unwrap();
}

fn assert_reset(mut end: &TcpStream) {
    let error = end.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

fn errno(error: &std::io::Error) -> Option<Errno> {
    Errno::from_io_error(error)
}

#[test]
fn a_silent_drop_hangs_the_connection_and_time_heals_it() {
    inside_as_anybody(|| {
        let lab = lab();
        let (left, right) = pair(&lab);
        for address in addresses(right) {
            let (mut here, there) = connected(left, right, address);
            assert_alive(&here, &there);
            let ours = Condition::any().from(left.end());
            let cut = add(&lab, "cut", ours, Action::Drop);
            here.write_all(b"later").unwrap();
            assert_silent(&there, Duration::from_millis(500));
            // The segment, its tail-loss probe or its retransmission.
            eventually("a retransmission is dropped", || {
                count(&lab, cut).acted >= 2
            });
            lab.wire().remove(cut).unwrap();
            assert_hears(&there, b"later");
            assert_alive(&here, &there);
        }
    });
}

#[test]
fn unreachables_arrive_as_their_errno() {
    inside_as_anybody(|| {
        let lab = lab();
        let (left, right) = pair(&lab);
        for (reject, v4, v6) in [
            (Reject::Host, Errno::HOSTUNREACH, Errno::HOSTUNREACH),
            (Reject::Network, Errno::NETUNREACH, Errno::NETUNREACH),
            (Reject::Prohibited, Errno::HOSTUNREACH, Errno::ACCESS),
            (Reject::Port, Errno::CONNREFUSED, Errno::CONNREFUSED),
            (Reject::Reset, Errno::CONNREFUSED, Errno::CONNREFUSED),
        ] {
            let syns = Condition::tcp().syn(true).from(left.end());
            let rule = add(&lab, "turned away", syns, Action::Reject(reject));
            for (address, expected) in [(right.v4().into(), v4), (right.v6().into(), v6)] {
                let before = count(&lab, rule).acted;
                let error = connect(left, SocketAddr::new(address, 80)).unwrap_err();
                assert_eq!(errno(&error), Some(expected), "{reject:?} {address}");
                assert!(count(&lab, rule).acted > before);
            }
            lab.wire().remove(rule).unwrap();
        }
    });
}

#[test]
fn a_reset_ends_an_established_connection() {
    inside(|| {
        let lab = lab();
        let (left, right) = pair(&lab);
        for address in addresses(right) {
            let (mut here, there) = connected(left, right, address);
            assert_alive(&here, &there);
            let data = Condition::tcp().payload(true).from(left.end());
            let reject = add(&lab, "reject", data, Action::Reject(Reject::Reset));
            here.write_all(b"anybody?").unwrap();
            assert_reset(&here);
            assert_eq!(count(&lab, reject).ended, 1);
            lab.wire().remove(reject).unwrap();
        }
    });
}

#[test]
fn a_nat_that_forgot_is_silent_or_resets() {
    inside(|| {
        for lost in [Lost::Silent, Lost::Reset] {
            let lab = lab();
            let (left, right) = pair(&lab);
            let track = Action::Track { idle: None, lost };
            let nat = add(&lab, "nat", Condition::any(), track);
            for address in addresses(right) {
                let (here, mut there) = connected(left, right, address);
                assert_alive(&here, &there);
                let before = count(&lab, nat).ended;
                assert!(lab.wire().forget(nat).unwrap());
                there.write_all(b"news").unwrap();
                match lost {
                    Lost::Reset => assert_reset(&there),
                    Lost::Silent | _ => assert_silent(&here, Duration::from_millis(500)),
                }
                assert!(count(&lab, nat).ended > before);
                // New connections are not concerned.
                let (here, there) = connected(left, right, address);
                assert_alive(&here, &there);
            }
        }
    });
}

/// A socket in each host, the first connected to the second.
fn datagrams(from: &Host, to: &Host, address: IpAddr) -> (UdpSocket, UdpSocket) {
    let there = to.enter(|| UdpSocket::bind((address, 0)).unwrap()).unwrap();
    let here = from
        .enter(|| {
            let any = match address {
                IpAddr::V4(_) => "0.0.0.0:0",
                IpAddr::V6(_) => "[::]:0",
            };
            let socket = UdpSocket::bind(any).unwrap();
            socket.connect(there.local_addr().unwrap()).unwrap();
            socket
        })
        .unwrap();
    there.set_read_timeout(Some(SOON)).unwrap();
    (here, there)
}

/// Everything that comes until a datagram that says so.
fn until_the_end(there: &UdpSocket) -> Vec<Vec<u8>> {
    let next = || {
        let mut bytes = [0; 64];
        let length = there.recv(&mut bytes).unwrap();
        bytes[..length].to_vec()
    };
    std::iter::from_fn(|| Some(next()).filter(|bytes| bytes != b"end")).collect()
}

/// How many datagrams come until none has for so long.
fn all_that_came(there: &UdpSocket, patience: Duration) -> u64 {
    there.set_read_timeout(Some(patience)).unwrap();
    std::iter::from_fn(|| there.recv(&mut [0; 8]).ok())
        .map(|_| 1)
        .sum()
}

#[test]
fn loss_is_what_was_asked_for_and_what_the_wire_says() {
    inside(|| {
        let lab = lab();
        let (left, right) = pair(&lab);
        for address in addresses(right) {
            let (here, there) = datagrams(left, right, address);
            let some = Condition::any().protocol(Protocol::Udp).chance(0.4);
            let loss = add(&lab, "loss", some, Action::Drop);
            const SENT: u64 = 2000;
            let mut received = 0;
            // Few enough at once for any receive buffer.
            for _ in 0..SENT / 100 {
                for _ in 0..100 {
                    here.send(b"x").unwrap();
                }
                received += all_that_came(&there, Duration::from_millis(20));
            }
            received += all_that_came(&there, Duration::from_secs(1));
            let count = lab.wire().remove(loss).unwrap().unwrap();
            assert_eq!(count.seen, SENT);
            assert_eq!(received, SENT - count.ended);
            // Five standard deviations of 22.
            assert!((690..=910).contains(&count.ended), "{count:?}");
        }
        assert_eq!(lab.wire().mishaps().unwrap(), Default::default());
    });
}

#[test]
fn copies_overtaking_and_broken_bits_reach_the_receiver_as_such() {
    inside(|| {
        let lab = lab();
        let (left, right) = pair(&lab);
        let udp = || Condition::any().protocol(Protocol::Udp).payload(true);
        for address in addresses(right) {
            let (here, there) = datagrams(left, right, address);
            let twice = Action::Duplicate {
                copies: 1,
                apart: Duration::ZERO,
            };
            let copies = add(&lab, "copies", udp().at_most(1), twice);
            here.send(b"twice").unwrap();
            // Read together, what follows would be passed on before the copies are.
            eventually("it is copied", || count(&lab, copies).acted == 1);
            here.send(b"end").unwrap();
            assert_eq!(until_the_end(&there), [b"twice", b"twice"]);
            assert_eq!(lab.wire().remove(copies).unwrap().unwrap().acted, 1);

            let by = Duration::from_millis(50);
            let late = add(&lab, "late", udp().at_most(1), Action::Reorder { by });
            here.send(b"first").unwrap();
            here.send(b"second").unwrap();
            eventually("the first is held back", || count(&lab, late).acted == 1);
            let mut bytes = [0; 8];
            assert_eq!(there.recv(&mut bytes).unwrap(), b"second".len());
            assert_eq!(there.recv(&mut bytes).unwrap(), b"first".len());
            lab.wire().remove(late).unwrap();

            let broken = add(&lab, "broken", udp().at_most(20), Action::Corrupt);
            for _ in 0..20 {
                here.send(b"broken").unwrap();
            }
            here.send(b"end").unwrap();
            assert_eq!(until_the_end(&there), Vec::<Vec<u8>>::new());
            assert_eq!(lab.wire().remove(broken).unwrap().unwrap().acted, 20);
        }
    });
}

#[test]
fn a_pulled_cable_carries_nothing_until_it_is_plugged_in() {
    inside_as_anybody(|| {
        let lab = lab();
        let (left, right) = pair(&lab);
        for address in addresses(right) {
            let (mut here, there) = connected(left, right, address);
            assert_alive(&here, &there);
            lab.wire().unplug(right.end()).unwrap();
            here.write_all(b"later").unwrap();
            assert_silent(&there, Duration::from_millis(300));
            lab.wire().plug(right.end()).unwrap();
            assert_hears(&there, b"later");
            assert_alive(&here, &there);
        }
        assert_eq!(lab.wire().mishaps().unwrap(), Default::default());
    });
}

#[test]
fn own_interface_address_and_routes_come_and_go() {
    inside_as_anybody(|| {
        let lab = lab();
        let (left, right) = pair(&lab);
        for address in addresses(right) {
            let listener = listen(right, address);
            let there = listener.local_addr().unwrap();
            let reaches = || {
                connect(left, there)
                    .map(drop)
                    .map_err(|error| errno(&error))
            };
            let unreachable = Err(Some(Errno::NETUNREACH));
            assert_eq!(reaches(), Ok(()));

            left.remove_routes().unwrap();
            assert_eq!(reaches(), unreachable);
            assert!(left.remove_routes().is_err());
            left.add_routes().unwrap();
            assert_eq!(reaches(), Ok(()));

            left.set_interface(false).unwrap();
            assert_eq!(reaches(), unreachable);
            left.set_interface(true).unwrap();
            assert_eq!(reaches(), Ok(()));

            let own = match address {
                IpAddr::V4(_) => left.v4().into(),
                IpAddr::V6(_) => left.v6().into(),
            };
            left.remove_address(own).unwrap();
            // IPv6 keeps the default route, finds no source address that anybody could answer, and
            // waits.
            let short = Duration::from_millis(500);
            let reached = left.enter(|| TcpStream::connect_timeout(&there, short));
            assert!(reached.unwrap().is_err());
            left.add_address(own).unwrap();
            left.add_routes().unwrap();
            assert_eq!(reaches(), Ok(()));
        }
    });
}

#[test]
fn a_router_that_does_not_answer_arp_is_a_host_unreachable() {
    inside(|| {
        let lab = lab();
        let (left, right) = pair(&lab);
        let neighbours = Condition::any().protocol(Protocol::Neighbour);
        let deaf = add(&lab, "deaf", neighbours, Action::Drop);
        for address in addresses(right) {
            let error = connect(left, SocketAddr::new(address, 80)).unwrap_err();
            assert_eq!(errno(&error), Some(Errno::HOSTUNREACH), "{address}");
        }
        // Three requests of each family.
        assert_eq!(count(&lab, deaf).ended, 6);
    });
}

#[test]
fn a_rebooted_host_answers_with_resets() {
    inside_as_anybody(|| {
        let mut lab = lab();
        for v6 in [false, true] {
            let (left, right) = pair(&lab);
            let address = addresses(right)[usize::from(v6)];
            let (here, there) = connected(left, right, address);
            assert_alive(&here, &there);
            lab.host_mut("right").unwrap().reboot().unwrap();
            (&here).write_all(b"still there?").unwrap();
            assert_reset(&here);
            // The old end has not heard of it.
            assert_silent(&there, Duration::from_millis(100));
            // The new one is a host like any other.
            let (left, right) = pair(&lab);
            let (here, there) = connected(left, right, address);
            assert_alive(&here, &there);
        }
        assert_eq!(lab.wire().mishaps().unwrap(), Default::default());
    });
}
