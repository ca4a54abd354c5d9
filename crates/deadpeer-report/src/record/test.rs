//! What `test` publishes.

use serde::{Deserialize, Serialize};

use super::{Notice, Options, ServiceRemedy, Word};

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "test_case")]
pub struct TestCase {
    /// How the clients vanished, such as "power-off"; null: they lived, or it was not tried.
    pub fault: Option<Word>,
    /// What they were doing, such as "idle"; null: they lived.
    pub state: Option<Word>,
    /// How they lived, such as "lossy"; null: they vanished, or it was not tried.
    pub live: Option<Word>,
    /// Whether it was tried. Otherwise `kernel_gives_up` says what the settings of the server's
    /// sockets promise in this state.
    pub tried: bool,
    /// "passed", "failed", "unclear", "skipped" (not asked for by name and not possible with this
    /// server), or "foretold": not tried, and no failure by its settings or by --only-tried.
    pub verdict: Word,
    /// "not-noticed", "kept" (the kernel gave up, the descriptor stayed open), "not-closed" (after
    /// the client's FIN), "dropped" (a live client was), "foretold" (not tried, and over the
    /// deadline by its settings) or "forgotten" (by a middlebox while idle, by its settings); null:
    /// it did not fail.
    pub failure: Option<Word>,
    /// When the last connection was closed or a live one dropped, milliseconds after the fault;
    /// null: none was.
    pub after_ms: Option<u64>,
    /// By what: "keepalive", "retransmission", "window-probe", "reset" or "server"; null: none was
    /// closed.
    pub by: Option<Word>,
    /// Connections that were watched.
    pub connections: usize,
    /// The options in force on the first of them; null: not read.
    pub settings: Option<Options>,
    /// When the kernel gives such a connection up with these settings, in the worst case; for live
    /// clients, one whose client does not read. null: not known.
    pub kernel_gives_up: Option<Notice>,
    /// What is wrong, why nothing can be told, or how to try what was not; null: it passed.
    pub why: Option<String>,
    /// How long the case took, milliseconds.
    pub took_ms: u64,
}

/// The last line: what all of it comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "test_summary")]
pub struct TestSummary {
    /// "passed", "failed", "unclear", or "interrupted" before every case was over.
    pub verdict: Word,
    /// The deadline, milliseconds.
    pub within_ms: u64,
    /// Where the clients reached the server.
    pub address: String,
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed.
    pub failed: usize,
    /// Cases that could not be decided.
    pub unclear: usize,
    /// Cases that this server makes impossible.
    pub skipped: usize,
    /// States that were not tried and did not fail.
    pub foretold: usize,
    /// Options that keep the deadline; null: none do.
    pub plan: Option<Options>,
    /// What to write for the server where it failed; null: it did not, or there is no recipe.
    pub remedy: Option<ServiceRemedy>,
    /// How long the test took, milliseconds.
    pub took_ms: u64,
}
