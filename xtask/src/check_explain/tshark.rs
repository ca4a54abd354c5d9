//! tshark's opinion of the same packets. Every difference is one of those that docs/captures.md
//! explains.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use deadpeer_capture::talk::Taken;
use deadpeer_capture::{Conversations, Kind, Limits, Reader, Sighting};
use deadpeer_workspace::{output, root};

/// What tshark calls a packet.
const LABELS: [&str; 10] = [
    "keep_alive",
    "keep_alive_ack",
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "zero_window",
    "zero_window_probe",
    "zero_window_probe_ack",
    "duplicate_ack",
];

/// A packet's labels, in tshark's words.
type Labels = Vec<&'static str>;

/// Compares captures packet by packet with tshark, if there is one. Returns whether every
/// difference is explained.
pub(super) fn compare_all(captures: &[PathBuf]) -> Result<bool> {
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("no tshark to compare with");
        return Ok(true);
    }
    let mut seen = BTreeMap::new();
    let mut packets = 0;
    let mut right = true;
    for path in captures {
        let theirs = labels(path)?;
        packets += theirs.len();
        for difference in differences(path, &theirs)? {
            *seen.entry(difference.sort).or_insert(0_u64) += 1;
            if difference.sort == UNEXPLAINED {
                println!("{} {}", path.display(), difference.words);
                right = false;
            }
        }
    }
    println!("{packets} packets compared with tshark, different are");
    for (sort, count) in &seen {
        println!("{count:>8} {sort}");
    }
    Ok(right)
}

/// Writes down tshark's opinion of the recorded captures.
pub(super) fn record() -> Result<()> {
    for path in recorded()? {
        let lines = labels(&path)?;
        let labelled = lines
            .iter()
            .zip(1..)
            .filter(|(labels, _)| !labels.is_empty());
        let text: String = labelled
            .map(|(labels, number)| format!("{number} {}\n", labels.join(" ")))
            .collect();
        let file = path.with_extension("tshark");
        std::fs::write(&file, text).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// The captures of the repository.
fn recorded() -> Result<Vec<PathBuf>> {
    let directory = root().join("crates/deadpeer-capture/tests/captures");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "pcap")
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// What tshark says about each packet.
fn labels(path: &Path) -> Result<Vec<Labels>> {
    let mut command = Command::new("tshark");
    command.args([
        "-n",
        "-T",
        "fields",
        "-E",
        "separator=,",
        "-e",
        "frame.number",
        "-r",
    ]);
    command.arg(path);
    for label in LABELS {
        command.args(["-e", &format!("tcp.analysis.{label}")]);
    }
    let text = output(&mut command)?;
    let labels = text.lines().map(|line| {
        let fields = LABELS.into_iter().zip(line.split(',').skip(1));
        let set = fields.filter(|(_, value)| !value.is_empty());
        set.map(|(label, _)| label).collect()
    });
    Ok(labels.collect())
}

/// A packet that has one name here and another there.
struct Difference {
    /// In the words of docs/captures.md.
    sort: &'static str,
    words: String,
}

const UNEXPLAINED: &str = "unexplained";

fn differences(path: &Path, theirs: &[Labels]) -> Result<Vec<Difference>> {
    let mut conversations = Conversations::new(Limits::default());
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut capture = Reader::new(file)?;
    let mut found = Vec::new();
    let mut number = 0;
    while let Some(packet) = capture.next_packet()? {
        let labels = theirs.get(number).context("tshark has fewer packets")?;
        number += 1;
        let Taken::Tcp(sighting) = conversations.take(&packet) else {
            continue;
        };
        if let Some(sort) = sort(&sighting, labels) {
            let kind = sighting.kind;
            let words = format!("packet {number}: {kind:?} here, {labels:?} there");
            found.push(Difference { sort, words });
        }
    }
    ensure!(
        number == theirs.len(),
        "{}: tshark has more packets",
        path.display()
    );
    Ok(found)
}

/// How an opinion differs from ours, in the words of docs/captures.md; `None` if it doesn't.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what no arm explains is unexplained"
)]
fn sort(sighting: &Sighting, labels: &Labels) -> Option<&'static str> {
    let has = |label| labels.contains(&label);
    let length = sighting.segment.length;
    match sighting.kind {
        // Copies are labelled as keepalives, retransmissions or duplicate acknowledgments.
        Kind::SeenTwice => (!labels.is_empty()).then_some("seen twice"),
        Kind::Probe if has("keep_alive") => None,
        Kind::Probe => Some("late start"),
        Kind::ProbeAnswer | Kind::WindowProbeAnswer if labels.is_empty() => Some("other answer"),
        Kind::ProbeAnswer if has("keep_alive_ack") => None,
        Kind::ProbeAnswer if has("keep_alive") || has("duplicate_ack") => Some("late start"),
        Kind::WindowProbe if has("zero_window_probe") => None,
        Kind::WindowProbe if has("keep_alive") => Some("window probe"),
        Kind::WindowProbeAnswer if has("duplicate_ack") => Some("other answer"),
        Kind::WindowProbeAnswer if has("zero_window_probe_ack") => None,
        Kind::WindowProbeAnswer if has("keep_alive_ack") || has("zero_window") => {
            Some("window probe")
        }
        Kind::Retransmission if has("retransmission") => None,
        Kind::Retransmission if has("keep_alive") && length <= 1 => Some("lone byte"),
        Kind::Ack | Kind::DuplicateAck if has("keep_alive_ack") => Some("lone byte"),
        Kind::Reordered if has("out_of_order") => None,
        Kind::Reordered if has("retransmission") || has("keep_alive") => Some("overtaken"),
        // Of the same side's data, which is one byte or a FIN.
        Kind::Ack | Kind::DuplicateAck | Kind::WindowUpdate if has("keep_alive") && length == 0 => {
            Some("overtaken")
        }
        Kind::Retransmission if has("out_of_order") => Some("overtaken"),
        Kind::Data if has("retransmission") => Some("partly new"),
        Kind::Data if has("zero_window_probe") => Some("after the end"),
        Kind::WindowClosed if has("zero_window") => None,
        Kind::DuplicateAck if has("duplicate_ack") => None,
        Kind::Ack if has("duplicate_ack") => Some("duplicate acknowledgment"),
        Kind::DuplicateAck if labels.is_empty() => Some("duplicate acknowledgment"),
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
            (!plain.contains(&kind)).then_some(UNEXPLAINED)
        }
        // Also said of data that arrives while the window is closed, and of the last acknowledgment
        // before that.
        _ if labels.iter().all(|label| *label == "zero_window") => None,
        _ => Some(UNEXPLAINED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The opinion that `record` wrote down.
    fn opinion(path: &Path, packets: usize) -> Vec<Labels> {
        let text = std::fs::read_to_string(path.with_extension("tshark")).unwrap();
        let mut opinion = vec![Labels::new(); packets];
        for line in text.lines() {
            let mut words = line.split(' ');
            let number: usize = words.next().unwrap().parse().unwrap();
            let label = |word: &str| *LABELS.iter().find(|label| **label == word).unwrap();
            opinion[number - 1] = words.map(label).collect();
        }
        opinion
    }

    fn packets(path: &Path) -> usize {
        let mut capture = Reader::new(File::open(path).unwrap()).unwrap();
        std::iter::from_fn(|| capture.next_packet().unwrap().map(drop)).count()
    }

    #[test]
    fn every_difference_is_an_explained_one() {
        let explained = std::fs::read_to_string(root().join("docs/captures.md")).unwrap();
        let mut seen = BTreeMap::new();
        for path in recorded().unwrap() {
            let theirs = opinion(&path, packets(&path));
            for Difference { sort, words } in differences(&path, &theirs).unwrap() {
                assert_ne!(sort, UNEXPLAINED, "{} {words}", path.display());
                assert!(
                    explained.contains(&format!("**{sort}**")),
                    "docs/captures.md lacks {sort:?}"
                );
                *seen.entry(sort).or_insert(0) += 1;
            }
        }
        // The captures hold what the comparison is about.
        for needed in ["window probe", "seen twice", "late start", "lone byte"] {
            assert!(seen.contains_key(needed), "no {needed:?} among {seen:?}");
        }
    }
}
