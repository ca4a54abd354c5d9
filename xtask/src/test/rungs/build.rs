//! What cargo does: it builds the test binaries, and builds and runs documentation's examples.

use std::io::{BufRead as _, BufReader, IsTerminal as _, Read as _, Seek as _};
use std::path::PathBuf;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use cargo_metadata::{Artifact, Message};
use deadpeer_workspace::{cargo, output};

use super::binary::{Binary, Runner};
use super::target::Target;

/// After so long without a word, while something is linked for instance, it is said what goes on.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// What came of documentation's examples.
pub(super) struct Documentation {
    pub(super) passed: bool,
    pub(super) failed: Vec<Target>,
}

/// Builds all test binaries. `None`: they don't build, and cargo has said why.
pub(super) fn binaries() -> Result<Option<Vec<Binary>>> {
    // Not the examples, of which clippy has said that they build.
    let mut build = test(&["--workspace", "--tests", "--no-run"]);
    build.arg("--message-format=json-render-diagnostics");
    let mut child = build
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting cargo")?;
    let errors = child.stderr.take().context("cargo has no standard error")?;
    let messages = child
        .stdout
        .take()
        .context("cargo has no standard output")?;
    let messages = thread::spawn(move || {
        let messages = Message::parse_stream(BufReader::new(messages));
        messages.collect::<std::io::Result<Vec<_>>>()
    });
    follow(errors)?;
    let Ok(messages) = messages.join() else {
        anyhow::bail!("reading what cargo has built");
    };
    if !child.wait().context("waiting for cargo")?.success() {
        return Ok(None);
    }
    let built = messages.context("reading what cargo has built")?;
    let binaries = built.into_iter().filter_map(|message| {
        let Message::CompilerArtifact(artifact) = message else {
            return None;
        };
        binary(artifact)
    });
    Ok(Some(binaries.collect()))
}

fn binary(artifact: Artifact) -> Option<Binary> {
    let executable = artifact.executable?;
    let folder = artifact.manifest_path.parent()?;
    let package = package(&artifact.package_id.repr)?;
    let target = &artifact.target;
    let which = if target.is_test() {
        format!("--test {}", target.name)
    } else if target.is_bin() {
        format!("--bin {}", target.name)
    } else {
        "--lib".to_owned()
    };
    artifact.profile.test.then(|| Binary {
        target: Target(format!("-p {package} {which}")),
        executable: executable.into(),
        folder: PathBuf::from(folder),
    })
}

/// The name in `path+file:///home/me/deadpeer/crates/deadpeer-sys#0.1.0`, or in `...#name@0.1.0`
/// where the folder has another.
fn package(id: &str) -> Option<&str> {
    let (folder, version) = id.rsplit_once('#')?;
    match version.split_once('@') {
        Some((name, _)) => Some(name),
        None => folder.rsplit('/').next(),
    }
}

/// Builds and runs documentation's examples, which are the tests with a line in their names. The
/// test binaries are started too, and find nothing to do: cargo would build half of the
/// dependencies once more for documentation alone.
pub(super) fn documentation(runner: &Runner) -> Result<Documentation> {
    let mut said = tempfile::tempfile().context("making a temporary file")?;
    let mut test = test(&["--workspace", "--no-fail-fast", "--", "(line "]);
    test.env(runner_variable()?, &runner.0);
    let mut child = test
        .stdout(said.try_clone().context("copying a descriptor")?)
        .stderr(Stdio::piped())
        .spawn()
        .context("starting cargo")?;
    let errors = child.stderr.take().context("cargo has no standard error")?;
    let failed = follow(errors)?;
    let passed = child.wait().context("waiting for cargo")?.success();
    let mut text = String::new();
    said.rewind().context("reading what cargo said")?;
    said.read_to_string(&mut text)
        .context("reading what cargo said")?;
    match passed {
        true => println!("== {} examples of documentation passed", examples(&text)),
        false => println!("{text}"),
    }
    Ok(Documentation { passed, failed })
}

/// How many tests passed, by libtest's `test result: ok. 3 passed; ...`.
fn examples(said: &str) -> u64 {
    let counts = said.lines().filter_map(|line| {
        let (_, counts) = line.split_once("test result: ok. ")?;
        counts.split(' ').next()?.parse::<u64>().ok()
    });
    counts.sum()
}

fn test(arguments: &[&str]) -> Command {
    let mut test = cargo();
    test.args(["test", "--all-features"]).args(arguments);
    if std::io::stderr().is_terminal() {
        test.env("CARGO_TERM_COLOR", "always");
    }
    test
}

/// Repeats what cargo says, and in its long silences what it said last. Returns what it says has
/// failed.
fn follow(errors: ChildStderr) -> Result<Vec<Target>> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(errors).split(b'\n') {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let (mut failed, mut last, mut said) = (Vec::new(), String::new(), Instant::now());
    loop {
        match lines.recv_timeout(SILENCE) {
            Ok(line) => {
                last = String::from_utf8_lossy(&line.context("reading from cargo")?).into_owned();
                said = Instant::now();
                eprintln!("{last}");
                failed.extend(Target::named_in(&last));
            }
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("== {} s since: {}", said.elapsed().as_secs(), last.trim());
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(failed),
        }
    }
}

/// What cargo calls the runner of this machine's binaries.
fn runner_variable() -> Result<String> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc -vV names no host")?;
    let target = host.to_uppercase().replace('-', "_");
    Ok(format!("CARGO_TARGET_{target}_RUNNER"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_counted() {
        let said = "running 2 tests\ntest result: ok. 2 passed; 0 failed; 0 ignored\n\
            test result: ok. 1 passed; 0 failed; 1 ignored\n";
        assert_eq!(examples(said), 3);
    }

    #[test]
    fn a_package_is_named_by_its_folder_or_by_name() {
        let named = "path+file:///w/examples#deadpeer-examples@0.1.0";
        assert_eq!(package(named), Some("deadpeer-examples"));
        let folder = "path+file:///w/crates/deadpeer-sys#0.1.0";
        assert_eq!(package(folder), Some("deadpeer-sys"));
    }
}
