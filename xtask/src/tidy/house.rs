//! The plan of the house: every crate, what it may use, and what it may do.

/// A crate of the workspace.
pub(super) struct Room {
    pub(super) name: &'static str,
    /// The crates of this workspace that it may depend on.
    pub(super) uses: Uses,
    /// Names no descriptor, no clock, no thread, no file: `now` is a parameter.
    pub(super) pure: bool,
    /// May contain `unsafe` code.
    pub(super) may_be_unsafe: bool,
    /// May print and exit.
    pub(super) may_print: bool,
}

pub(super) enum Uses {
    Only(&'static [&'static str]),
    All,
}

/// Tests of any crate may use the lab, and what the kernel crate has for tests.
pub(super) const TESTS_MAY_USE: [&str; 2] = ["deadpeer-lab", "deadpeer-sys"];

/// What reaches the operating system, so no pure crate uses it.
pub(super) const IMPURE: &[&str] = &[
    "libc",
    "nix",
    "rustix",
    "socket2",
    "mio",
    "tokio",
    "async-std",
    "smol",
];

const HOUSE: &[Room] = &[
    Room {
        pure: true,
        ..library("deadpeer-core", &[])
    },
    Room {
        may_be_unsafe: true,
        ..library("deadpeer-sys", &["deadpeer-core"])
    },
    library("deadpeer", &["deadpeer-core", "deadpeer-sys"]),
    Room {
        may_be_unsafe: true,
        ..library("deadpeer-c", &["deadpeer", "deadpeer-sys"])
    },
    Room {
        may_be_unsafe: true,
        ..library("deadpeer-bpf", &["deadpeer-core"])
    },
    library(
        "deadpeer-host",
        &["deadpeer-core", "deadpeer-sys", "deadpeer", "deadpeer-bpf"],
    ),
    Room {
        pure: true,
        ..library("deadpeer-capture", &["deadpeer-core"])
    },
    library(
        "deadpeer-lab",
        &[
            "deadpeer-core",
            "deadpeer-sys",
            "deadpeer",
            "deadpeer-capture",
        ],
    ),
    Room {
        may_print: true,
        ..library("deadpeer-guard", &["deadpeer-host"])
    },
    Room {
        uses: Uses::All,
        may_print: true,
        ..library("deadpeer-cli", &[])
    },
    Room {
        may_print: true,
        ..library("deadpeer-examples", &["deadpeer", "deadpeer-sys"])
    },
    Room {
        uses: Uses::All,
        may_print: true,
        ..library("xtask", &[])
    },
];

/// The room of a crate, or `None` for a crate that the plan doesn't have.
pub(super) fn room(name: &str) -> Option<&'static Room> {
    HOUSE.iter().find(|room| room.name == name)
}

/// A crate that is neither pure nor unsafe and prints nothing.
const fn library(name: &'static str, uses: &'static [&'static str]) -> Room {
    Room {
        name,
        uses: Uses::Only(uses),
        pure: false,
        may_be_unsafe: false,
        may_print: false,
    }
}
