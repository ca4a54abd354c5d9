//! Each rule bites: a small tidy tree, spoilt in one place.

use std::fs;
use std::path::Path;

use deadpeer_workspace::root;
use tempfile::TempDir;

use super::check;

#[test]
fn a_tidy_tree_has_no_findings() {
    Tree::new().expect_findings(&[]);
}

/// The rules hold where they are made.
#[test]
fn this_repository_is_tidy() {
    let findings = check(&root()).expect("a workspace");
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn an_arrow_that_is_not_planned() {
    let tree = Tree::new();
    tree.append(
        "crates/deadpeer-core/Cargo.toml",
        "[dependencies]\ndeadpeer-sys = { path = \"../deadpeer-sys\" }\n",
    );
    // Cargo refuses cycles itself, so this arrow goes without its opposite.
    tree.write("crates/deadpeer-sys/Cargo.toml", &manifest("deadpeer-sys"));
    tree.expect_findings(&[
        "crates/deadpeer-core/Cargo.toml:1: deadpeer-core must not use deadpeer-sys",
        "crates/deadpeer-sys/Cargo.toml:1: deadpeer-sys may use deadpeer-core, and does not",
    ]);
}

/// The document is the plan: an arrow drawn there is allowed, a crate without one has no place.
#[test]
fn the_arrows_are_those_of_the_document() {
    let tree = Tree::new();
    tree.add_crate("deadpeer-lab", "");
    tree.append(
        "crates/deadpeer-sys/Cargo.toml",
        "deadpeer-lab = { path = \"../deadpeer-lab\" }\n",
    );
    tree.write(
        "ARCHITECTURE.md",
        &PLAN.replace("-sys  -> core", "-sys  -> core, lab"),
    );
    tree.expect_findings(&[]);
    for (line, said) in [
        (
            "deadpeer-sys  -> core\n",
            "deadpeer-sys is in the code map and has no arrows",
        ),
        (
            "| `crates/deadpeer-sys` | kernel | calls |\n",
            "deadpeer-sys has arrows, and no line in the code map that says its kind",
        ),
    ] {
        tree.write("ARCHITECTURE.md", &PLAN.replace(line, ""));
        let root: &Path = &tree.folder.path().canonicalize().expect("it exists");
        let error = format!("{:#}", check(root).expect_err(line));
        assert!(error.ends_with(said), "{error}");
    }
}

#[test]
fn the_lab_is_for_tests() {
    let tree = Tree::new();
    tree.add_crate("deadpeer-lab", "");
    tree.append(
        "crates/deadpeer-sys/Cargo.toml",
        "[dev-dependencies]\ndeadpeer-lab = { path = \"../deadpeer-lab\" }\n",
    );
    tree.expect_findings(&[]);
    tree.add_crate(
        "deadpeer-host",
        "[dependencies]\ndeadpeer-lab = { path = \"../deadpeer-lab\" }\n",
    );
    tree.expect_findings(&[
        "crates/deadpeer-host/Cargo.toml:1: deadpeer-host must not use deadpeer-lab",
    ]);
}

#[test]
fn a_crate_without_a_place() {
    let tree = Tree::new();
    tree.add_crate("deadpeer-misc", "");
    tree.expect_findings(&[
        "crates/deadpeer-misc/Cargo.toml:1: deadpeer-misc has no place in the plan of the house",
    ]);
}

#[test]
fn a_pure_crate_with_an_impure_dependency() {
    let tree = Tree::new();
    tree.append(
        "crates/deadpeer-core/Cargo.toml",
        "[dependencies]\nlibc = \"0.2\"\n",
    );
    tree.expect_findings(&[
        "crates/deadpeer-core/Cargo.toml:1: deadpeer-core is pure and must not use libc",
    ]);
}

#[test]
fn another_way_to_the_kernel() {
    let tree = Tree::new();
    tree.append(
        "crates/deadpeer-sys/Cargo.toml",
        "libc = \"0.2\"\n[dev-dependencies]\nsocket2 = \"0.6\"\n",
    );
    tree.expect_findings(&[]);
    tree.add_crate(
        "deadpeer-host",
        "[dependencies]\nnix = \"0.31\"\nsocket2 = \"0.6\"\n",
    );
    tree.expect_findings(&[
        "crates/deadpeer-host/Cargo.toml:1: deadpeer-host must not use socket2: rustix is the way to the kernel",
    ]);
}

#[test]
fn a_member_with_lints_of_its_own() {
    let tree = Tree::new();
    let path = "crates/deadpeer-core/Cargo.toml";
    let own =
        manifest("deadpeer-core").replace("workspace = true", "rust.missing_docs = \"allow\"");
    tree.write(path, &own);
    tree.expect_findings(&["crates/deadpeer-core/Cargo.toml:1: no `[lints] workspace = true`"]);
}

#[test]
fn a_module_without_documentation() {
    let tree = Tree::new();
    tree.write("crates/deadpeer-core/tests/bare.rs", "fn nothing() {}\n");
    tree.expect_findings(&[
        "crates/deadpeer-core/tests/bare.rs:1: no module documentation at the top",
    ]);
}

#[test]
fn a_library_that_prints() {
    let tree = Tree::new();
    tree.append(
        SYS,
        "pub fn f() {\n    assert!({ println!(\"x\"); true });\n}\n",
    );
    tree.expect_findings(&["crates/deadpeer-sys/src/lib.rs:3: a library must not print: println!"]);
}

#[test]
fn a_library_that_exits() {
    let tree = Tree::new();
    tree.append(SYS, "use std::{fmt, process::{self, exit}};\n");
    tree.append(SYS, "pub fn f() { process::abort() }\n");
    tree.expect_findings(&[
        "crates/deadpeer-sys/src/lib.rs:2: a library must not exit: std::process::exit",
        "crates/deadpeer-sys/src/lib.rs:3: a library must not exit: process::abort",
    ]);
}

#[test]
fn tests_and_commands_may_print_and_exit() {
    let tree = Tree::new();
    let print = "{ println!(\"x\"); std::process::exit(1) }";
    tree.append(
        SYS,
        &format!("#[cfg(test)]\nmod tests {{ fn f() {print} }}\n"),
    );
    tree.append(SYS, "#[cfg(feature = \"testing\")]\npub mod testing;\n");
    tree.write(
        "crates/deadpeer-sys/src/testing.rs",
        &format!("//! Tests.\npub fn f() {print}\n"),
    );
    tree.write(
        "crates/deadpeer-sys/tests/t.rs",
        &format!("//! Tests.\nfn f() {print}\n"),
    );
    tree.add_crate("deadpeer-cli", "");
    tree.append(
        "crates/deadpeer-cli/src/lib.rs",
        &format!("fn f() {print}\n"),
    );
    tree.expect_findings(&[]);
}

#[test]
fn unsafe_code_stands_in_sys_alone() {
    let tree = Tree::new();
    let block = "pub fn f() { unsafe { std::hint::unreachable_unchecked() } }\n";
    tree.append(SYS, block);
    tree.append(CORE, block);
    tree.expect_findings(&[
        "crates/deadpeer-core/src/lib.rs:2: deadpeer-core must not contain unsafe code",
    ]);
}

#[test]
fn a_feature_for_tests_in_what_is_shipped() {
    let tree = Tree::new();
    let core = "deadpeer-core = { path = \"../deadpeer-core\", features = [\"faults\"] }\n";
    let ships = format!("[dependencies]\n{core}");
    tree.write(
        "crates/deadpeer-sys/Cargo.toml",
        &(manifest("deadpeer-sys") + &ships),
    );
    tree.append(
        "crates/deadpeer-cli/Cargo.toml",
        &format!("[dev-dependencies]\n{core}"),
    );
    tree.expect_findings(&[
        "crates/deadpeer-sys/Cargo.toml:1: deadpeer-sys ships faults of deadpeer-core, which is for tests",
    ]);
}

#[test]
fn a_pure_crate_that_reaches_outside() {
    let tree = Tree::new();
    let outside =
        "use std::time::{Duration, Instant};\nuse std::net::{IpAddr, TcpStream};\nmod inner;\n";
    tree.append(CORE, outside);
    tree.write(
        "crates/deadpeer-core/src/inner.rs",
        "//! Inner.\npub fn f() -> usize { std::thread::current().name().map_or(0, str::len) }\n",
    );
    // The same in sys, and in tests, is fine.
    tree.append(SYS, "use std::time::Instant;\n");
    tree.write(
        "crates/deadpeer-core/tests/t.rs",
        "//! Tests.\nuse std::fs;\n",
    );
    tree.expect_findings(&[
        "crates/deadpeer-core/src/inner.rs:2: deadpeer-core is pure: std::thread::current",
        "crates/deadpeer-core/src/lib.rs:2: deadpeer-core is pure: std::time::Instant",
        "crates/deadpeer-core/src/lib.rs:3: deadpeer-core is pure: std::net::TcpStream",
    ]);
}

#[test]
fn imports_out_of_order() {
    let tree = Tree::new();
    let tidy =
        "mod inner;\nuse std::fmt;\n\nuse deadpeer_core::{\n    Plan,\n};\n\nuse inner::Thing;\n";
    tree.write("crates/deadpeer-core/src/inner.rs", "//! Inside.\n");
    tree.append(CORE, tidy);
    tree.expect_findings(&[]);
    tree.append(CORE, "use deadpeer_sys::Late;\n");
    tree.append(SYS, "use std::fmt;\nuse crate::Plan;\n");
    let what = "imports stand in three groups: std, other crates, this crate";
    tree.expect_findings(&[
        &format!("crates/deadpeer-core/src/lib.rs:10: {what}"),
        &format!("crates/deadpeer-sys/src/lib.rs:3: {what}"),
    ]);
}

#[test]
fn a_comment_wider_than_code() {
    let tree = Tree::new();
    let words = "word ".repeat(20);
    tree.append(
        CORE,
        &format!("// {words}!\n/// | {words}|\n/// ```\n/// {words}!\n/// ```\nfn f() {{}}\n"),
    );
    tree.expect_findings(&[
        "crates/deadpeer-core/src/lib.rs:2: a comment of 104 columns, at most 100",
    ]);
}

#[test]
fn a_library_that_waits_in_its_callers_place() {
    let tree = Tree::new();
    tree.append(
        "crates/deadpeer-host/src/lib.rs",
        "pub fn f() { std::thread::sleep(Default::default()); std::thread::scope(|_| ()); }\n",
    );
    tree.append(
        SYS,
        "pub fn f() { std::thread::sleep(Default::default()) }\n",
    );
    let place =
        "crates/deadpeer-host/src/lib.rs:2: deadpeer-host waits in nobody's place: std::thread";
    tree.expect_findings(&[&format!("{place}::scope"), &format!("{place}::sleep")]);
}

#[test]
fn an_errno_without_its_call() {
    let tree = Tree::new();
    let bare = "pub fn f() -> Result<Option<Errno>> {}\npub fn g() -> Result<u8, io::Errno> {}\n";
    tree.append(SYS, &format!("mod door;\n{bare}"));
    tree.write(
        "crates/deadpeer-sys/src/door.rs",
        &format!("//! The door.\n{bare}"),
    );
    tree.append("crates/deadpeer-host/src/lib.rs", bare);
    tree.expect_findings(&[
        "crates/deadpeer-sys/src/lib.rs:4: an errno leaves with the name of its call, as SysError",
    ]);
}

#[test]
fn a_library_with_a_task_or_a_thread_of_its_own() {
    let tree = Tree::new();
    let spawns = "pub fn f() { tokio::spawn(g()); std::thread::spawn(g); }\n";
    tree.append("crates/deadpeer/src/lib.rs", "mod heartbeat;\nmod tokio;\n");
    let file = |name: &str, text: &str| {
        let path = format!("crates/deadpeer/src/{name}.rs");
        tree.write(&path, &format!("//! Inside.\n{text}"));
    };
    file("heartbeat", spawns);
    file("tokio", "mod guard;\n");
    file("tokio/guard", spawns);
    let waits = "deadpeer waits in nobody's place";
    tree.expect_findings(&[
        &format!("crates/deadpeer/src/heartbeat.rs:2: {waits}: std::thread::spawn"),
        &format!("crates/deadpeer/src/heartbeat.rs:2: {waits}: tokio::spawn"),
        &format!("crates/deadpeer/src/tokio/guard.rs:2: {waits}: std::thread::spawn"),
    ]);
}

#[test]
fn a_heart_that_reads_a_clock() {
    let tree = Tree::new();
    let reads = "pub fn f() { let _ = std::time::Instant::now(); deadpeer_sys::clock::boot(); }\n";
    tree.append(
        "crates/deadpeer-guard/src/lib.rs",
        "mod heart;\nmod shell;\n",
    );
    for module in ["heart", "shell"] {
        let path = format!("crates/deadpeer-guard/src/{module}.rs");
        tree.write(&path, &format!("//! Inside.\n{reads}"));
    }
    let place = "crates/deadpeer-guard/src/heart.rs:2: the heart touches nothing";
    tree.expect_findings(&[
        &format!("{place}: deadpeer_sys::clock::boot"),
        &format!("{place}: std::time::Instant::now"),
    ]);
}

#[test]
fn a_daemon_that_sets_options_itself() {
    let tree = Tree::new();
    let sets = "use deadpeer_sys::{clock, sockopt};\n";
    tree.append("crates/deadpeer-guard/src/lib.rs", sets);
    tree.append("crates/deadpeer-host/src/lib.rs", sets);
    tree.expect_findings(&[
        "crates/deadpeer-guard/src/lib.rs:2: sockets are the host's business: deadpeer_sys::sockopt",
    ]);
}

#[test]
fn an_error_that_is_taken() {
    let tree = Tree::new();
    let takes = "pub fn f(s: &std::net::TcpStream) { let _ = s.take_error(); }\n";
    tree.append(SYS, "mod inner;\n");
    tree.write(
        "crates/deadpeer-sys/src/inner.rs",
        &format!("//! Inside.\n{takes}"),
    );
    tree.append(SYS, "mod sockopt;\n");
    tree.write(
        "crates/deadpeer-sys/src/sockopt.rs",
        &format!("//! Takes.\n{takes}"),
    );
    tree.append("crates/deadpeer-guard/src/lib.rs", takes);
    let own = "an application's error is its own: take_error";
    tree.expect_findings(&[
        &format!("crates/deadpeer-guard/src/lib.rs:2: {own}"),
        &format!("crates/deadpeer-sys/src/inner.rs:2: {own}"),
    ]);
}

#[test]
fn modules_that_need_each_other() {
    let tree = Tree::new();
    tree.append(
        CORE,
        "mod one;\nmod three;\nmod two;\n\npub use three::Third;\n",
    );
    let file = |name: &str, uses: &str| {
        let path = format!("crates/deadpeer-core/src/{name}.rs");
        tree.write(&path, &format!("//! Inside.\n{uses}\n"));
    };
    file("one", "use crate::two::Second;");
    file("three", "//! See [`crate::one`].\nmod inner;");
    file("two", "use super::Third;\n#[cfg(test)]\nuse crate::one;");
    file("three/inner", "use super::Third;");
    tree.expect_findings(&[]);
    file(
        "three/inner",
        "use crate::{one::First};\nuse super::super::two;",
    );
    let circle = |file: &str, from: &str, to: &str| {
        format!(
            "crates/deadpeer-core/src/{file}.rs:2: a circle of modules: {from} needs {to}, which \
             needs {from} again"
        )
    };
    tree.expect_findings(&[
        &circle("one", "one", "two"),
        &circle("three/inner", "three", "one"),
        &circle("three/inner", "three", "two").replace(":2:", ":3:"),
        &circle("two", "two", "three"),
    ]);
}

#[test]
fn a_document_that_names_what_is_not_there() {
    let tree = Tree::new();
    let with = |what: &str| {
        PLAN.replace(
            "| kernel | calls |",
            &format!("| kernel | calls: `{what}` |"),
        )
    };
    tree.write("ARCHITECTURE.md", &with("lib"));
    tree.expect_findings(&[]);
    tree.write("ARCHITECTURE.md", &with("gone"));
    tree.expect_findings(&[&format!(
        "ARCHITECTURE.md:{}: crates/deadpeer-sys has no gone",
        line_of(&with("gone"), "gone")
    )]);
    let path = format!("{PLAN}\nSee `crates/deadpeer-sys/src/gone.rs`.\n");
    tree.write("ARCHITECTURE.md", &path);
    tree.expect_findings(&[&format!(
        "ARCHITECTURE.md:{}: there is no crates/deadpeer-sys/src/gone.rs",
        line_of(&path, "gone.rs")
    )]);
}

#[test]
fn a_document_that_names_what_no_source_has() {
    let tree = Tree::new();
    tree.append(CORE, "pub struct Plan;\n");
    let text = format!("{PLAN}\nA `Plan`, a `TCP_INFO`, a `Plan::gone`, a `Gone`.\n");
    tree.write("ARCHITECTURE.md", &text);
    let line = line_of(&text, "Gone");
    tree.expect_findings(&[
        &format!("ARCHITECTURE.md:{line}: no source has the name Gone"),
        &format!("ARCHITECTURE.md:{line}: no source has the name Plan::gone"),
    ]);
}

#[test]
fn a_guide_that_names_a_file_that_is_gone() {
    let tree = Tree::new();
    tree.write(
        "CONTRIBUTING.md",
        "`deadpeer-sys/src/lib.rs`, `src/gone.rs`, `/etc`\n",
    );
    tree.expect_findings(&["CONTRIBUTING.md:1: there is no src/gone.rs"]);
}

#[test]
fn prose_that_is_too_wide() {
    let tree = Tree::new();
    let (words, word) = ("word ".repeat(30), "x".repeat(120));
    let text = format!(
        "# {words}\n\n- {word}\n- `{words}`,\n| {words} |\n\n```\n{words}\n```\n\n- {word} x\n"
    );
    tree.write("docs/page.md", &text);
    tree.write("docs/matrix.md", &words);
    tree.expect_findings(&["docs/page.md:11: a line of 124 columns, at most 110"]);
}

#[test]
fn a_link_that_leads_nowhere() {
    let tree = Tree::new();
    tree.write("docs/there.md", "# Up\n\n## Far *up*: there?\n");
    let links = [
        "there.md",
        "there.md#far-up-there",
        "../README.md",
        "https://a.b/c",
    ];
    let links = links.map(|link| format!("[x]({link})\n")).concat();
    tree.write("README.md", "");
    tree.write("docs/page.md", &format!("{links}[x](#down) [x](gone.md)\n"));
    tree.expect_findings(&[
        "docs/page.md:5: there is no #down",
        "docs/page.md:5: there is no gone.md",
    ]);
}

#[test]
fn an_invariant_that_nothing_checks() {
    let tree = Tree::new();
    let promise = "**Architecture Invariant:** all is well.";
    tree.write(
        "ARCHITECTURE.md",
        &format!("{PLAN}\n{promise} Checked: tidy.\n"),
    );
    tree.expect_findings(&[]);
    let text = format!("{PLAN}\n{promise} Checked: by all of us.\n");
    tree.write("ARCHITECTURE.md", &text);
    tree.expect_findings(&[&format!(
        "ARCHITECTURE.md:{}: an invariant says what checks it, or is a house rule",
        line_of(&text, promise)
    )]);
}

/// The number of the line that has a text.
fn line_of(text: &str, what: &str) -> usize {
    1 + text.lines().position(|line| line.contains(what)).unwrap()
}

#[test]
fn a_module_within_its_folder() {
    let tree = Tree::new();
    tree.write("crates/deadpeer-core/tests/common/mod.rs", "//! Shared.\n");
    tree.expect_findings(&[]);
    tree.append(CORE, "mod inner;\n");
    tree.write("crates/deadpeer-core/src/inner/mod.rs", "//! Inside.\n");
    tree.expect_findings(&[
        "crates/deadpeer-core/src/inner/mod.rs:1: a module stands in name.rs beside its folder, not in mod.rs",
    ]);
}

#[test]
fn work_put_off() {
    let tree = Tree::new();
    let word = ["TO", "DO"].concat();
    tree.append(".ci/run", &format!("# {word}: later\n"));
    tree.append("README.md", "Methodology\n");
    tree.expect_findings(&[&format!(".ci/run:1: {word}: do it or open an issue")]);
}

const CORE: &str = "crates/deadpeer-core/src/lib.rs";
const SYS: &str = "crates/deadpeer-sys/src/lib.rs";

const PLAN: &str = "\
## Code map

| crate | kind | what lives there |
|---|---|---|
| `crates/deadpeer-core` | pure | arithmetic |
| `crates/deadpeer-sys` | kernel | calls |
| `crates/deadpeer` | shell | the library |
| `crates/deadpeer-lab` | kernel | hosts |
| `crates/deadpeer-host` | shell | the machine |
| `crates/deadpeer-guard` | shell | the daemon |
| `crates/deadpeer-cli` | shell | the command |
| `fuzz` | tool | no member |

## Arrows

deadpeer-core -> nothing
deadpeer-sys  -> core
deadpeer      -> nothing
deadpeer-lab  -> nothing
deadpeer-host -> nothing
deadpeer-guard -> nothing
deadpeer-cli  -> all

## Errors
";

/// A small workspace that keeps every rule.
struct Tree {
    folder: TempDir,
}

impl Tree {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tree = Self { folder };
        tree.write(
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n[workspace.lints]\n",
        );
        tree.write("ARCHITECTURE.md", PLAN);
        tree.add_crate("deadpeer-core", "");
        tree.add_crate(
            "deadpeer-sys",
            "[dependencies]\ndeadpeer-core = { path = \"../deadpeer-core\" }\n",
        );
        tree.add_crate("deadpeer", "");
        for rest in ["lab", "host", "guard", "cli"] {
            tree.add_crate(&format!("deadpeer-{rest}"), "");
        }
        tree
    }

    fn add_crate(&self, name: &str, dependencies: &str) {
        let folder = format!("crates/{name}");
        self.write(
            &format!("{folder}/Cargo.toml"),
            &(manifest(name) + dependencies),
        );
        self.write(&format!("{folder}/src/lib.rs"), "//! A crate.\n");
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("in the tree")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn append(&self, path: &str, text: &str) {
        let before = fs::read_to_string(self.folder.path().join(path)).unwrap_or_default();
        self.write(path, &(before + text));
    }

    #[track_caller]
    fn expect_findings(&self, expected: &[&str]) {
        // The temporary folder may stand behind a symbolic link.
        let root: &Path = &self.folder.path().canonicalize().expect("it exists");
        let findings = check(root).expect("a workspace");
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(lines, expected);
    }
}

fn manifest(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n[lints]\nworkspace = true\n")
}
