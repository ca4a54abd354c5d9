//! `cargo xtask bpf`: the eBPF programs from C to objects, with one compiler and always the same
//! result.
//!
//! The objects are committed, so that nobody who builds deadpeer needs a compiler for them.
//! `--check` makes them again in two other directories and compares: an object that doesn't come
//! from its source is found.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use deadpeer_workspace::{output, root};

/// The compiler of Debian 12. Another one makes other objects, as good but not the same.
const CLANG: &str = "clang-14";
const STRIP: &str = "llvm-strip-14";
const VERSION: &str = "14.0.6";

/// What to do with the programs.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing: make the objects twice elsewhere and compare them with those in the tree.
    #[arg(long)]
    check: bool,
}

/// Makes or checks the objects. `false` if one is not what its source makes.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let version = output(Command::new(CLANG).arg("--version"))?;
    ensure!(
        version.contains(VERSION),
        "{CLANG} is {}, and the objects come from {VERSION}",
        version.lines().next().unwrap_or_default()
    );
    if arguments.check {
        return check();
    }
    let objects = folder("objects");
    for program in programs(&folder("programs"))? {
        compile(&folder("programs"), &program, &objects)?;
        println!("{program}.o");
    }
    Ok(true)
}

/// The check as a part of `cargo xtask test`: without the compiler it is skipped aloud, which is a
/// failure where skipping is.
pub(crate) fn check_or_skip() -> Result<bool> {
    let is_here = |tool| Command::new(tool).arg("--version").output().is_ok();
    if is_here(CLANG) && is_here(STRIP) {
        return run(&Arguments { check: true });
    }
    println!("SKIP: the objects can't be compared with their sources without {CLANG} and {STRIP}");
    Ok(std::env::var_os("DEADPEER_NO_SKIP").is_none_or(|value| value != "1"))
}

fn check() -> Result<bool> {
    let programs = programs(&folder("programs"))?;
    let mut same = true;
    for name in ["here", "somewhere/else"] {
        let elsewhere = tempfile::tempdir().context("a temporary directory")?;
        let sources = elsewhere.path().join(name);
        copy(&folder("programs"), &sources)?;
        for program in &programs {
            compile(&sources, program, elsewhere.path())?;
            let object = format!("{program}.o");
            let made = read(&elsewhere.path().join(&object))?;
            if made != read(&folder("objects").join(&object))? {
                println!(
                    "objects/{object} is not what programs/{program}.c makes: cargo xtask bpf"
                );
                same = false;
            }
        }
    }
    let left = names(&folder("objects"), ".o")?;
    for object in left.iter().filter(|object| !programs.contains(object)) {
        println!("objects/{object}.o has no source");
        same = false;
    }
    Ok(same)
}

/// Compiles and strips one program. Nothing in the object depends on where its source is.
fn compile(sources: &Path, program: &str, objects: &Path) -> Result<()> {
    let object = objects.join(format!("{program}.o"));
    let mut clang = Command::new(CLANG);
    clang
        .current_dir(sources)
        // Registers are whole words, and so is what is put aside on the stack: without CAP_PERFMON
        // the verifier of Linux 6.1 lets no half of a place be written where a number was put aside
        // before.
        .args(["-target", "bpfel", "-mcpu=v2", "-O2", "-g"])
        // A place on the stack is used for one thing: without CAP_PERFMON the verifier lets no
        // number be written where a pointer was.
        .args(["-mllvm", "-no-stack-coloring"])
        .args(["-mllvm", "-no-stack-slot-sharing"])
        .args(["-Wall", "-Wextra", "-Werror"])
        .arg(format!("-ffile-prefix-map={}=.", sources.display()))
        .arg("-c")
        .arg(format!("{program}.c"))
        .arg("-o")
        .arg(&object);
    output(&mut clang)?;
    // Debugging information goes; the types, which the loader needs, stay.
    output(Command::new(STRIP).arg("--strip-debug").arg(&object))?;
    Ok(())
}

fn folder(name: &str) -> PathBuf {
    root().join("crates/deadpeer-bpf").join(name)
}

/// The programs by name, `sockets.bpf` for `sockets.bpf.c`.
fn programs(sources: &Path) -> Result<Vec<String>> {
    names(sources, ".c")
}

fn names(folder: &Path, ending: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let entries = std::fs::read_dir(folder);
    for entry in entries.with_context(|| format!("reading {}", folder.display()))? {
        let name = entry?.file_name();
        names.extend(
            name.to_str()
                .and_then(|name| name.strip_suffix(ending))
                .map(str::to_owned),
        );
    }
    names.sort();
    Ok(names)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in std::fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))
            .with_context(|| format!("copying {}", entry.path().display()))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}
