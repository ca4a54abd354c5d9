//! Multipath TCP, whose parts have one descriptor between them: seen, and neither asked nor
//! destroyed by mistake.

use std::net::SocketAddr;

use deadpeer_sys::testing::{in_private_netns, skip};
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use crate::common::{json, of_type, run};

/// A listener with an accepted connection, its server's end last.
struct Multipath {
    address: SocketAddr,
    _listener: Socket,
    client: Socket,
    server: Socket,
}

impl Multipath {
    fn new() -> Option<Self> {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP));
        let listener = match socket() {
            Ok(listener) => listener,
            Err(error) => {
                skip(&format!("no Multipath TCP: {error}"));
                return None;
            }
        };
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(8).unwrap();
        let address = listener.local_addr().unwrap();
        let client = socket().unwrap();
        client.connect(&address).unwrap();
        let (server, _) = listener.accept().unwrap();
        Some(Self {
            address: address.as_socket().unwrap(),
            _listener: listener,
            client,
            server,
        })
    }

    fn end(&self) -> String {
        self.address.to_string()
    }

    fn assert_untouched(&self) {
        assert!(!self.server.keepalive().unwrap());
        assert_eq!(self.client.send(b"x").unwrap(), 1);
    }
}

#[test]
fn audit_knows_its_settings_or_says_why_not() {
    in_private_netns(|| {
        let Some(multipath) = Multipath::new() else {
            return;
        };
        let end = multipath.end();
        let audit = |flags: &[&str]| {
            let args = ["audit", "--json", "--each", "--local", &end];
            let lines = json(&[&args, flags].concat());
            let [connection] = &of_type(&lines, "connection")[..] else {
                panic!("one connection: {lines:?}");
            };
            let read_by = of_type(&lines, "summary")[0]["read_by"].clone();
            (connection.clone(), read_by)
        };
        let owned = |connection: &Value| connection["owners"][0]["pid"] == std::process::id();
        let (connection, _) = audit(&["--no-bpf"]);
        assert!(owned(&connection), "{connection}");
        assert_eq!(connection["settings"], Value::Null);
        assert_eq!(connection["settings_unknown"], "Multipath TCP");
        let (connection, read_by) = audit(&[]);
        // Looked for once more by the kernel itself, which has to find it as well.
        assert!(owned(&connection), "{connection}");
        match read_by.as_str() {
            Some("descriptors") => assert_eq!(connection["settings"], Value::Null),
            _ => assert_eq!(connection["settings"]["so_keepalive"], false),
        }
        multipath.assert_untouched();
    });
}

#[test]
fn it_cannot_be_asked_and_so_is_not_destroyed() {
    in_private_netns(|| {
        let Some(multipath) = Multipath::new() else {
            return;
        };
        let end = multipath.end();
        for (verb, code) in [
            (&["ping", "-c", "1"][..], 3),
            (&["kill", "--unreachable", "--yes"], 3),
        ] {
            let ran = run(&[verb, &["--local", &end]].concat());
            assert_eq!(ran.code, code, "{verb:?}: {}{}", ran.stdout, ran.stderr);
            assert!(ran.stdout.contains("Multipath TCP"), "{}", ran.stdout);
        }
        multipath.assert_untouched();
    });
}
