//! What a story comes to, and what happened in it.

use serde::{Deserialize, Serialize};

use crate::record::{Time, Word};

/// Who was gone, since when, and what noticed it. null: nobody, nothing, or not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StoryVerdict {
    /// open, closed, half-closed, refused, aborted, forged-reset, forgotten, no-reader, gave-up,
    /// still-trying or replaced.
    pub ending: Word,
    /// Whose doing the ending was: client or server.
    pub ended_by: Option<Word>,
    /// client, server, way-to-client, way-to-server, path (a side was heard elsewhere, and not here
    /// any more; or neither heard the other) or connection (a side, or something between the two,
    /// knew it no more).
    pub gone: Option<Word>,
    /// Why the capture does not tell whether anybody was gone: one-sided, filtered, holes, lossy,
    /// cut, replayed, ends-too-soon, too-few, host-heard, lone-syn or not-completed; null: it does.
    pub untold: Option<Word>,
    /// What the answer rests on.
    pub evidence: Vec<Evidence>,
    /// When the side that was gone was last heard.
    pub last_heard: Option<Time>,
    /// The first thing it did not answer.
    pub unanswered_since: Option<Time>,
    /// How often it was asked in vain.
    pub unanswered: u32,
    /// What the other side was doing: idle, in-flight, late-write, zero-window, connecting or
    /// after-fin.
    pub silence: Option<Word>,
    /// keepalive, retransmission, window-probes, handshake, router, other-host, application or
    /// nobody.
    pub noticed: Option<Word>,
    /// When that was, at the earliest.
    pub noticed_from: Option<Time>,
    /// The same, at the latest.
    pub noticed_to: Option<Time>,
    /// From the last that was heard to the latest moment it was noticed, or to the end of the
    /// capture.
    pub took_us: Option<u64>,
    /// What the application got to know: timed-out, reset and so on.
    pub cause: Option<Word>,
    /// All of it for a person.
    pub sentence: String,
}

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Evidence {
    /// One word for it; docs/explain.md has them all.
    pub evidence: Word,
    /// convicts, acquits or explains.
    pub weight: Word,
    /// For a person.
    pub words: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Event {
    /// When it began.
    pub at: Time,
    /// When it ended.
    pub until: Time,
    /// Whose doing it was: client or server; null: nobody's or both sides'.
    pub side: Option<Word>,
    /// One word for it.
    pub event: Word,
    /// How often, where it can be counted.
    pub count: Option<u32>,
    /// For a person.
    pub words: String,
}
