//! The jobs for CI servers in examples/ci: docs/ci.md shows them as they are, and their shell steps
//! do what they say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::room::{Room, installed};

/// A server as somebody's own: it answers every request, and has keepalive for 30 seconds.
const SERVER: &str = r#"
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
unsafe extern "C" {
    fn setsockopt(fd: i32, level: i32, name: i32, value: *const i32, length: u32) -> i32;
}
fn main() {
    let address = std::env::args().nth(2).expect("--listen ADDRESS");
    let listener = std::net::TcpListener::bind(address).unwrap();
    for (level, name, value) in [(1, 9, 1), (6, 4, 9), (6, 5, 1), (6, 6, 3), (6, 44, 1_000)] {
        unsafe { setsockopt(listener.as_raw_fd(), level, name, &value, 4) };
    }
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
        });
    }
}
"#;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn job(name: &str) -> String {
    fs::read_to_string(repository().join("examples/ci").join(name)).unwrap()
}

/// The shell steps of a job, in order: what stands behind `run:`, or is an item of `script:`.
fn steps(job: &str) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    let mut lines = job.lines().skip_while(|line| {
        let line = line.trim();
        line != "steps:" && line != "script:"
    });
    let is_script = lines.next().unwrap().trim() == "script:";
    let mut folded = None;
    for line in lines {
        let depth = line.len() - line.trim_start().len();
        let text = line.trim();
        let step = match is_script {
            true => text.strip_prefix("- "),
            false => text.strip_prefix("- run: "),
        };
        match (step, folded) {
            (_, Some(indent)) if depth > indent => {
                let last = steps.last_mut().unwrap();
                last.push_str(text);
                last.push(' ');
            }
            (Some(">-"), _) => {
                folded = Some(depth);
                steps.push(String::new());
            }
            (Some(step), _) => {
                folded = None;
                steps.push(step.to_owned());
            }
            (None, _) if is_script && !text.starts_with('#') => break,
            (None, _) => folded = None,
        }
    }
    steps
}

/// A project with a server, in a room of the caller's.
fn project() -> Room {
    let room = Room::of_caller();
    fs::create_dir(room.path().join("src")).unwrap();
    room.file("src/main.rs", SERVER.as_bytes());
    let manifest = "[package]\nname = \"my-server\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
                    [workspace]\n";
    room.file("Cargo.toml", manifest.as_bytes());
    room
}

/// Runs the steps one after the other, as the CI server does. `None` where no namespaces can be
/// made.
fn run(room: &Room, steps: &[String], set: impl Fn(&mut Command)) -> Option<()> {
    for step in steps {
        let mut command = room.command("bash");
        command.args(["-e", "-c", step]);
        // The caller's toolchain, and a target folder of the project's own.
        command.env("HOME", std::env::var_os("HOME").unwrap_or_default());
        command.env("CARGO_TARGET_DIR", "target");
        set(&mut command);
        let ran = room.run_with(command)?;
        assert_eq!(ran.code, 0, "{step}\n{}\n{}", ran.stdout, ran.stderr);
    }
    let report = fs::read_to_string(room.path().join("deadpeer.xml")).unwrap();
    assert!(report.contains("failures=\"0\""), "{report}");
    assert!(report.contains("power-off in-flight"), "{report}");
    Some(())
}

#[test]
fn they_are_printed_as_they_are() {
    let document = fs::read_to_string(repository().join("docs/ci.md")).unwrap();
    for name in ["github-actions.yml", "gitlab-ci.yml"] {
        let block = format!("```yaml\n{}```\n", job(name));
        assert!(document.contains(&block), "docs/ci.md and {name} differ");
    }
}

#[test]
fn the_job_for_github_runs() {
    if installed("curl").is_none() {
        return;
    }
    let room = project();
    let release = room.path().join("release.tar.gz");
    let packed = Command::new(repository().join("dist/archive"))
        .args([Path::new(env!("CARGO_BIN_EXE_deadpeer")), &release])
        .status();
    assert!(packed.unwrap().success());
    let mut steps = steps(&job("github-actions.yml"));
    assert_eq!(steps.len(), 4, "{steps:?}");
    // The machine's own settings are none of a test's business.
    steps.retain(|step| !step.starts_with("sudo sysctl"));
    let url = format!("file://{}", release.display());
    run(&room, &steps, |command| {
        command.env("DEADPEER_RELEASE", &url);
    });
}

#[test]
#[ignore = "builds the command once more, which takes minutes; .ci/long runs it"]
fn the_job_for_gitlab_runs() {
    let room = project();
    let steps = steps(&job("gitlab-ci.yml"));
    assert_eq!(steps.len(), 3, "{steps:?}");
    run(&room, &steps, |command| {
        command.env("DEADPEER_SOURCE", repository());
    });
}
