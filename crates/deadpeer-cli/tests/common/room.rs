//! A shell with a cgroup and a BPF file system of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use deadpeer_sys::testing::skip;

use super::cgroups;

/// A shell in mount namespace and cgroup of its own.
pub(crate) struct Room {
    shell: Child,
    pub(crate) cgroup: PathBuf,
}

impl Room {
    /// `None` where this machine has no room for it.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let Some(root) = cgroups::root() else {
            skip("no cgroup v2 is mounted");
            return None;
        };
        let cgroup = root.join(format!("deadpeer-test-{name}-{}", std::process::id()));
        if let Err(error) = std::fs::create_dir(&cgroup) {
            skip(&format!("no cgroup can be made: {error}"));
            return None;
        }
        let shell = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux");
        let mut room = Self { shell, cgroup };
        match room.run("mount -t bpf bpf /sys/fs/bpf").as_slice() {
            [] => Some(room),
            said => {
                skip(&format!("no BPF file system can be mounted: {said:?}"));
                None
            }
        }
    }

    /// Runs a line of shell and returns the lines that it says.
    pub(crate) fn run(&mut self, line: &str) -> Vec<String> {
        const END: &str = "--- end of the answer ---";
        let input = self.shell.stdin.as_mut().unwrap();
        writeln!(input, "{line} 2>&1; echo '{END}'").unwrap();
        let mut output = BufReader::with_capacity(1, self.shell.stdout.as_mut().unwrap());
        let mut lines = Vec::new();
        loop {
            let mut said = String::new();
            assert!(
                output.read_line(&mut said).unwrap() > 0,
                "the shell ended: {lines:?}"
            );
            match said.trim_end() {
                END => return lines,
                said => lines.push(said.to_owned()),
            }
        }
    }

    /// Runs `deadpeer protect` with a state of its own, and reads its lines.
    pub(crate) fn deadpeer(&mut self, args: &str) -> Vec<serde_json::Value> {
        let command = env!("CARGO_BIN_EXE_deadpeer");
        let state = self.cgroup.file_name().unwrap().to_owned();
        let state = std::env::temp_dir().join(state);
        let line = format!(
            "XDG_STATE_HOME={} {command} protect {args}",
            state.display()
        );
        let said = self.run(&line);
        said.iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{said:?}")))
            .collect()
    }

    /// Whether keepalive is on and after how many seconds it probes, for both ends of a fresh
    /// connection of a process in the cgroup.
    pub(crate) fn fresh(&mut self) -> Vec<String> {
        let script = "import socket as s; l = s.create_server(('127.0.0.1', 0)); c = s.create_connection(l.getsockname()); a = l.accept()[0]; print(*[(e.getsockopt(s.SOL_SOCKET, s.SO_KEEPALIVE), e.getsockopt(s.IPPROTO_TCP, s.TCP_KEEPIDLE)) for e in (c, a)])";
        let cgroup = self.cgroup.display().to_string();
        self.run(&format!(
            "(echo 0 > {cgroup}/cgroup.procs && exec python3 -c \"{script}\")"
        ))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Its mounts go with it.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        let _ = std::fs::remove_dir(&self.cgroup);
    }
}
