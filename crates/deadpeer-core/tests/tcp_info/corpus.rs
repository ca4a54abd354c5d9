//! What the fuzzer found worth keeping, without the fuzzer.

#[path = "../../../../fuzz/checks/tcp_info.rs"]
mod checks;
#[path = "../../../../fuzz/checks/replay.rs"]
mod replay;

/// The recordings at least.
const LEAST: usize = 15;

#[test]
fn the_tcp_info_corpus_holds() {
    replay::replay("tcp_info", LEAST, checks::check);
}
