//! nginx: `listen ... so_keepalive=idle:intvl:cnt` sets options on the listener, and connections
//! inherit them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::audit::Audit;
use crate::program::{BOUND, Program, ask, hang_up, with_program};
use crate::settings::Settings;

/// A server with a listener that has keepalive and one that hasn't, and a connection to each.
pub(crate) struct Nginx {
    pub(crate) server: Program,
    pub(crate) on: TcpStream,
    off: TcpStream,
    folder: tempfile::TempDir,
}

const ON: &str = "127.0.0.1:80";
const OFF: &str = "127.0.0.1:81";
const CONFIGURED: Settings = Settings::keepalive(10, 5, 3);

impl Nginx {
    pub(crate) fn start(executable: &Path) -> Self {
        Self::start_with(executable, "")
    }

    /// With more server blocks.
    fn start_with(executable: &Path, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("nginx.conf");
        std::fs::write(&configuration, Self::configuration(folder.path(), more)).unwrap();
        let mut server = Program::start(
            executable,
            &["-c", configuration.to_str().unwrap(), "-e", "stderr"],
        );
        let [on, off] = [ON, OFF].map(|address| {
            let mut client = server.connect(address);
            ask(
                &mut client,
                b"GET / HTTP/1.1\r\nHost: test\r\n\r\n",
                b"here\n",
            );
            client
        });
        Self {
            server,
            on,
            off,
            folder,
        }
    }

    fn configuration(folder: &Path, more: &str) -> String {
        let folder = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {folder}/{what};\n"))
            .concat();
        format!(
            "daemon off;
             pid {folder}/pid;
             user nobody nogroup;
             worker_processes 1;
             events {{}}
             http {{
                 access_log off;
                 {temporary}
                 server {{
                     listen {ON} so_keepalive=10s:5s:3;
                     listen {OFF} so_keepalive=off;
                     return 200 \"here\\n\";
                 }}
                 {more}
             }}"
        )
    }
}

#[test]
fn what_the_listener_is_told_holds_for_its_connections() {
    with_program("nginx", |executable| {
        let nginx = Nginx::start(executable);
        let audit = Audit::each(&[]);
        audit.listener(ON).check(&nginx.server, "nginx", CONFIGURED);
        audit
            .accepted(&nginx.on)
            .check(&nginx.server, "nginx", CONFIGURED);
        audit
            .listener(OFF)
            .check(&nginx.server, "nginx", Settings::UNTOUCHED);
        audit
            .accepted(&nginx.off)
            .check(&nginx.server, "nginx", Settings::UNTOUCHED);
        // The master opens listeners, a worker accepts.
        assert_eq!(audit.listener(ON).owners.len(), 2);
        assert_eq!(audit.accepted(&nginx.on).owners.len(), 1);
    });
}

/// What a recipe says of each upstream, seen from outside: without its line nothing is set.
#[test]
fn each_kind_of_upstream_has_a_line_of_its_own() {
    with_program("nginx", |executable| {
        let upstream = TcpListener::bind("127.0.0.1:82").unwrap();
        upstream.set_nonblocking(true).unwrap();
        let kinds = ["proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached"];
        let locations = kinds.map(|kind| {
            let scheme = if kind == "proxy" { "http://" } else { "" };
            let pass = format!("{kind}_pass {scheme}127.0.0.1:82;");
            format!("location /{kind} {{ {kind}_socket_keepalive on; {pass} }} location /off/{kind} {{ {pass} }}\n")
        });
        let server = format!(
            "server {{ listen 127.0.0.1:83; set $memcached_key x; {} }}",
            locations.concat()
        );
        let nginx = Nginx::start_with(executable, &server);
        let paths = kinds.map(|kind| [(kind.to_owned(), true), (format!("off/{kind}"), false)]);
        let asked: Vec<_> = paths
            .into_iter()
            .flatten()
            .map(|(path, on)| {
                let mut client = TcpStream::connect("127.0.0.1:83").unwrap();
                write!(client, "GET /{path} HTTP/1.0\r\n\r\n").unwrap();
                (on, accept(&upstream), client)
            })
            .collect();
        let audit = Audit::each(&[]);
        for (on, connection, _client) in &asked {
            let settings = match on {
                true => Settings::keepalive(7200, 75, 9),
                false => Settings::UNTOUCHED,
            };
            audit
                .accepted(connection)
                .check(&nginx.server, "nginx", settings);
        }
    });
}

fn accept(listener: &TcpListener) -> TcpStream {
    let until = Instant::now() + BOUND;
    loop {
        match listener.accept() {
            Ok((connection, _)) => return connection,
            Err(error) => assert!(Instant::now() < until, "nobody connects: {error}"),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn keepalive_alone_keeps_the_deadline_while_idle_only() {
    with_program("nginx", |executable| {
        let nginx = Nginx::start(executable);
        let late = Audit::each(&["--within", "30s", "--local", ON]);
        assert_eq!(late.code, 1);
        assert_eq!(late.summary("connections_over_deadline"), 1);
        assert_eq!(late.summary("listeners_over_deadline"), 1);
        let accepted = late.accepted(&nginx.on);
        assert_eq!(accepted.over_deadline, Some(true));
        let forecast = accepted.notices_in.as_ref().unwrap();
        assert!(
            forecast.idle.worst.latest_ms() <= Some(30_000),
            "{accepted:?}"
        );
        assert!(
            forecast.in_flight.worst.latest_ms() > Some(30_000),
            "{accepted:?}"
        );

        // A quarter of an hour is what it takes with data in flight, and half a minute more with a
        // late write.
        let kept = Audit::each(&["--within", "20m", "--local", ON]);
        assert_eq!(kept.code, 0);
        let without = Audit::each(&["--within", "20m", "--local", OFF]);
        assert_eq!(without.code, 1);
    });
}

/// nginx hands its listening sockets on: what a reload takes away stays in force until a restart.
#[test]
fn taking_so_keepalive_away_and_reloading_does_not_undo_it() {
    with_program("nginx", |executable| {
        let nginx = Nginx::start(executable);
        let configuration = nginx.folder.path().join("nginx.conf");
        let with = std::fs::read_to_string(&configuration).unwrap();
        let without = with.replace(&format!("{ON} so_keepalive=10s:5s:3"), ON);
        assert_ne!(with, without);
        // A worker of the new configuration answers otherwise.
        let without = without.replace("here", "anew");
        std::fs::write(&configuration, without).unwrap();
        let audit = Audit::each(&[]);
        let owners = &audit.listener(ON).owners;
        let master = owners.iter().map(|owner| owner.pid).min().unwrap();
        let workers: Vec<u32> = owners.iter().map(|owner| owner.pid).collect();
        let is_there = |pid: &u32| *pid != master && Path::new(&format!("/proc/{pid}")).exists();
        hang_up(master);
        let bound = Instant::now() + BOUND;
        let client = loop {
            let mut client = TcpStream::connect(ON).unwrap();
            client.set_read_timeout(Some(BOUND)).unwrap();
            let request = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";
            client.write_all(request).unwrap();
            let mut answer = [0; 4096];
            let read = client.read(&mut answer).unwrap();
            if answer[..read].windows(4).any(|part| part == b"anew") {
                break client;
            }
            assert!(Instant::now() < bound, "the reload is done in time");
        };
        // Who is about to end holds the listener a little longer.
        while workers.iter().any(is_there) {
            assert!(Instant::now() < bound, "the old workers end in time");
            std::thread::sleep(Duration::from_millis(10));
        }
        let audit = Audit::each(&[]);
        audit
            .accepted(&client)
            .check(&nginx.server, "nginx", CONFIGURED);
        audit.listener(ON).check(&nginx.server, "nginx", CONFIGURED);
    });
}
