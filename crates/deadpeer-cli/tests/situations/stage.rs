//! The stage: two hosts and a path between them, programs on the hosts, and connections.

use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_lab::fault::{Deed, Path};
use deadpeer_lab::{Host, Lab, Process};

use crate::common::{Ran, cgroups};
use crate::situation::{Connect, Situation, Start, Talk, folder};

/// What a program may take to start or to answer, on a busy machine.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// How often something is looked at that takes its time.
const AGAIN: Duration = Duration::from_millis(50);

/// The namespace that all hosts were made from: the machine around its containers.
const MACHINE: &str = "machine";

pub(crate) struct Stage {
    connections: HashMap<String, Vec<TcpStream>>,
    programs: HashMap<String, Process>,
    path: Path,
    lab: Lab,
    room: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn set(situation: &Situation) -> Self {
        let room = tempfile::tempdir().unwrap();
        // Programs that change their user write there as well.
        fs::set_permissions(room.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let command = room.path().join("bin");
        fs::create_dir(&command).unwrap();
        symlink(env!("CARGO_BIN_EXE_deadpeer"), command.join("deadpeer")).unwrap();
        let hosts = ["ours", "theirs"]
            .into_iter()
            .chain(situation.hosts.iter().map(String::as_str));
        Self {
            connections: HashMap::new(),
            programs: HashMap::new(),
            path: Path::new("ours", "theirs"),
            lab: Lab::with_hosts(hosts).start().unwrap(),
            room,
        }
    }

    pub(crate) fn host(&self, name: &str) -> &Host {
        let host = self.lab.host(name);
        host.unwrap_or_else(|| panic!("there is no host {name}"))
    }

    /// Runs something where a host is.
    pub(crate) fn enter<T: Send>(&self, at: &str, work: impl FnOnce() -> T + Send) -> T {
        match at {
            MACHINE => work(),
            at => self.host(at).enter(work).unwrap(),
        }
    }

    pub(crate) fn start(&mut self, start: &Start) {
        let said = fs::File::create(self.said_by(&start.name)).unwrap();
        let mut command = self.shell(&start.run);
        command.stdout(said.try_clone().unwrap()).stderr(said);
        // What it is called would be the shell's variable as well.
        let program = match start.at.as_str() {
            MACHINE => panic!("{}: programs are started on hosts", start.name),
            at => self.host(at).spawn(&mut command).unwrap(),
        };
        self.programs.insert(start.name.clone(), program);
        if let Some(port) = start.listens {
            self.wait_for_listener(start, port);
        }
    }

    /// Runs a command line to its end.
    pub(crate) fn run(&self, at: &str, line: &str) -> Ran {
        let mut command = self.shell(line);
        crate::common::ran(self.enter(at, || command.output()))
    }

    pub(crate) fn said(&self, by: &str) -> String {
        let said = fs::read(self.said_by(by)).unwrap_or_default();
        String::from_utf8_lossy(&said).into_owned()
    }

    pub(crate) fn connect(&mut self, connect: &Connect) {
        let address = SocketAddr::from((self.host(&connect.to).v4(), connect.port));
        let streams: Vec<TcpStream> = self.enter(&connect.at, || {
            (0..connect.count)
                .map(|_| {
                    let stream = TcpStream::connect_timeout(&address, BOUND);
                    let stream = stream.unwrap_or_else(|error| panic!("{address}: {error}"));
                    stream.set_read_timeout(Some(BOUND)).unwrap();
                    stream
                })
                .collect()
        });
        for mut stream in &streams {
            say(&connect.name, &mut stream, &connect.say, connect.answered);
        }
        self.connections.insert(connect.name.clone(), streams);
    }

    pub(crate) fn talk(&self, talk: &Talk) {
        for mut stream in &self.connections[&talk.name] {
            say(&talk.name, &mut stream, &talk.say, talk.answered);
        }
    }

    pub(crate) fn perform(&mut self, deed: &Deed) {
        if let Deed::Wait {
            time: Some(time), ..
        } = *deed
        {
            std::thread::sleep(time);
        }
        // Of other waits it knows nothing.
        self.path.perform(&mut self.lab, deed).unwrap();
    }

    /// Packets that the path has swallowed.
    pub(crate) fn lost(&self) -> u64 {
        self.path.toll(&self.lab).unwrap().lost
    }

    fn said_by(&self, name: &str) -> std::path::PathBuf {
        self.room.path().join(format!("{name}.said"))
    }

    fn shell(&self, line: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let room = self.room.path().display();
        let mut command = Command::new("sh");
        let programs = folder().join("programs.sh");
        let script = format!(". {}\n{line}", programs.display());
        command.args(["-ec", &script]).stdin(Stdio::null());
        command.current_dir(self.room.path());
        command.env("PATH", format!("{room}/bin:{path}:/usr/sbin"));
        command.env("HOME", self.room.path());
        command.env("XDG_STATE_HOME", self.room.path().join("state"));
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
            command.env_remove(variable);
        }
        for (name, program) in &self.programs {
            command.env(name, program.pid().to_string());
        }
        command
    }

    fn wait_for_listener(&mut self, start: &Start, port: u16) {
        let bound = Instant::now() + BOUND;
        while !self.enter(&start.at, || listens(port)) {
            let program = self.programs.get_mut(&start.name).unwrap();
            let ended = program.child().try_wait().unwrap();
            let said = self.said(&start.name);
            assert!(ended.is_none(), "{} ended: {said}", start.name);
            assert!(Instant::now() < bound, "{}: {said}", start.name);
            std::thread::sleep(AGAIN);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.programs.clear();
        // What `container` of programs.sh has made.
        let name = self.room.path().file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        if let Some(root) = cgroups::root() {
            let made = root.join(format!("deadpeer-{}", name.trim_start_matches('.')));
            if made.exists() {
                cgroups::remove(&made);
            }
        }
    }
}

/// Tries until it gives something, or the bound is over; then whatever it gave last is the answer.
pub(crate) fn until<T, E>(bound: Duration, attempt: impl Fn() -> Result<T, E>) -> Result<T, E> {
    let until = Instant::now() + bound;
    loop {
        match attempt() {
            Err(_) if Instant::now() < until => std::thread::sleep(AGAIN),
            ended => return ended,
        }
    }
}

fn say(name: &str, stream: &mut &TcpStream, text: &str, answered: bool) {
    stream
        .write_all(text.as_bytes())
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    if answered {
        match stream.read(&mut [0; 4096]) {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("{name}: no answer"),
            ended => panic!("{name}: {ended:?}"),
        }
    }
}

/// Whether the namespace of this thread has a listener on a port.
fn listens(port: u16) -> bool {
    let [v4, v6] = ["tcp", "tcp6"].map(|table| {
        fs::read_to_string(format!("/proc/thread-self/net/{table}")).unwrap_or_default()
    });
    let place = format!(":{port:04X}");
    v4.lines().chain(v6.lines()).any(|line| {
        let mut words = line.split_ascii_whitespace();
        let local = words.nth(1).unwrap_or_default();
        local.ends_with(&place) && words.nth(1) == Some("0A")
    })
}
