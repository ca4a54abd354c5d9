//! The name by which programs find the shared library: it changes when they have to be built anew.

fn main() {
    let major = std::env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_default();
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libdeadpeer.so.{major}");
    println!("cargo::rerun-if-changed=build.rs");
}
