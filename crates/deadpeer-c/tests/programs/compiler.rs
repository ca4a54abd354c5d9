//! Compiling C against the libraries of this crate.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Which library a program is linked with.
#[derive(Clone, Copy)]
pub(crate) enum Library {
    Shared,
    Static,
}

/// Compiles a program of one file. `None` if there is no compiler.
pub(crate) fn compile(source: &Path, name: &str, library: Library) -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let folder = libraries();
    let mut compiler = Command::new("cc");
    // A sanitizer, for instance.
    let flags = std::env::var("CFLAGS").unwrap_or_default();
    compiler
        .args(flags.split_ascii_whitespace())
        .args(["-std=c11", "-D_GNU_SOURCE", "-g"])
        .args(["-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg("-I")
        .arg(include)
        .arg(source);
    match library {
        Library::Shared => compiler
            .arg("-L")
            .arg(folder)
            .arg("-ldeadpeer")
            .arg(format!("-Wl,-rpath,{}", folder.display())),
        // What the compiler names with --print native-static-libs.
        Library::Static => {
            compiler
                .arg(folder.join("libdeadpeer.a"))
                .args(["-lpthread", "-ldl", "-lm"])
        }
    };
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
        let folder = target.join("debug");
        // By this name a program looks for it.
        let soname = folder.join(concat!("libdeadpeer.so.", env!("CARGO_PKG_VERSION_MAJOR")));
        if !soname.exists() {
            std::os::unix::fs::symlink("libdeadpeer.so", soname).unwrap();
        }
        folder
    })
}
