//! `examples/c/server.c`, compiled and run against clients that ask, end and vanish.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};

const DEADLINE_S: u64 = 10;

#[test]
fn with_the_shared_library() {
    run("shared", |compiler, folder| {
        compiler
            .arg("-L")
            .arg(folder)
            .arg("-ldeadpeer")
            .arg(format!("-Wl,-rpath,{}", folder.display()));
    });
}

#[test]
fn with_the_static_library() {
    run("static", |compiler, folder| {
        compiler.arg(folder.join("libdeadpeer.a"));
        // What the compiler names with --print native-static-libs.
        compiler.args(["-lpthread", "-ldl", "-lm"]);
    });
}

fn run(name: &str, link: impl FnOnce(&mut Command, &Path)) {
    let Some(program) = compile(name, link) else {
        return skip("no C compiler");
    };
    in_private_netns(|| {
        let mut server = Server::start(&program);
        an_orderly_end_is_told(&mut server);
        a_ping_is_answered(&mut server);
        a_vanished_client_is_noticed(&mut server);
    });
}

fn an_orderly_end_is_told(server: &mut Server) {
    let mut client = server.connect();
    client.write_all(b"hello").unwrap();
    let mut echo = [0; 5];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"hello");
    drop(client);
    // The watch and the read see the same FIN; either may come first.
    let line = server.line();
    let told = ["is gone: the peer closed its end", "died: peer-closed"];
    assert!(told.iter().any(|words| line.contains(words)), "{line:?}");
}

fn a_ping_is_answered(server: &mut Server) {
    let mut client = server.connect();
    client.write_all(b"ping").unwrap();
    let line = server.line();
    // How long ago depends on how busy the machine is.
    assert!(line.contains("was heard "), "{line:?}");
    let mut echo = [0; 4];
    client.read_exact(&mut echo).unwrap();
    drop(client);
    server.line();
}

fn a_vanished_client_is_noticed(server: &mut Server) {
    let client = server.connect();
    let mut living = server.connect();
    sockopt::mute(&client).unwrap();
    let start = Instant::now();
    let line = server.line();
    assert!(line.contains("is unreachable"), "{line:?}");
    assert!(start.elapsed() < Duration::from_secs(DEADLINE_S + 1));
    living.write_all(b"still here").unwrap();
    let mut echo = [0; 10];
    living.read_exact(&mut echo).unwrap();
}

/// `None` if there is no compiler.
fn compile(name: &str, link: impl FnOnce(&mut Command, &Path)) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("server-{name}"));
    let mut compiler = Command::new("cc");
    compiler
        .args([
            "-std=c11",
            "-D_GNU_SOURCE",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
        ])
        .arg(&program)
        .arg("-I")
        .arg(root.join("include"))
        .arg(root.join("../../examples/c/server.c"));
    link(&mut compiler, libraries());
    let output = compiler.output().ok()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(program)
}

/// Builds both libraries. Cargo does so for nobody's tests by itself, since Rust cannot link them.
fn libraries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libraries");
        let cargo = Path::new(env!("CARGO"));
        let build = Command::new(cargo)
            .args([
                "build",
                "--offline",
                "--package",
                "deadpeer-c",
                "--target-dir",
            ])
            .arg(&target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("RUSTC", cargo.with_file_name("rustc"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&build.stderr);
        assert!(build.status.success(), "{errors}");
        target.join("debug")
    })
}

struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(program: &Path) -> Self {
        let mut child = Command::new(program)
            .args(["0", &DEADLINE_S.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self {
            child,
            lines,
            address: String::new(),
        };
        let greeting = server.line();
        let address = greeting.trim().strip_prefix("listening at ");
        server.address = address.expect("an address").to_owned();
        server
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(&self.address).unwrap();
        let patience = Some(Duration::from_secs(10));
        client.set_read_timeout(patience).unwrap();
        client
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the server has ended");
        line
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
