//! Which service a connection is put to.

use std::num::NonZeroU32;

use deadpeer_core::{SocketOptions, Sysctls};

use super::*;
use crate::process::Process;
use crate::table::{Owners, Settings};

/// A row: state, both ends, the inode that leads to its owner (0: none).
type Row<'a> = (TcpState, &'a str, &'a str, u32);

fn owners() -> Owners {
    let held = |inode, pid, name: &[u8]| {
        (
            NonZeroU32::new(inode).unwrap(),
            Process::named(pid, name),
            3,
        )
    };
    [
        held(10, 1, b"nginx"),
        held(11, 2, b"nginx"),
        held(20, 3, b"systemd"),
        held(21, 4, b"sshd"),
        held(30, 5, b"curl"),
    ]
    .into_iter()
    .collect()
}

fn services(rows: &[Row<'_>]) -> Vec<Service<u32>> {
    let owners = owners();
    let mut services = Services::new(32_768..=60_999);
    for (state, local, peer, inode) in rows {
        let mut socket = Socket::new(*state, local.parse().unwrap(), peer.parse().unwrap());
        socket.inode = NonZeroU32::new(*inode);
        let of = socket
            .inode
            .map(|inode| owners.of(inode))
            .unwrap_or_default();
        let options = SocketOptions {
            keepalive: Some(*state == TcpState::Listen),
            ..SocketOptions::default()
        };
        let settings = Settings::Known(options.resolve(&Sysctls::DEFAULT));
        services.of(&Connection::new(&socket, of, settings)).value += 1;
    }
    services.into_vec()
}

fn shown(rows: &[Row<'_>]) -> Vec<(String, Role, u32)> {
    let name = |bytes: Option<Box<[u8]>>| match bytes {
        Some(bytes) => String::from_utf8(bytes.into()).unwrap(),
        None => "?".to_owned(),
    };
    let services = services(rows).into_iter();
    services
        .map(|service| (name(service.process), service.role, service.value))
        .collect()
}

fn listening(address: &str) -> Role {
    Role::Listening(address.parse().unwrap())
}

#[test]
fn accepted_connections_belong_to_their_listener() {
    let rows = [
        (TcpState::Listen, "0.0.0.0:443", "0.0.0.0:0", 10),
        (
            TcpState::Established,
            "192.0.2.1:443",
            "198.51.100.1:50000",
            11,
        ),
        (
            TcpState::Established,
            "192.0.2.2:443",
            "198.51.100.1:50000",
            11,
        ),
    ];
    assert_eq!(
        shown(&rows),
        [("nginx".to_owned(), listening("0.0.0.0:443"), 3)]
    );
    let listener = services(&rows).pop().unwrap().listener.unwrap();
    assert!(listener.keepalive);
}

#[test]
fn the_very_address_comes_before_any() {
    let rows = [
        (TcpState::Listen, "0.0.0.0:443", "0.0.0.0:0", 10),
        (TcpState::Listen, "192.0.2.1:443", "0.0.0.0:0", 10),
        (
            TcpState::Established,
            "192.0.2.1:443",
            "198.51.100.1:50000",
            11,
        ),
        (
            TcpState::Established,
            "192.0.2.9:443",
            "198.51.100.1:50000",
            11,
        ),
    ];
    assert_eq!(
        shown(&rows),
        [
            ("nginx".to_owned(), listening("0.0.0.0:443"), 2),
            ("nginx".to_owned(), listening("192.0.2.1:443"), 2),
        ]
    );
}

#[test]
fn a_connection_handed_to_another_program_keeps_its_listener() {
    let rows = [
        (TcpState::Listen, "0.0.0.0:22", "0.0.0.0:0", 20),
        (
            TcpState::Established,
            "192.0.2.1:22",
            "198.51.100.1:50000",
            21,
        ),
    ];
    assert_eq!(
        shown(&rows),
        [
            ("systemd".to_owned(), listening("0.0.0.0:22"), 1),
            ("sshd".to_owned(), listening("0.0.0.0:22"), 1),
        ]
    );
}

#[test]
fn a_connection_in_the_queue_belongs_to_whoever_listens() {
    let rows = [
        (TcpState::Listen, "0.0.0.0:443", "0.0.0.0:0", 10),
        (
            TcpState::Established,
            "192.0.2.1:443",
            "198.51.100.1:50000",
            0,
        ),
    ];
    assert_eq!(
        shown(&rows),
        [("nginx".to_owned(), listening("0.0.0.0:443"), 2)]
    );
}

#[test]
fn calls_are_grouped_by_the_peers_port() {
    let rows = [
        (
            TcpState::Established,
            "192.0.2.1:40000",
            "198.51.100.1:443",
            30,
        ),
        (TcpState::SynSent, "192.0.2.1:40001", "198.51.100.2:443", 30),
        (
            TcpState::Established,
            "192.0.2.1:40002",
            "198.51.100.2:5432",
            30,
        ),
    ];
    assert_eq!(
        shown(&rows),
        [
            ("curl".to_owned(), Role::Outgoing(443), 2),
            ("curl".to_owned(), Role::Outgoing(5432), 1),
        ]
    );
}

#[test]
fn without_a_listener_the_ports_tell_who_called() {
    let rows = [
        (
            TcpState::Established,
            "192.0.2.1:443",
            "198.51.100.1:50000",
            11,
        ),
        (
            TcpState::Established,
            "192.0.2.1:443",
            "198.51.100.1:50001",
            11,
        ),
        (TcpState::FinWait2, "192.0.2.1:40000", "198.51.100.1:443", 0),
    ];
    assert_eq!(
        shown(&rows),
        [
            ("nginx".to_owned(), Role::Accepted(443), 2),
            ("?".to_owned(), Role::Outgoing(443), 1),
        ]
    );
}

#[test]
fn an_ipv6_listener_owns_ipv4_connections_of_ipv6_sockets_alone() {
    let owners = owners();
    let mut services: Services<u32> = Services::new(32_768..=60_999);
    let any = "[::]:0".parse().unwrap();
    let peer = "198.51.100.1:50000".parse().unwrap();
    let listener = Socket::new(TcpState::Listen, "[::]:443".parse().unwrap(), any);
    let mut mapped = Socket::new(
        TcpState::Established,
        "192.0.2.1:443".parse().unwrap(),
        peer,
    );
    mapped.family = Family::V6;
    let mut other = mapped;
    other.family = Family::V4;
    for socket in [listener, mapped, other] {
        let inode = NonZeroU32::new(10).unwrap();
        services
            .of(&Connection::new(
                &socket,
                owners.of(inode),
                Settings::NotAsked,
            ))
            .value += 1;
    }
    let roles: Vec<_> = services
        .into_vec()
        .into_iter()
        .map(|s| (s.role, s.value))
        .collect();
    assert_eq!(
        roles,
        [(listening("[::]:443"), 2), (Role::Accepted(443), 1)]
    );
}
