//! The table of another namespace.

use std::net::TcpListener;

use deadpeer_host::{Namespace, OpenTableError, Query, Table};
use deadpeer_sys::netns;
use deadpeer_sys::testing::in_private_netns;

use crate::{Holder, read, read_of};

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
        assert_eq!(
            (rows[0].local, rows[0].owners.as_slice()),
            (address, &[(holder.pid(), 0)][..])
        );
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

#[test]
fn a_namespace_that_is_none() {
    for namespace in ["no-such-name", "/no/such/file", "4294967295"] {
        let error = Table::open(&namespace.parse().unwrap()).unwrap_err();
        assert!(matches!(error, OpenTableError::Namespace(_)), "{error}");
        assert!(error.to_string().contains(namespace), "{error}");
    }
}
