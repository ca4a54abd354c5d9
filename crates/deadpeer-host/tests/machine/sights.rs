//! What is seen by eBPF is what sock_diag and the descriptors show.

use std::io::Write as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use deadpeer_core::TcpState;
use deadpeer_host::{Namespace, Query, States, Table};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};

use crate::{Row, connection, read, read_of};

/// Everything that does not depend on the moment, nor on what only one of them can see.
fn comparable(row: &Row) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut snapshot = row.snapshot;
    snapshot.heard_ago = None;
    snapshot.received_ago = None;
    snapshot.armed = None;
    snapshot.sent_ago = None;
    snapshot.received_ago = None;
    // Only eBPF shows these.
    snapshot.tail_loss_probe_sent = None;
    snapshot.clock_started_ago = None;
    snapshot.window_probed_ago = None;
    snapshot.icmp_error = None;
    snapshot.jiffies = None;
    // What TCP_INFO shows in their place.
    snapshot.first_timeout_ago = None;
    snapshot.timed_out_before = false;
    snapshot.stamped_ahead = None;
    if row.state == TcpState::Listen {
        snapshot.initial_slow_start = None;
    }
    let timer = row.timer.map(|timer| (timer.kind, timer.unanswered));
    // Through a descriptor it shows whether it is the socket's own or the sysctl's.
    let settings = row.settings.effective().map(|effective| {
        let mut settings = *effective;
        settings.syncnt = None;
        settings
    });
    (
        (row.local, row.peer, row.state, row.uid, row.cgroup),
        (row.owners.clone(), row.names.clone(), settings),
        (row.chosen, snapshot, row.family),
        (row.rqueue, row.wqueue, timer),
    )
}

fn compare(address: &str) {
    let mut table = Table::open(&Namespace::Own).unwrap();
    if let Err(error) = table.use_bpf() {
        return skip(&format!("no eBPF: {error}"));
    }
    let (_listener, calling, called) = connection(address);
    sockopt::set_keepalive(&calling, true).unwrap();
    sockopt::set_keepidle_s(&calling, 30).unwrap();
    sockopt::set_user_timeout_ms(&called, Some(12_345)).unwrap();
    let (_other, closing, closed) = connection(address);
    closing.shutdown(Shutdown::Write).unwrap();
    let (_third, mut writer, _reader) = connection(address);
    writer.set_nonblocking(true).unwrap();
    while writer.write(&[0; 65_536]).is_ok() {}

    let mut query = Query {
        every_option: true,
        forecast_only: true,
        ..Query::default()
    };
    query.filter.states = States::LIVE.with(TcpState::Listen);
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let outside = by_cookie(read(&query).0);
        let (inside, coverage) = read_of(&mut table, &query);
        assert_eq!(coverage.chosen, 9);
        let listeners = inside.iter().take(3);
        assert!(
            listeners
                .map(|row| row.state)
                .all(|state| state == TcpState::Listen)
        );
        let inside = by_cookie(inside);
        // The last acknowledgements may come between the two readings.
        if outside == inside {
            break;
        }
        if Instant::now() > end {
            assert_eq!(outside, inside);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(closed);
}

fn by_cookie(mut rows: Vec<Row>) -> Vec<impl PartialEq + std::fmt::Debug> {
    rows.sort_by_key(|row| row.cookie);
    rows.iter().map(comparable).collect()
}

#[test]
fn ipv4() {
    in_private_netns(|| compare("127.0.0.1"));
}

#[test]
fn ipv6() {
    in_private_netns(|| compare("::1"));
}

/// A dual-stack listener shows the IPv4 of its connections.
#[test]
fn ipv4_within_ipv6() {
    in_private_netns(|| {
        let mut table = Table::open(&Namespace::Own).unwrap();
        if let Err(error) = table.use_bpf() {
            return skip(&format!("no eBPF: {error}"));
        }
        let listener = TcpListener::bind("[::]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let calling = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let called = listener.accept().unwrap();
        let query = Query {
            forecast_only: true,
            ..Query::default()
        };
        let (rows, _) = read_of(&mut table, &query);
        let here = calling.peer_addr().unwrap();
        assert!(rows.iter().any(|row| row.local == here), "{rows:#?}");
        drop(called);
    });
}
