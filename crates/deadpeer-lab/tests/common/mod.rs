//! Running a test inside an enclosure, as the caller and as somebody without privilege.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use deadpeer_lab::{Host, enclosure};
use deadpeer_sys::testing::skip;

/// Long enough for anything that ought to happen at once, on a busy machine too.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Runs the body of a test inside an enclosure, in a process of its own that runs the same test
/// again.
pub(crate) fn inside<F: FnOnce()>(body: F) {
    if enclosure::current().is_some() {
        return body();
    }
    let test = test_of::<F>();
    match enclosure::run(arguments(test)) {
        Ok(status) => assert!(status.success(), "{test} inside its enclosure: {status}"),
        Err(enclosure::EnclosureError::Refused { source }) => {
            skip(&format!("no private namespaces here: {source}"));
        }
        Err(error) => panic!("{error}"),
    }
}

/// Runs the body of a test inside an enclosure twice: as the caller, and as nobody if the caller is
/// root.
pub(crate) fn inside_as_anybody<F: FnOnce()>(body: F) {
    if enclosure::current().is_none() && rustix::process::geteuid().is_root() {
        let test = test_of::<F>();
        let copy = Copy::of_this_binary();
        let status = as_nobody(&copy.binary).args(arguments(test)).status();
        let status = status.expect("setpriv of util-linux");
        assert!(status.success(), "{test} as nobody: {status}");
    }
    inside(body);
}

/// The test that a closure was written in: `binary::test::{{closure}}`.
fn test_of<F>() -> &'static str {
    let name = std::any::type_name::<F>();
    let name = name.split_once("::").map_or(name, |(_, rest)| rest);
    name.strip_suffix("::{{closure}}").unwrap_or(name)
}

fn arguments(test: &str) -> [&str; 4] {
    ["--exact", test, "--nocapture", "--test-threads=1"]
}

/// A command that runs a binary as user nobody without any capability.
pub(crate) fn as_nobody(binary: &std::path::Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"])
        .arg(binary)
        .current_dir("/");
    command
}

/// A copy of this test binary where everybody may run it, removed when dropped.
pub(crate) struct Copy {
    directory: PathBuf,
    pub(crate) binary: PathBuf,
}

impl Copy {
    pub(crate) fn of_this_binary() -> Self {
        static COPIES: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COPIES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("deadpeer-lab-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
        let binary = directory.join("test");
        // By a program of its own: a file that this process has open for writing could be inherited
        // by a child that another test is just starting, and would be too busy to be run.
        let this = std::env::current_exe().unwrap();
        let mut install = Command::new("install");
        install.args(["-m", "755"]).arg(this).arg(&binary);
        assert!(install.status().expect("install of coreutils").success());
        Self { directory, binary }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Both addresses of a host.
pub(crate) fn addresses(host: &Host) -> [IpAddr; 2] {
    [host.v4().into(), host.v6().into()]
}

/// A connection from one host to another, both ends.
pub(crate) fn connected(from: &Host, to: &Host, address: IpAddr) -> (TcpStream, TcpStream) {
    let listener = listen(to, address);
    let there = listener.local_addr().unwrap();
    let stream = connect(from, there).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    for end in [&stream, &accepted] {
        end.set_read_timeout(Some(SOON)).unwrap();
        end.set_write_timeout(Some(SOON)).unwrap();
        end.set_nodelay(true).unwrap();
    }
    (stream, accepted)
}

/// A listener in a host, on a port the kernel chooses.
pub(crate) fn listen(host: &Host, address: IpAddr) -> TcpListener {
    host.enter(|| TcpListener::bind((address, 0)).unwrap())
        .unwrap()
}

/// Connects from a host.
pub(crate) fn connect(host: &Host, to: SocketAddr) -> std::io::Result<TcpStream> {
    host.enter(|| TcpStream::connect_timeout(&to, SOON))
        .unwrap()
}

/// Asks again and again until it holds; fails after a while.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < SOON, "not within {SOON:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
