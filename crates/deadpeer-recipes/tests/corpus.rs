//! What the fuzzer found is read without a panic.

#[path = "../../../fuzz/checks/configuration.rs"]
mod configuration;
#[path = "../../../fuzz/checks/replay.rs"]
mod replay;

#[test]
fn the_corpus_of_configurations() {
    replay::replay("configuration", 60, configuration::check);
}
