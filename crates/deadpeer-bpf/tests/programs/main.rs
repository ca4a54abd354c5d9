//! The programs in the running kernel, on connections of private network namespaces.

mod child;
mod deaths;
mod group;
mod held;
mod looking;
mod new_connections;
mod owners;
mod pinned;
mod privilege;
mod setting;
mod sockets;

use deadpeer_bpf::{Engine, Unavailable};
use deadpeer_sys::testing::{in_private_netns, skip};

/// Runs a test with an engine in a network namespace of its own, or skips it where programs can't
/// be had.
fn with_engine(test: impl FnOnce(&Engine) + Send) {
    let hz = deadpeer_sys::clock::hz().expect("a clock rate");
    let opened = Engine::open(hz).and_then(|engine| engine.sockets().map(|_| engine));
    match opened {
        Ok(engine) => in_private_netns(|| test(&engine)),
        Err(
            why @ (Unavailable::NoBtf(_)
            | Unavailable::KernelTooOld { .. }
            | Unavailable::LockedDown { .. }
            | Unavailable::NotPermitted { .. }),
        ) => skip(&why.to_string()),
        Err(other) => panic!("{other}"),
    }
}
