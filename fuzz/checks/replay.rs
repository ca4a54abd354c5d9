//! Replays what the fuzzer found worth keeping, without the fuzzer. A test of a crate in `crates/`
//! calls it.

/// Checks every input of the corpus `name`, of which there must be `least`.
pub(crate) fn replay(name: &str, least: usize, check: fn(&[u8])) {
    let corpus = format!("{}/../../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut replayed = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus is committed") {
        let path = entry.expect("readable").path();
        check(&std::fs::read(path).expect("readable"));
        replayed += 1;
    }
    assert!(replayed >= least, "{replayed} inputs are no corpus");
}
