//! Replays what the fuzzer found worth keeping, without the fuzzer.

#[path = "../../../../fuzz/checks/capture.rs"]
mod capture;
#[path = "../../../../fuzz/checks/packets.rs"]
mod packets;

#[test]
fn the_capture_corpus_holds() {
    replay("capture", capture::check);
}

#[test]
fn the_packets_corpus_holds() {
    replay("packets", packets::check);
}

fn replay(name: &str, check: fn(&[u8])) {
    let corpus = format!("{}/../../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut replayed = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus is committed") {
        let path = entry.expect("readable").path();
        let input = std::fs::read(&path).expect("readable");
        check(&input);
        replayed += 1;
    }
    assert!(replayed >= 15, "{replayed} inputs are no corpus");
}
