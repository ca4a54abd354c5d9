//! Replays what the fuzzer found worth keeping, without the fuzzer.

#[path = "../../../../fuzz/checks/heartbeat.rs"]
mod checks;

#[test]
fn the_heartbeat_corpus_holds() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/heartbeat");
    let mut replayed = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus is committed") {
        let path = entry.expect("readable").path();
        let input = std::fs::read(&path).expect("readable");
        checks::check(&input);
        replayed += 1;
    }
    assert!(replayed >= 40, "the vectors at least, not {replayed}");
}
