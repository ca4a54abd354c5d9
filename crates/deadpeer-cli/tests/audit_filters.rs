//! Filters choose exactly what they say, and say it when nothing is chosen.

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use deadpeer::SocketOptions;
use deadpeer_sys::testing::{in_private_netns, skip};

use common::population::{Holder, keepalive, listener, pair};
use common::{json, of_type, run};

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
        assert_eq!(ran.code, 3);
        assert_eq!(run(&["audit", "--port", "1", "--within", "30s"]).code, 3);
        assert_eq!(run(&["audit", "--all"]).code, 0);
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

/// A process in a cgroup that is called as Docker would call it, with a listener in our network
/// namespace.
struct Contained {
    directory: PathBuf,
    process: Child,
    listener: String,
}

impl Contained {
    /// `None` where no cgroup can be made.
    fn start(id: &str) -> Option<Self> {
        let roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
        let root = roots
            .into_iter()
            .find(|root| root.join("cgroup.controllers").exists());
        let Some(root) = root else {
            skip("no cgroup v2 is mounted");
            return None;
        };
        let directory = root.join(format!("docker-{id}.scope"));
        if let Err(error) = std::fs::create_dir(&directory) {
            skip(&format!("no cgroup can be made: {error}"));
            return None;
        }
        let script = r#"echo 0 > "$1/cgroup.procs" && exec "$2" listen --json 127.0.0.1:0"#;
        let mut process = Command::new("sh")
            .args(["-c", script, "sh"])
            .args([
                directory.as_os_str(),
                env!("CARGO_BIN_EXE_deadpeer").as_ref(),
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let said = process.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut line).unwrap();
        let listening: serde_json::Value = serde_json::from_str(&line).unwrap();
        Some(Self {
            listener: listening["address"].as_str().expect(&line).to_owned(),
            directory,
            process,
        })
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // A process that has ended leaves its cgroup a moment later.
        for _ in 0..200 {
            match std::fs::remove_dir(&self.directory) {
                Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                _ => return,
            }
        }
    }
}

#[test]
fn containers_are_chosen_by_id_and_names_by_wildcards() {
    in_private_netns(|| {
        let process = std::process::id();
        let id = format!("{process:08x}").repeat(8);
        // Not shown: made elsewhere. Held by a process of its own, since the children of other
        // tests have a moment in which they hold what is held here and are called like the command.
        let other = Holder::plain(listener());
        let Some(contained) = Contained::start(&id) else {
            return;
        };
        let expected = BTreeSet::from([contained.listener.clone()]);
        assert_eq!(shown(&["--container", &id]), expected);
        assert_eq!(shown(&["--container", &id[..12]]), expected);
        assert_eq!(
            shown(&["--cgroup", &format!("docker-{}*.scope", &id[..20])]),
            expected
        );
        assert_eq!(shown(&["--process", "dead?ee*"]), expected);
        drop(other);
        let refused = run(&["audit", "--container", &format!("{id}0")]);
        assert_eq!(refused.code, 2);
        assert!(
            refused
                .stderr
                .contains("there is no cgroup of such a container or pod"),
            "{}",
            refused.stderr
        );
    });
}
