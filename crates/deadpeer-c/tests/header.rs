//! The header that is checked in is what the source says.
//!
//! `DEADPEER_BLESS=1 cargo test -p deadpeer-c --test header` writes it anew.

use std::path::Path;

#[test]
fn the_header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("include/deadpeer.h");
    let config = cbindgen::Config::from_root_or_default(root);
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in ["error", "cause", "connection", "watch"] {
        builder = builder.with_src(root.join(format!("src/{source}.rs")));
    }
    let mut generated = Vec::new();
    builder.generate().unwrap().write(&mut generated);
    let generated = without_rust_sections(&String::from_utf8(generated).unwrap());
    if std::env::var_os("DEADPEER_BLESS").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == generated,
        "include/deadpeer.h is not what the source says: bless it"
    );
}

/// A heading of Rust's documentation means nothing to C; what follows it does.
fn without_rust_sections(header: &str) -> String {
    let lines = header.lines().filter(|line| line.trim() != "* # Safety");
    lines.map(|line| format!("{line}\n")).collect()
}
