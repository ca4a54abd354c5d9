//! A lab for a test.

use deadpeer_lab::Lab;

/// One host that listens and as many others as there are names.
pub(crate) fn lab<const N: usize>(names: [&str; N]) -> Lab {
    let server = std::iter::once("server");
    Lab::with_hosts(server.chain(names)).start().unwrap()
}
