//! Filters choose exactly what they say, and say it when nothing is chosen.

mod common;

use common::population::{Holder, keepalive, listener, pair};
use common::{json, of_type, run};
use deadpeer::SocketOptions;
use deadpeer_sys::testing::in_private_netns;
use std::collections::BTreeSet;
use std::net::TcpStream;

/// The local ends of the connections and listeners that are shown.
fn shown(filters: &[&str]) -> BTreeSet<String> {
    let lines = json(&[&["audit", "--json", "--each"], filters].concat());
    let sockets = [of_type(&lines, "connection"), of_type(&lines, "listener")].concat();
    sockets
        .iter()
        .map(|line| line["local"].as_str().unwrap().to_owned())
        .collect()
}

fn local(socket: &TcpStream) -> String {
    socket.local_addr().unwrap().to_string()
}

#[test]
fn each_filter_chooses_what_it_says() {
    in_private_netns(|| {
        let one = pair(&SocketOptions::default());
        let two = pair(&SocketOptions::default());
        let (server, client) = (one.address().to_string(), local(&one.client));
        let all_of_one = BTreeSet::from([server.clone(), client.clone()]);

        assert_eq!(shown(&["--port", &one.port()]), all_of_one);
        assert_eq!(
            shown(&["--port", &one.port(), "--state", "established"]),
            all_of_one
        );
        assert_eq!(
            shown(&["--local", &client]),
            BTreeSet::from([client.clone()])
        );
        assert_eq!(
            shown(&["--peer", &server]),
            BTreeSet::from([client.clone()])
        );
        assert_eq!(
            shown(&["--peer", &format!(":{}", one.port())]),
            BTreeSet::from([client.clone()])
        );
        assert_eq!(
            shown(&["--state", "listen", "--local", &server]),
            BTreeSet::from([server])
        );
        assert_eq!(shown(&["--peer", "10.0.0.0/8"]), BTreeSet::new());
        // Repeated: any of them. All: everything.
        let everything = shown(&["--port", &one.port(), "--port", &two.port()]);
        assert_eq!(everything.len(), 4);
        assert_eq!(shown(&["--all"]), everything);
        assert_eq!(shown(&[]), everything);
        let uid = rustix::process::getuid().as_raw().to_string();
        assert_eq!(shown(&["--user", &uid]), everything);
        assert_eq!(shown(&["--user", "4242"]), BTreeSet::new());
    });
}

#[test]
fn processes_are_chosen_by_number_and_name() {
    in_private_netns(|| {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("oddly-named");
        let pair = pair(&SocketOptions::default());
        let held = local(&pair.client);
        let holder = Holder::named(&program, pair.client);

        let expected = BTreeSet::from([held]);
        assert_eq!(shown(&["--process", "oddly-named"]), expected);
        assert_eq!(shown(&["--pid", &holder.pid().to_string()]), expected);
        assert_eq!(
            shown(&["--pid", &holder.pid().to_string(), "--process", "another"]),
            BTreeSet::new()
        );
        assert!(!shown(&["--pid", &std::process::id().to_string()]).is_superset(&expected));
    });
}

#[test]
fn nothing_chosen_is_said_and_is_no_all_clear() {
    in_private_netns(|| {
        let pair = pair(&keepalive(5, 1, 3));
        let ran = run(&["audit", "--port", "1"]);
        assert_eq!(
            ran.stdout,
            "No connection and no listener matches --port 1.\n"
        );
        assert_eq!(ran.code, 0);
        assert_eq!(run(&["audit", "--port", "1", "--within", "30s"]).code, 3);
        drop(pair);
    });
}

#[test]
fn another_namespace_is_looked_into() {
    in_private_netns(|| {
        let socket = listener();
        let address = socket.local_addr().unwrap().to_string();
        let holder = Holder::plain(socket);
        let pid = holder.pid().to_string();
        let path = format!("/proc/{pid}/ns/net");
        // From a namespace that knows nothing of it.
        in_private_netns(|| {
            assert_eq!(shown(&[]), BTreeSet::new());
            assert_eq!(shown(&["--netns", &pid]), BTreeSet::from([address.clone()]));
            assert_eq!(
                shown(&["--netns", &path]),
                BTreeSet::from([address.clone()])
            );
        });
    });
}
