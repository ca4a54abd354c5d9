//! The table of another namespace.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::process::Command;

use deadpeer_host::audit::Audit;
use deadpeer_host::kill::destroy_everywhere;
use deadpeer_host::{
    AllNetns, Filter, Namespace, OpenTableError, Query, Scope, States, Table, Tables, Target,
};
use deadpeer_sys::testing::{in_private_netns, skip};
use deadpeer_sys::{netns, sockopt};

use crate::{Holder, connection, read, read_of};

#[test]
fn the_namespace_of_a_process() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        deadpeer_sys::sysctl::write("tcp_retries2", 9).unwrap();
        let holder = Holder::of(listener);
        // Move on: the holder stays behind in the first namespace.
        netns::isolate().unwrap();
        let here = Table::open(&Namespace::Own).unwrap();
        let mut there = Table::open(&Namespace::Process(holder.pid())).unwrap();
        assert_ne!(here.kernel().sysctls.retries2, 9);
        assert_eq!(there.kernel().sysctls.retries2, 9);
        let (rows, coverage) = read_of(&mut there, &Query::default());
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].local, address);
        // A test beside this one may just have forked: until exec() its child has a copy.
        assert!(rows[0].owners.contains(&(holder.pid(), 0)), "{:?}", rows[0]);
        assert!(rows[0].settings.effective().is_some());
        assert!(
            !coverage
                .other_namespaces
                .values()
                .any(|pid| *pid == holder.pid())
        );
        let number = netns::inode(netns::open_process(holder.pid()).unwrap()).unwrap();
        assert!(!coverage.other_namespaces.contains_key(&number));
        // And from here, the holder is elsewhere.
        let (_, coverage) = read(&Query::default());
        assert_eq!(coverage.other_namespaces.get(&number), Some(&holder.pid()));
    });
}

/// Other programs make namespaces and leave them at any time: those are no gap in what is read.
#[test]
fn a_namespace_that_is_left_meanwhile_is_not_told_as_closed() {
    in_private_netns(|| {
        let come_and_go = || {
            for _ in 0..60 {
                let left = Command::new("unshare").args(["--net", "true"]).status();
                assert!(left.unwrap().success());
            }
        };
        std::thread::scope(|scope| {
            let others = scope.spawn(come_and_go);
            while !others.is_finished() {
                let tables = Tables::open(&Scope::All).unwrap();
                let mut closed = tables.closed().iter();
                let left = closed.find(|closed| closed.why.contains("No such"));
                assert_eq!(left, None);
            }
        });
    });
}

/// Of several namespaces, sockets are read through their holders, and of what nobody holds nothing
/// is left out: each has what its own table has.
#[test]
fn nothing_vanishes_where_many_are_read() {
    in_private_netns(|| {
        // Held, each by a process in it.
        let held = netns::private(|| {
            let (listener, calling, called) = connection("127.0.0.1");
            (
                Holder::of(listener),
                Holder::of(calling),
                Holder::of(called),
            )
        });
        // A connection waits to be accepted, another has been closed and is not acknowledged.
        let waiting = netns::private(|| {
            let (listener, calling, mut called) = connection("::1");
            let unaccepted = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            sockopt::mute(&calling).unwrap();
            called.write_all(b"bye").unwrap();
            drop(called);
            (Holder::of(listener), calling, unaccepted)
        });
        let (held, waiting) = (held.unwrap(), waiting.unwrap());
        let pids = [held.0.pid(), waiting.0.pid()];
        let mut query = Query {
            tcp_info: false,
            kept: false,
            ..Query::default()
        };
        query.filter.states = States::LIVE;
        let mut tables = Tables::open(&Scope::OfProcesses(pids.to_vec())).unwrap();
        if let Err(why) = tables.use_bpf() {
            return skip(&why.to_string());
        }
        let mut together = Vec::new();
        let read = tables.each(&query, |netns, connection| {
            let socket = connection.socket;
            together.push((netns.number, socket.cookie, socket.state));
            ControlFlow::Continue(())
        });
        read.unwrap();
        let mut alone = Vec::new();
        for pid in pids {
            let mut table = Table::open(&Namespace::Process(pid)).unwrap();
            table.use_bpf().unwrap();
            let number = table.namespace();
            let (rows, _) = read_of(&mut table, &query);
            alone.extend(rows.iter().map(|row| (number, row.cookie, row.state)));
        }
        together.sort_unstable_by_key(|row| (row.0, row.1));
        alone.sort_unstable_by_key(|row| (row.0, row.1));
        assert_eq!(together, alone);
        assert_eq!(together.len(), 3 + 5, "{together:?}");
    });
}

/// As whoever asks, destroys or protects does after a while of looking.
#[test]
fn a_namespace_is_entered_after_the_process_that_showed_it_has_ended() {
    in_private_netns(|| {
        let made = netns::private(|| {
            let (listener, calling, called) = connection("127.0.0.1");
            (Holder::of(listener), calling, called)
        });
        let (holder, calling, called) = made.unwrap();
        let way = Namespace::Process(holder.pid());
        let number = netns::inode(way.open().unwrap()).unwrap();
        let mut tables = Tables::open(&Scope::OfProcesses(vec![holder.pid()])).unwrap();
        drop(holder);
        assert!(way.open().is_err(), "nothing leads there any more");
        let (targets, coverage) = Target::all(&mut tables, &Filter::default()).unwrap();
        assert!(targets.len() == 2 && coverage.is_whole(), "{targets:?}");
        for target in &targets {
            assert_eq!(target.netns_number(), Some(number));
            assert!(target.namespace().lock().unwrap().is_some());
        }
        let destroyed = destroy_everywhere(&targets.iter().collect::<Vec<_>>()).unwrap();
        // The reset of the first is the end of the second.
        assert_eq!((destroyed.destroyed, destroyed.gone), (1, 1));
        drop((calling, called));
        let (found, coverage) = tables.with_any(&Filter::default()).unwrap();
        assert!(found.is_empty() && coverage.is_whole(), "{found:?}");
    });
}

/// Neither a process nor a mount leads there.
#[test]
fn a_namespace_that_a_socket_alone_keeps() {
    in_private_netns(|| {
        let made = netns::private(|| {
            let number = netns::inode(netns::open_current().unwrap()).unwrap();
            let (listener, calling, called) = connection("127.0.0.1");
            (number, listener, (calling, called))
        });
        let (number, listener, kept) = made.unwrap();
        let us = std::process::id();
        let filter = Filter {
            pids: vec![us],
            ..Filter::default()
        };
        let mut tables = Tables::open(&Scope::OfProcesses(vec![us])).unwrap();
        let audit = Audit::new(&tables.kernel());
        let mut found = Vec::new();
        let machine = audit.each(&mut tables, &Audit::query(filter, true), |judged| {
            found.push((judged.netns.number, judged.connection.socket.local));
            ControlFlow::Continue(())
        });
        let machine = machine.unwrap();
        let local = listener.local_addr().unwrap();
        assert!(found.contains(&(number, local)), "{found:?}");
        assert!(machine.netns.iter().any(|netns| netns.number == number));

        // Whoever asks, destroys or protects finds it as well, and so does who undoes that.
        let filter = Filter {
            pids: vec![us],
            ..Filter::default()
        };
        let open = || Tables::open(&Scope::OfProcesses(vec![us])).unwrap();
        let (targets, _) = Target::all(&mut open(), &filter).unwrap();
        let there = targets
            .iter()
            .filter(|target| target.netns_number() == Some(number));
        assert_eq!(there.count(), 2, "{targets:?}");
        let (tables, _) = open().with_any(&filter).unwrap();
        assert!(tables.iter().any(|(netns, _)| netns.number == number));
        assert!(AllNetns::find().of(number).is_none());
        let found = AllNetns::find_with([number]);
        let way = &found.of(number).unwrap().way;
        assert_eq!(netns::inode(way.open().unwrap()).unwrap(), number);
        drop(kept);
    });
}

#[test]
fn a_namespace_that_is_none() {
    for namespace in ["no-such-name", "/no/such/file", "4294967295"] {
        let error = Table::open(&namespace.parse().unwrap()).unwrap_err();
        assert!(matches!(error, OpenTableError::Namespace(_)), "{error}");
        assert!(error.to_string().contains(namespace), "{error}");
    }
}
