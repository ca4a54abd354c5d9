//! What the fuzzer found worth keeping, without the fuzzer.

#[path = "../../../../fuzz/checks/heartbeat.rs"]
mod checks;
#[path = "../../../../fuzz/checks/replay.rs"]
mod replay;

/// The vectors of the specification at least.
const LEAST: usize = 40;

#[test]
fn the_heartbeat_corpus_holds() {
    replay::replay("heartbeat", LEAST, checks::check);
}
