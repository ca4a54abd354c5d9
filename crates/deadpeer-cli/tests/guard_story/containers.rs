//! Containers: a network namespace each, a cgroup that is called as a runtime calls it, and a
//! program.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use deadpeer_lab::{Lab, Process};
use deadpeer_sys::testing::skip;

use crate::common::{cgroups, installed};

/// A program in a container, and how a client speaks to it.
pub(crate) struct Service {
    /// Its policy, and its host in the lab.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) port: u16,
    /// Where its program is looked for.
    program: &'static str,
    script: &'static str,
    /// The cgroup, with the container's id for `ID`.
    cgroup: &'static str,
    digit: &'static str,
    /// What a client says first, and how the answer ends.
    pub(crate) greeting: [&'static [u8]; 2],
    pub(crate) question: [&'static [u8]; 2],
    /// Asks for some megabytes.
    pub(crate) much: [&'static [u8]; 2],
}

/// ReadyForQuery, outside a transaction.
const READY: &[u8] = b"Z\0\0\0\x05I";

pub(crate) const CACHE: Service = Service {
    name: "cache",
    title: "Redis",
    port: 6379,
    program: "redis-server",
    script: "exec redis-server --port 6379 --bind 0.0.0.0 --protected-mode no --save ''",
    cgroup: "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0ed0cc75_9db7_4a3b_9b9a_b1e6f4c7d1a2.slice/cri-containerd-ID.scope",
    digit: "1",
    greeting: [b"PING\r\n", b"+PONG\r\n"],
    question: [b"PING\r\n", b"+PONG\r\n"],
    much: [b"SETRANGE much 4000000 x\r\nGET much\r\n", b"x\r\n"],
};

pub(crate) const DATABASE: Service = Service {
    name: "database",
    title: "PostgreSQL",
    port: 5432,
    program: "psql",
    script: "PATH=$(echo /usr/lib/postgresql/*/bin):$PATH; cd $ROOM
nobody='setpriv --reuid 65534 --regid 65534 --clear-groups'
$nobody initdb -D $ROOM/pg --no-sync --auth=trust --username=nobody --locale=C
echo 'host all all all trust' >>pg/pg_hba.conf
exec $nobody postgres -D $ROOM/pg -k $ROOM -F -h 0.0.0.0 -p 5432",
    cgroup: "system.slice/docker-ID.scope",
    digit: "2",
    // The first message of protocol 3.0: its length, the version, names with their values.
    greeting: [
        b"\0\0\0\x27\0\x03\0\0user\0nobody\0database\0postgres\0\0",
        READY,
    ],
    question: [b"Q\0\0\0\x0dselect 1\0", READY],
    much: [b"Q\0\0\0\x20select repeat('x', 4000000)\0", READY],
};

pub(crate) const WEB: Service = Service {
    name: "web",
    title: "nginx",
    port: 8080,
    program: "nginx",
    script: "exec nginx -c $ROOM/nginx.conf",
    cgroup: "machine.slice/libpod-ID.scope/container",
    digit: "3",
    greeting: [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"hello"],
    question: [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"hello"],
    much: [b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n", b"end"],
};

pub(crate) const API: Service = Service {
    name: "api",
    title: "a static Go program",
    port: 8081,
    program: "api",
    script: "exec $ROOM/api",
    cgroup: "kubepods.slice/kubepods-pod0ed0cc75_9db7_4a3b_9b9a_b1e6f4c7d1a2.slice/crio-ID.scope",
    digit: "4",
    greeting: [b"hello\n", b"hello\n"],
    question: [b"hello\n", b"hello\n"],
    much: [b"much\n", b"end\n"],
};

const NGINX: &str = "daemon off; master_process off; error_log stderr; pid ROOM/nginx.pid;
events {}
http { access_log off; keepalive_timeout 1h; send_timeout 1h; client_body_temp_path ROOM; proxy_temp_path ROOM; fastcgi_temp_path ROOM; uwsgi_temp_path ROOM; scgi_temp_path ROOM;
server { listen 8080; root ROOM; location = / { return 200 hello; } } }
";

impl Service {
    /// Its container's, which no other test has: a guard of the machine hears of its deaths too.
    pub(crate) fn id(&self) -> String {
        static RUN: LazyLock<u64> = LazyLock::new(any_number);
        format!("{}{:016x}", self.digit.repeat(48), *RUN)
    }

    fn is_installed(&self) -> bool {
        match self.program {
            "api" => go().is_some(),
            program => installed(program).is_some(),
        }
    }
}

/// A number that is another in each run.
fn any_number() -> u64 {
    RandomState::new().hash_one(())
}

/// Containers that run. Everything ends when dropped.
pub(crate) struct Containers {
    programs: Vec<Process>,
    cgroups: PathBuf,
}

impl Containers {
    /// `None`, loudly, where they can't be made. `room`: what they can write to.
    pub(crate) fn start(lab: &Lab, services: &[Service], room: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip("cgroups take root");
            return None;
        }
        if let Some(missing) = services.iter().find(|service| !service.is_installed()) {
            skip(&format!("{} is not installed", missing.title));
            return None;
        }
        let Some(root) = cgroups::root() else {
            skip("no cgroup v2");
            return None;
        };
        let cgroups = root.join(format!(
            "deadpeer-story-{}",
            room.file_name().unwrap().display()
        ));
        if let Err(error) = fs::create_dir(&cgroups) {
            skip(&format!("no cgroup can be made: {error}"));
            return None;
        }
        fs::set_permissions(room, fs::Permissions::from_mode(0o777)).unwrap();
        let nginx = NGINX.replace("ROOM", room.to_str().unwrap());
        fs::write(room.join("nginx.conf"), nginx).unwrap();
        fs::write(room.join("much"), "x".repeat(4_000_000) + "end").unwrap();
        let mut containers = Self {
            programs: Vec::new(),
            cgroups,
        };
        for service in services {
            if service.program == "api" {
                build(&room.join("api"));
            }
            containers.run(lab, service, room);
        }
        Some(containers)
    }

    fn run(&mut self, lab: &Lab, service: &Service, room: &Path) {
        let cgroup = service.cgroup.replace("ID", &service.id());
        let cgroup = self.cgroups.join(cgroup);
        fs::create_dir_all(&cgroup).unwrap();
        let cgroup = cgroup.display();
        let script = format!("echo $$ > {cgroup}/cgroup.procs\n{}", service.script);
        let said = fs::File::create(room.join(service.name).with_extension("log")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-ec", &script]).env("ROOM", room);
        command
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said);
        let host = lab.host(service.name).unwrap();
        self.programs.push(host.spawn(&mut command).unwrap());
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        self.programs.clear();
        cgroups::remove(&self.cgroups);
    }
}

/// A static program: nothing of it is the C library's.
fn build(program: &Path) {
    let server = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guard_story/server.go");
    let mut command = Command::new(go().unwrap());
    command.args(["build", "-o"]).arg(program).arg(server);
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
    command
        .env("CGO_ENABLED", "0")
        .env("GO111MODULE", "off")
        .env("GOCACHE", cache);
    let built = command.output().unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    let interpreter = b"/ld-linux";
    let bytes = fs::read(program).unwrap();
    let mut places = bytes.windows(interpreter.len());
    assert!(places.all(|place| place != interpreter), "it is not static");
}

/// Debian keeps each version in a folder of its own, and only golang-go has a link to it.
fn go() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib").ok()?.flatten();
    let programs = versions.map(|entry| entry.path().join("bin/go"));
    installed("go").or_else(|| programs.filter(|program| program.is_file()).max())
}
