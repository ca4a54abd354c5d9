//! tshark's opinion of the same packets. Every difference is one of those that docs/explain.md explains.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use deadpeer_capture::{Kind, Sighting};

/// What tshark calls a packet.
const FIELDS: [&str; 8] = [
    "frame.number",
    "tcp.analysis.keep_alive",
    "tcp.analysis.keep_alive_ack",
    "tcp.analysis.retransmission",
    "tcp.analysis.zero_window",
    "tcp.analysis.zero_window_probe",
    "tcp.analysis.zero_window_probe_ack",
    "tcp.analysis.duplicate_ack",
];

/// A packet's labels, in tshark's words without `tcp.analysis.`.
type Labels = Vec<&'static str>;

#[test]
fn every_difference_to_tshark_is_an_explained_one() {
    if Command::new("tshark").arg("--version").output().is_err() {
        return deadpeer_sys::testing::skip("no tshark to compare with");
    }
    let mut seen = BTreeMap::new();
    for path in crate::captures() {
        let (sights, ..) = crate::told(&path);
        let theirs = labels(&path);
        assert_eq!(sights.len(), theirs.len(), "{}", path.display());
        for (number, (sight, labels)) in (1..).zip(sights.iter().zip(&theirs)) {
            let deadpeer_capture::talk::Sight::Tcp(sighting) = sight else {
                continue;
            };
            if let Some(difference) = difference(sighting, labels) {
                assert_ne!(
                    difference,
                    "unexplained",
                    "{} packet {number}: {:?} here, {labels:?} there",
                    path.display(),
                    sighting.kind
                );
                *seen.entry(difference).or_insert(0) += 1;
            }
        }
    }
    let explained = include_str!("../../../../docs/explain.md");
    for difference in seen.keys() {
        assert!(
            explained.contains(&format!("**{difference}**")),
            "docs/explain.md lacks {difference:?}"
        );
    }
    // The captures hold what the comparison is about.
    for needed in ["window probe", "seen twice", "late start"] {
        assert!(seen.contains_key(needed), "no {needed:?} among {seen:?}");
    }
}

/// How an opinion differs from ours, in the words of docs/explain.md; `None` if it doesn't.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what no arm explains is unexplained"
)]
fn difference(sighting: &Sighting, labels: &Labels) -> Option<&'static str> {
    let has = |label| labels.contains(&label);
    let length = sighting.segment.length;
    match sighting.kind {
        // Copies are labelled as keepalives, retransmissions or duplicate acknowledgments.
        Kind::SeenTwice => (!labels.is_empty()).then_some("seen twice"),
        Kind::Probe if has("keep_alive") => None,
        Kind::Probe => Some("late start"),
        Kind::ProbeAnswer if has("keep_alive_ack") => None,
        Kind::ProbeAnswer if has("keep_alive") || labels.is_empty() || has("duplicate_ack") => {
            Some("late start")
        }
        Kind::WindowProbe if has("zero_window_probe") => None,
        Kind::WindowProbe if has("keep_alive") => Some("window probe"),
        Kind::WindowProbeAnswer if has("zero_window_probe_ack") => None,
        Kind::WindowProbeAnswer if has("keep_alive_ack") || has("zero_window") => {
            Some("window probe")
        }
        Kind::Retransmission if has("retransmission") => None,
        Kind::Retransmission if has("keep_alive") && length <= 1 => Some("lone byte"),
        Kind::WindowClosed if has("zero_window") => None,
        Kind::DuplicateAck if has("duplicate_ack") => None,
        kind if labels.is_empty() => {
            let plain = [
                Kind::Syn,
                Kind::SynAck,
                Kind::Data,
                Kind::Ack,
                Kind::Fin,
                Kind::Reset,
                Kind::WindowUpdate,
            ];
            (!plain.contains(&kind)).then_some("unexplained")
        }
        // Also said of data that arrives while the window is closed, and of the last acknowledgment before that.
        _ if labels.iter().all(|label| *label == "zero_window") => None,
        _ => Some("unexplained"),
    }
}

/// What tshark says about each packet.
fn labels(path: &Path) -> Vec<Labels> {
    let mut command = Command::new("tshark");
    command
        .args(["-n", "-T", "fields", "-E", "separator=,", "-r"])
        .arg(path);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().expect("tshark runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("fields are text");
    let labels = text.lines().map(|line| {
        let fields = FIELDS.iter().zip(line.split(',')).skip(1);
        let set = fields.filter(|(_, value)| !value.is_empty());
        set.map(|(name, _)| name.trim_start_matches("tcp.analysis."))
            .collect()
    });
    labels.collect()
}
