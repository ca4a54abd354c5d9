//! What the fuzzer found worth keeping, without the fuzzer.

#[path = "../../../../fuzz/checks/capture.rs"]
mod capture;
#[path = "../../../../fuzz/checks/packets.rs"]
mod packets;
#[path = "../../../../fuzz/checks/replay.rs"]
mod replay;

#[test]
fn the_capture_corpus_holds() {
    replay::replay("capture", 15, capture::check);
}

#[test]
fn the_packets_corpus_holds() {
    replay::replay("packets", 15, packets::check);
}
