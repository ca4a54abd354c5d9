//! What the fuzzer found worth keeping, without the fuzzer.

#[path = "../../../../fuzz/checks/replay.rs"]
mod replay;

use crate::checks;

#[test]
fn the_sock_diag_corpus_holds() {
    replay::replay("sock_diag", 15, checks::check);
}
