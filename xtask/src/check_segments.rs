//! `cargo xtask check-segments`: how many packets of a folder's captures are TCP, here and to
//! tshark.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use deadpeer_capture::{Conversations, Limits, Reader};

/// tshark leaves packets as they came: reassembled, one would be counted for several.
const AS_THEY_CAME: [&str; 3] = [
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
];

/// The segments to tshark, but for what is quoted or no receiver would take for TCP:
/// docs/captures.md says more.
const SEGMENTS: &str =
    "tcp.flags && !sflow && !ipcomp && !tcp.short_segment && !tcp.bogus_header_length";

/// Count the TCP segments of every capture in these folders as tshark does.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folders of captures, and captures.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Returns whether the counts are equal in every file that both read.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let [mut files, mut ours, mut theirs, mut different] = [0_u64; 4];
    for path in arguments.paths.iter().flat_map(everything) {
        let path = path?.into_path();
        let Some(here) = segments_here(&path) else {
            continue;
        };
        let Some(there) = segments_there(&path)? else {
            println!("{}: not read by tshark", path.display());
            continue;
        };
        files += 1;
        ours += here;
        theirs += there;
        if here != there {
            different += 1;
            println!("{}: {here} here, {there} there", path.display());
        }
    }
    println!("{files} files: {ours} TCP segments here, {theirs} there; {different} files differ");
    Ok(different == 0)
}

/// All of a folder, ignored by git or not.
fn everything(folder: impl AsRef<Path>) -> ignore::Walk {
    ignore::WalkBuilder::new(folder)
        .standard_filters(false)
        .build()
}

/// As `explain` counts them, to where the file can be read; `None` if it is no capture.
fn segments_here(path: &Path) -> Option<u64> {
    let mut capture = Reader::new(File::open(path).ok()?).ok()?;
    let mut conversations = Conversations::new(Limits::default());
    while let Ok(Some(packet)) = capture.next_packet() {
        conversations.take(&packet);
    }
    Some(conversations.totals().segments)
}

/// As tshark counts them; `None` if it cannot read the file.
fn segments_there(path: &Path) -> Result<Option<u64>> {
    let mut tshark = Command::new("tshark");
    tshark.args(
        AS_THEY_CAME
            .iter()
            .flat_map(|preference| ["-o", preference]),
    );
    tshark.args([
        "-n",
        "-Y",
        SEGMENTS,
        "-T",
        "fields",
        "-e",
        "frame.protocols",
        "-r",
    ]);
    let output = tshark.arg(path).output().context("starting tshark")?;
    let text = String::from_utf8_lossy(&output.stdout);
    // Of a file that ends in the middle of a packet it has told the rest.
    let told = output.status.success() || !text.is_empty();
    Ok(told.then(|| text.lines().filter(|line| !is_quoted(line)).count() as u64))
}

/// Whether the only TCP header of a packet is one that an ICMP error quotes.
fn is_quoted(protocols: &str) -> bool {
    let mut layers = protocols.split(':');
    let before = layers
        .by_ref()
        .take_while(|layer| !layer.starts_with("icmp"));
    let outside = before.filter(|layer| *layer == "tcp").count();
    outside == 0 && layers.any(|layer| layer == "tcp")
}
