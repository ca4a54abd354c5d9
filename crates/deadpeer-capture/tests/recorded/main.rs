//! Captures of real kernels, whose truth stands beside them: what each scene did, and what the
//! kernel told the application, and when.
//!
//! More of them, in the same form, are read from the directory that `DEADPEER_CAPTURES` names.

mod truth;

use std::fs::File;
use std::path::{Path, PathBuf};

use deadpeer_capture::{Conversations, Limits, Reader, Story};

/// The captures with a truth beside them.
fn captures() -> Vec<PathBuf> {
    let committed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let more = std::env::var_os("DEADPEER_CAPTURES").map(PathBuf::from);
    let mut found = Vec::new();
    for directory in [Some(committed), more].into_iter().flatten() {
        let entries = std::fs::read_dir(&directory).expect("a directory of captures");
        let paths = entries.map(|entry| entry.expect("readable").path());
        found.extend(paths.filter(|path| {
            let is_capture = path
                .extension()
                .is_some_and(|e| e == "pcap" || e == "pcapng");
            is_capture && path.with_extension("json").exists()
        }));
    }
    found.sort();
    assert!(found.len() >= 15, "{} captures are too few", found.len());
    found
}

/// Every story of a capture.
fn told(path: &Path) -> (Vec<Story>, Conversations) {
    let mut conversations = Conversations::new(Limits::default());
    let file = File::open(path).expect("readable");
    let mut capture = Reader::new(file).expect("a capture");
    while let Some(packet) = capture.next_packet().expect("nothing is broken") {
        conversations.take(&packet);
    }
    let mut stories: Vec<_> = conversations.stories().collect();
    stories.sort_by_key(|story| story.number);
    (stories, conversations)
}
