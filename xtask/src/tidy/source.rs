//! Rules for Rust source.

use std::path::Path;

use anyhow::{Context as _, Result};
use cargo_metadata::Package;
use ignore::WalkBuilder;

use super::house::{House, Room};
use super::modules::{File, Product};
use super::tokens::{self, Token};
use super::{Finding, layout};

/// The findings in every source file of a package.
pub(super) fn check(
    house: &House,
    package: &Package,
    products: &[Product],
) -> Result<Vec<Finding>> {
    let Some(room) = house.room(&package.name) else {
        return Ok(Vec::new()); // A finding of the arrows.
    };
    let mut findings = Vec::new();
    let folder = package
        .manifest_path
        .parent()
        .context("a manifest has a folder")?;
    for entry in WalkBuilder::new(folder).build() {
        let entry = entry?;
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "rs")
        {
            check_file(entry.path(), |source| anywhere(room, source), &mut findings)?;
            findings.extend(second_place(entry.path()));
        }
    }
    for File { path: file, .. } in products.iter().flat_map(|product| &product.files) {
        let rules = |source: &str| {
            let mut faults = in_product(room, source)?;
            faults.extend(absent(room, file, source)?);
            Ok(faults)
        };
        check_file(file, rules, &mut findings)?;
    }
    Ok(findings)
}

/// A line and what is wrong there.
type Fault = (usize, String);

fn check_file(
    path: &Path,
    rules: impl Fn(&str) -> Result<Vec<Fault>>,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let source =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let faults = rules(&source).with_context(|| path.display().to_string())?;
    findings.extend(faults.into_iter().map(|(line, what)| Finding {
        path: path.to_owned(),
        line,
        what,
    }));
    Ok(())
}

/// What stands in a folder's `mod.rs` instead of beside it. Tests that share a file by `#[path]`
/// are no part of a `src`, and may.
fn second_place(path: &Path) -> Option<Finding> {
    let shipped = path.components().any(|part| part.as_os_str() == "src");
    (shipped && path.ends_with("mod.rs")).then(|| Finding {
        path: path.to_owned(),
        line: 1,
        what: "a module stands in name.rs beside its folder, not in mod.rs".to_owned(),
    })
}

/// Rules that hold in tests too.
fn anywhere(room: &Room, source: &str) -> Result<Vec<Fault>> {
    let tokens = tokens::all(source)?;
    let mut faults = Vec::new();
    if !source.starts_with("//!") {
        faults.push((1, "no module documentation at the top".to_owned()));
    }
    faults.extend(layout::wide_comments(source));
    faults.extend(layout::unordered_imports(source)?);
    if !room.may_be_unsafe {
        let unsafe_code = tokens.iter().filter(|token| token.is("unsafe"));
        faults.extend(unsafe_code.map(|token| {
            (
                token.line,
                format!("{} must not contain unsafe code", room.name),
            )
        }));
    }
    Ok(faults)
}

/// Rules for what is shipped.
fn in_product(room: &Room, source: &str) -> Result<Vec<Fault>> {
    let tokens = tokens::product(source)?;
    let mut faults = Vec::new();
    if !room.may_print {
        faults.extend(prints(&tokens));
    }
    let forbidden = paths(&tokens).into_iter().filter_map(|(line, path)| {
        let exits = !room.may_print && contains(&path, EXITS);
        let reaches = room.pure && contains(&path, ENVIRONMENT);
        if exits {
            Some((
                line,
                format!("a library must not exit: {}", path.join("::")),
            ))
        } else if reaches {
            Some((line, format!("{} is pure: {}", room.name, path.join("::"))))
        } else {
            None
        }
    });
    faults.extend(forbidden);
    Ok(faults)
}

/// What starts a thread.
const THREADS: &[&[&str]] = &[
    &["thread", "spawn"],
    &["thread", "scope"],
    &["thread", "Builder"],
    &["task", "spawn_blocking"],
];

/// What waits in its caller's place.
const SLEEPS: &[&[&str]] = &[
    &["thread", "sleep"],
    &["thread", "nanosleep"],
    &["event", "poll"],
    &["epoll", "wait"],
];

/// The library's only task: it waits for a watch that many streams share.
const TASK: (&str, &str) = ("deadpeer", "tokio/guard.rs");

/// Crates that reach the kernel.
const KERNEL: &[&[&str]] = &[
    &["rustix"],
    &["deadpeer_sys"],
    &["deadpeer_bpf"],
    &["deadpeer_host"],
];

/// What asks or tells the kernel about a socket.
const SOCKETS: &[&[&str]] = &[
    &["deadpeer_sys", "sockopt"],
    &["deadpeer_sys", "sock_diag"],
    &["deadpeer_sys", "tcp_info"],
];

/// What gives an application's error or data away, the crates that leave it alone, and the files in
/// them that say what it costs.
const TAKES: [&str; 5] = ["socket_error", "take_error", "SO_ERROR", "MSG_PEEK", "PEEK"];
const WATCHES: [&str; 5] = [
    "deadpeer",
    "deadpeer-sys",
    "deadpeer-bpf",
    "deadpeer-host",
    "deadpeer-guard",
];
const TAKERS: [(&str, &str); 3] = [
    ("deadpeer", "lib.rs"),
    ("deadpeer", "take_error.rs"),
    ("deadpeer-sys", "sockopt.rs"),
];

/// What ARCHITECTURE.md says is deliberately absent from some crates.
fn absent(room: &Room, file: &Path, source: &str) -> Result<Vec<Fault>> {
    let name = room.name.as_str();
    let tokens = tokens::product(source)?;
    let host = name == "deadpeer-host";
    let is_in = |module: &str| {
        file.file_stem().is_some_and(|stem| stem == module)
            || file.iter().any(|part| part == module)
    };
    let is_file = |of: &(&str, &str)| of.0 == name && file.ends_with(of.1);
    let heart = name == "deadpeer-guard" && is_in("heart");
    let mut faults = Vec::new();
    for (line, path) in paths(&tokens) {
        let threads = (host || name == "deadpeer") && contains(&path, THREADS);
        let sleeps = host && contains(&path, SLEEPS);
        let task = name == TASK.0 && !is_file(&TASK) && contains(&path, &[&["tokio", "spawn"]]);
        if threads || sleeps || task {
            let what = path.join("::");
            faults.push((line, format!("{name} waits in nobody's place: {what}")));
        }
        if heart && (contains(&path, ENVIRONMENT) || contains(&path, KERNEL)) {
            let what = path.join("::");
            faults.push((line, format!("the heart touches nothing: {what}")));
        } else if name == "deadpeer-guard" && contains(&path, SOCKETS) {
            let what = path.join("::");
            faults.push((line, format!("sockets are the host's business: {what}")));
        }
    }
    if name == "deadpeer-sys" && !file.ends_with("door.rs") {
        faults.extend(bare_errnos(&tokens));
    }
    if WATCHES.contains(&name) && !TAKERS.iter().any(is_file) {
        let takes = tokens
            .iter()
            .filter(|token| TAKES.iter().any(|name| token.is(name)));
        faults.extend(takes.map(|token| {
            let what = format!("an application's error is its own: {}", token.text);
            (token.line, what)
        }));
    }
    Ok(faults)
}

/// Errors that are an errno and nothing else: `Result<T, Errno>`.
fn bare_errnos(tokens: &[Token]) -> impl Iterator<Item = Fault> {
    let bare = tokens
        .windows(3)
        .filter(|around| !around[0].is("<") && around[1].is("Errno") && around[2].is(">"));
    bare.map(|around| {
        let what = "an errno leaves with the name of its call, as SysError";
        (around[1].line, what.to_owned())
    })
}

fn prints(tokens: &[Token]) -> Vec<Fault> {
    const MACROS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];
    let calls = tokens
        .windows(2)
        .filter(|pair| pair[1].is("!") && MACROS.contains(&pair[0].text.as_str()));
    calls
        .map(|pair| {
            (
                pair[0].line,
                format!("a library must not print: {}!", pair[0].text),
            )
        })
        .collect()
}

/// Ways out of the process.
const EXITS: &[&[&str]] = &[&["process", "exit"], &["process", "abort"]];

/// What no pure crate names: the clock, files, sockets, threads, other processes.
const ENVIRONMENT: &[&[&str]] = &[
    &["time", "Instant"],
    &["time", "SystemTime"],
    &["std", "time", "*"],
    &["net", "TcpListener"],
    &["net", "TcpStream"],
    &["net", "UdpSocket"],
    &["net", "ToSocketAddrs"],
    &["std", "net", "*"],
    &["std", "env"],
    &["std", "fs"],
    &["std", "os"],
    &["std", "process"],
    &["std", "thread"],
    &["io", "stdin"],
    &["io", "stdout"],
    &["io", "stderr"],
];

fn contains(path: &[String], patterns: &[&[&str]]) -> bool {
    patterns
        .iter()
        .any(|pattern| path.windows(pattern.len()).any(|part| part == *pattern))
}

/// Every path in the source, imports spelled out: `use std::{fs, io::Read}` names two.
pub(super) fn paths(tokens: &[Token]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut rest = tokens;
    while let [first, ..] = rest {
        let begin = if first.is("use") { &rest[1..] } else { rest };
        let before = found.len();
        let after = path_tree(begin, &[], &mut found);
        // No path begins here, or only the word of a name without `::`.
        rest = if after.len() < begin.len() && found.len() > before {
            after
        } else {
            &rest[1..]
        };
    }
    found
}

/// Reads `a::b`, `a::{b, c::d}` or `a::*` at the begin of the tokens and returns what follows.
fn path_tree<'t>(
    mut tokens: &'t [Token],
    prefix: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> &'t [Token] {
    let mut path = prefix.to_vec();
    loop {
        match tokens {
            [group, rest @ ..] if group.is("{") && !path.is_empty() => {
                tokens = rest;
                while let [next, after @ ..] = tokens {
                    if next.is("}") {
                        return after;
                    }
                    let left = path_tree(tokens, &path, found);
                    // A comma, or something that is no import after all.
                    tokens = if left.len() < tokens.len() && !next.is(",") {
                        left
                    } else {
                        after
                    };
                }
                return tokens;
            }
            [name, colons, rest @ ..] if is_segment(name) && colons.is("::") => {
                path.push(name.text.clone());
                tokens = rest;
            }
            [name, rest @ ..] if is_segment(name) => {
                path.push(name.text.clone());
                found.push((name.line, path));
                return rest;
            }
            _ => return tokens,
        }
    }
}

fn is_segment(token: &Token) -> bool {
    let mut characters = token.text.chars();
    let first = characters.next();
    token.is("*") || first.is_some_and(|c| c.is_alphabetic() || c == '_')
}
