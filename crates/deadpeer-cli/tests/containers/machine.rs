//! The machine: its containers, and who is connected to them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_lab::{Host, Lab, Process};
use deadpeer_sys::testing::skip;

use crate::common::{cgroups, installed};

/// What a program may take to start, on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

/// A container: a program that listens, and what its cgroup and its logs are called.
pub(crate) struct Kind {
    pub(crate) host: &'static str,
    pub(crate) program: &'static str,
    script: &'static str,
    pub(crate) port: u16,
    /// What a client says, so that the program answers.
    pub(crate) request: &'static str,
    /// Below a directory of the test's own.
    cgroup: &'static str,
    pub(crate) id: &'static str,
    pub(crate) runtime: &'static str,
    /// Namespace, pod, container.
    pub(crate) names: Option<[&'static str; 3]>,
}

pub(crate) const UID: &str = "0ed0cc75-9db7-4a3b-9b9a-b1e6f4c7d1a2";

pub(crate) const KINDS: [Kind; 4] = [
    Kind {
        host: "redis",
        program: "redis-server",
        script: "exec redis-server --port 6379 --bind 0.0.0.0 --save '' --protected-mode no --tcp-keepalive 0",
        port: 6379,
        request: "PING\r\n",
        cgroup: "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0ed0cc75_9db7_4a3b_9b9a_b1e6f4c7d1a2.slice/cri-containerd-11111111111111111111111111111111111111111111111111111111deadbeef.scope",
        id: "11111111111111111111111111111111111111111111111111111111deadbeef",
        runtime: "containerd",
        names: Some(["shop", "cache-0", "redis"]),
    },
    Kind {
        host: "memcached",
        program: "memcached",
        script: "exec memcached -u nobody -U 0 -l 0.0.0.0 -p 11211",
        port: 11_211,
        request: "version\r\n",
        cgroup: "system.slice/docker-22222222222222222222222222222222222222222222222222222222deadbeef.scope",
        id: "22222222222222222222222222222222222222222222222222222222deadbeef",
        runtime: "docker",
        names: None,
    },
    Kind {
        host: "nginx",
        program: "nginx",
        script: "exec nginx -c $ROOM/nginx.conf",
        port: 8080,
        request: "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        cgroup: "machine.slice/libpod-33333333333333333333333333333333333333333333333333333333deadbeef.scope/container",
        id: "33333333333333333333333333333333333333333333333333333333deadbeef",
        runtime: "podman",
        names: None,
    },
    Kind {
        host: "python",
        program: "python3",
        script: "exec python3 -u $ROOM/echo.py",
        port: 7000,
        request: "hello\n",
        cgroup: "kubepods.slice/kubepods-pod0ed0cc75_9db7_4a3b_9b9a_b1e6f4c7d1a2.slice/crio-44444444444444444444444444444444444444444444444444444444deadbeef.scope",
        id: "44444444444444444444444444444444444444444444444444444444deadbeef",
        runtime: "cri-o",
        names: Some(["shop", "web-0", "echo"]),
    },
];

const NGINX: &str = "daemon off; master_process off; error_log stderr; pid ROOM/nginx.pid;
events {}
http { access_log off; keepalive_timeout 1h; client_body_temp_path ROOM; proxy_temp_path ROOM; fastcgi_temp_path ROOM; uwsgi_temp_path ROOM; scgi_temp_path ROOM;
server { listen 8080; location / { return 200 hello; } } }
";

const ECHO: &str = "
import socket
s = socket.create_server(('0.0.0.0', 7000))
held = []
while True:
    c, _ = s.accept()
    held.append(c)
    while True:
        d = c.recv(100)
        if not d: break
        c.sendall(d)
";

/// The containers and their clients. Everything ends when dropped.
pub(crate) struct Machine {
    pub(crate) clients: Vec<TcpStream>,
    programs: Vec<Process>,
    pub(crate) lab: Lab,
    cgroups: PathBuf,
    room: tempfile::TempDir,
}

impl Machine {
    /// `None`, loudly, where it can't be made. Runs inside an enclosure, whose `/var/log` is its
    /// own.
    pub(crate) fn start() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip("cgroups take root");
            return None;
        }
        let missing = KINDS.iter().find(|kind| installed(kind.program).is_none());
        if let Some(kind) = missing {
            skip(&format!("no {}", kind.program));
            return None;
        }
        let Some(root) = cgroups::root() else {
            skip("no cgroup v2");
            return None;
        };
        let room = tempfile::tempdir().unwrap();
        let name = room.path().file_name().unwrap().display();
        let cgroups = root.join(format!("deadpeer-containers-{name}"));
        if let Err(error) = fs::create_dir(&cgroups) {
            skip(&format!("no cgroup can be made: {error}"));
            return None;
        }
        let path = room.path().display().to_string();
        fs::write(room.path().join("nginx.conf"), NGINX.replace("ROOM", &path)).unwrap();
        fs::write(room.path().join("echo.py"), ECHO).unwrap();
        keep_logs(room.path());
        let names = KINDS.iter().map(|kind| kind.host).chain(["client"]);
        let lab = Lab::with_hosts(names).start().unwrap();
        let mut machine = Self {
            clients: Vec::new(),
            programs: Vec::new(),
            lab,
            cgroups,
            room,
        };
        for kind in &KINDS {
            machine.run(kind);
        }
        for kind in &KINDS {
            let address = (machine.host(kind.host).v4(), kind.port);
            let client = machine.host("client").enter(|| connect(address)).unwrap();
            machine.clients.push(client);
        }
        machine.talk(0);
        Some(machine)
    }

    pub(crate) fn host(&self, name: &str) -> &Host {
        self.lab.host(name).unwrap()
    }

    /// Every client from this one on says something and is answered.
    pub(crate) fn talk(&mut self, first: usize) {
        for (client, kind) in self.clients.iter_mut().zip(&KINDS).skip(first) {
            client.write_all(kind.request.as_bytes()).unwrap();
            let read = client.read(&mut [0; 512]);
            assert!(read.is_ok_and(|read| read > 0), "{}", kind.program);
        }
    }

    fn run(&mut self, kind: &Kind) {
        let cgroup = self.cgroups.join(kind.cgroup);
        fs::create_dir_all(&cgroup).unwrap();
        let script = format!(
            "echo $$ > {}/cgroup.procs && {}",
            cgroup.display(),
            kind.script
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env("ROOM", self.room.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let program = self.host(kind.host).spawn(&mut command).unwrap();
        self.programs.push(program);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.programs.clear();
        cgroups::remove(&self.cgroups);
    }
}

/// The logs of the pods, over `/var/log` of this mount namespace.
fn keep_logs(room: &Path) {
    let logs = room.join("log");
    fs::create_dir_all(logs.join("containers")).unwrap();
    for kind in &KINDS {
        let Some([namespace, pod, container]) = kind.names else {
            continue;
        };
        fs::create_dir_all(logs.join(format!("pods/{namespace}_{pod}_{UID}"))).unwrap();
        let name = format!("containers/{pod}_{namespace}_{container}-{}.log", kind.id);
        fs::write(logs.join(name), "").unwrap();
    }
    let mut mount = Command::new("mount");
    let mounted = mount.arg("--bind").arg(&logs).arg("/var/log").status();
    assert!(mounted.unwrap().success());
}

fn connect(address: (std::net::Ipv4Addr, u16)) -> TcpStream {
    let bound = Instant::now() + BOUND;
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => {
                stream.set_read_timeout(Some(BOUND)).unwrap();
                return stream;
            }
            Err(error) => assert!(Instant::now() < bound, "{address:?}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
