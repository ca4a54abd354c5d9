//! Replays what the fuzzer found worth keeping, without the fuzzer.

use crate::checks;

#[test]
fn the_sock_diag_corpus_holds() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/sock_diag");
    let mut replayed = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus is committed") {
        let path = entry.expect("readable").path();
        let input = std::fs::read(&path).expect("readable");
        checks::check(&input);
        replayed += 1;
    }
    assert!(replayed >= 15, "{replayed} inputs are no corpus");
}
