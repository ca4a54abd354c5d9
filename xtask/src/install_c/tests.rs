//! What is installed, used as programs use it.

use std::fs;
use std::process::Command;

use deadpeer_sys::testing::skip;
use deadpeer_workspace::{cargo, output, root, target_directory};

use super::{Arguments, install};

/// What is installed is found by pkg-config, compiles the example, and runs.
#[test]
fn programs_are_built_against_what_is_installed() {
    if Command::new("pkg-config")
        .arg("--version")
        .output()
        .is_err()
    {
        return skip("no pkg-config");
    }
    let build = cargo().args(["build", "--package", "deadpeer-c"]).status();
    assert!(build.unwrap().success());
    let built = target_directory().unwrap().join("debug");
    let top = tempfile::tempdir().unwrap();
    let prefix = top.path().join("usr");
    let arguments = Arguments {
        prefix: prefix.clone(),
        libdir: "lib".into(),
        destdir: Some("/".into()),
    };
    // Twice: what is there is replaced.
    install(&built, &arguments).unwrap();
    let installed = install(&built, &arguments).unwrap();
    assert_eq!(installed.len(), 6);

    for (name, how) in [("shared", None), ("static", Some("--static"))] {
        let flags = output(
            Command::new("pkg-config")
                .args(["--cflags", "--libs", "deadpeer"])
                .args(how)
                .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")),
        );
        let program = top.path().join(name);
        let mut compiler = Command::new("cc");
        compiler.args(["-D_GNU_SOURCE", "-o"]).arg(&program);
        compiler.arg(root().join("examples/c/server.c"));
        compiler.args(flags.unwrap().split_whitespace());
        if how.is_some() {
            // The linker takes the shared library where both are.
            fs::remove_file(prefix.join("lib/libdeadpeer.so")).unwrap();
        }
        output(&mut compiler).unwrap();
        let needed = output(
            Command::new("ldd")
                .arg(&program)
                .env("LD_LIBRARY_PATH", prefix.join("lib")),
        );
        let needed = needed.unwrap();
        let soname = concat!("libdeadpeer.so.", env!("CARGO_PKG_VERSION_MAJOR"));
        let found = format!("{soname} => {}", prefix.join("lib").join(soname).display());
        assert_eq!(needed.contains(&found), how.is_none(), "{needed}");
    }
}

/// With DESTDIR, files lie there and speak of the prefix.
#[test]
fn a_package_is_made_elsewhere() {
    let top = tempfile::tempdir().unwrap();
    let built = top.path().join("built");
    fs::create_dir(&built).unwrap();
    for library in ["libdeadpeer.a", "libdeadpeer.so"] {
        fs::write(built.join(library), "").unwrap();
    }
    let arguments = Arguments {
        prefix: "/usr".into(),
        libdir: "lib/x86_64-linux-gnu".into(),
        destdir: Some(top.path().join("package")),
    };
    install(&built, &arguments).unwrap();
    let libraries = top.path().join("package/usr/lib/x86_64-linux-gnu");
    let link = fs::read_link(libraries.join("libdeadpeer.so")).unwrap();
    assert!(libraries.join(&link).exists() && link.is_relative());
    let description = fs::read_to_string(libraries.join("pkgconfig/deadpeer.pc")).unwrap();
    assert!(description.contains("libdir=/usr/lib/x86_64-linux-gnu\n"));
    assert!(!description.contains(&top.path().display().to_string()));
}
