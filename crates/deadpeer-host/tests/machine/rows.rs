//! What a row says about a socket, its owners and where it belongs.

use std::fs;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use deadpeer_core::TcpState;
use deadpeer_host::{Namespace, Query, Role, Services, States, Table};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};

use crate::{Holder, bare, connection, read, row_of};

fn both_ends_and_the_listener(address: &str) {
    let (listener, calling, called) = connection(address);
    let (rows, coverage) = read(&Query::default());
    assert_eq!((rows.len(), coverage.chosen), (3, 3));
    for end in [&calling, &called] {
        let row = row_of(&rows, end);
        assert!(row.owners.contains(&(std::process::id(), end.as_raw_fd())));
        assert_eq!(row.cookie, sockopt::cookie(end).unwrap());
        assert_eq!(row.state, TcpState::Established);
        assert_eq!(row.info.unwrap().state, Some(TcpState::Established));
        assert_eq!(row.uid, rustix::process::geteuid().as_raw());
        assert_eq!(row.timer, None);
    }
    assert_eq!(rows[0].state, TcpState::Listen);
    assert_eq!(rows[0].local, listener.local_addr().unwrap());
    assert!(
        rows[0]
            .owners
            .contains(&(std::process::id(), listener.as_raw_fd()))
    );
}

#[test]
fn ipv4() {
    in_private_netns(|| both_ends_and_the_listener("127.0.0.1"));
}

#[test]
fn ipv6() {
    in_private_netns(|| both_ends_and_the_listener("::1"));
}

#[test]
fn a_socket_shared_by_processes_names_them_all() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = Holder::of(listener.try_clone().unwrap());
        let mut expected = [
            (std::process::id(), listener.as_raw_fd()),
            (holder.pid(), 0),
        ];
        expected.sort_unstable();
        // A child that a test beside this one begins has it, too, until its exec().
        let start = Instant::now();
        let row = loop {
            let mut row = read(&Query::default()).0.remove(0);
            row.owners.sort_unstable();
            if row.owners == expected {
                break row;
            }
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{row:?} instead of {expected:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(row.names.contains(&b"sleep".to_vec()));
    });
}

#[test]
fn filters_choose_and_context_adds_the_listener() {
    in_private_netns(|| {
        let (_listener, calling, called) = connection("127.0.0.1");
        let mut query = bare();
        query.filter.local = vec![
            format!("127.0.0.1:{}", called.local_addr().unwrap().port())
                .parse()
                .unwrap(),
        ];
        query.filter.states = States::NONE.with(TcpState::Established);
        let (rows, coverage) = read(&query);
        assert_eq!((rows.len(), coverage.chosen), (1, 1));
        assert_eq!(rows[0].local, called.local_addr().unwrap());

        query.context = true;
        let (rows, coverage) = read(&query);
        let chosen: Vec<_> = rows.iter().map(|row| (row.state, row.chosen)).collect();
        assert_eq!(
            chosen,
            [(TcpState::Listen, false), (TcpState::Established, true)]
        );
        assert_eq!(coverage.chosen, 1);

        query = Query::default();
        query.filter.processes = vec!["no such process".parse().unwrap()];
        assert_eq!(read(&query).0.len(), 0);
        query.filter.processes.clear();
        query.filter.pids = vec![std::process::id()];
        query.filter.ports = vec![calling.local_addr().unwrap().port()];
        assert_eq!(read(&query).0.len(), 2);
    });
}

#[test]
fn unread_bytes_and_the_queue_of_a_listener() {
    use std::io::Write;
    in_private_netns(|| {
        let (listener, mut calling, called) = connection("127.0.0.1");
        calling.write_all(b"12345").unwrap();
        let row = crate::wait_for(&called, |row| row.rqueue == 5);
        assert_eq!(row.wqueue, 0);
        let waiting = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (rows, _) = read(&Query::default());
        assert_eq!((rows[0].state, rows[0].rqueue), (TcpState::Listen, 1));
        let (local, peer) = (waiting.peer_addr().unwrap(), waiting.local_addr().unwrap());
        let queued = rows
            .iter()
            .find(|row| (row.local, row.peer) == (local, peer))
            .unwrap();
        assert_eq!(queued.owners, []);
        assert!(!queued.snapshot.orphan);
    });
}

#[test]
fn services_take_their_connections_together() {
    in_private_netns(|| {
        let (listener, _calling, _called) = connection("127.0.0.1");
        let mut table = Table::open(&Namespace::Own).unwrap();
        let mut services: Services<u32> = Services::new(table.ephemeral_ports());
        table
            .each(&Query::default(), |connection| {
                services.of(connection).value += 1;
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        let address = listener.local_addr().unwrap();
        let mut found: Vec<_> = services
            .into_vec()
            .into_iter()
            .map(|service| (service.role, service.value, service.listener.is_some()))
            .collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                (Role::Listening(address), 2, true),
                (Role::Outgoing(address.port()), 1, false),
            ]
        );
    });
}

#[test]
fn a_socket_carries_the_cgroup_it_was_made_in() {
    let Some(directory) = own_cgroup() else {
        return skip("no cgroup v2 hierarchy is mounted, or ours is outside it");
    };
    in_private_netns(|| {
        let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (rows, _) = read(&bare());
        assert_eq!(
            rows[0].cgroup,
            Some(fs::metadata(&directory).unwrap().ino())
        );
        let mut query = bare();
        query.filter.cgroups = Some(deadpeer_host::cgroup::ids(&directory).unwrap());
        assert_eq!(read(&query).0.len(), 1);
        query.filter.cgroups = Some(vec![u64::MAX]);
        assert_eq!(read(&query).0.len(), 0);
    });
}

fn own_cgroup() -> Option<PathBuf> {
    let cgroups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let relative = cgroups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mount = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let directory = fields.next()?;
        (fields.next()? == "cgroup2").then_some(directory)
    })?;
    let directory = PathBuf::from(mount).join(relative);
    directory.exists().then_some(directory)
}
