//! Every story of very many connections as JSON: the time grows as they do.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::Sample;
use super::capture::{self, Shape};

/// What a million of them may take, CPU seconds.
const MOST_S: f64 = 10.0;
/// How much longer ten times as many may take.
const TIMES_LONGER: f64 = 12.0;

pub(super) fn run(deadpeer: &Path, numbers: &[u32]) -> Result<bool> {
    println!("explain --json --all, two of five connections died");
    println!(
        "{:>12} {:>12} {:>10} {:>10}",
        "connections", "packets", "CPU s", "peak MiB"
    );
    let mut each = Vec::new();
    for &connections in numbers {
        let (packets, sample) = measure(deadpeer, connections)?;
        let cpu = sample.cpu.as_secs_f64();
        println!(
            "{connections:>12} {packets:>12} {cpu:>10.2} {:>10.1}",
            sample.peak_kib as f64 / 1024.0
        );
        each.push(cpu / f64::from(connections));
    }
    let [few, many] = each[..] else {
        anyhow::bail!("--stories takes two numbers");
    };
    let million = many * 1e6;
    let longer = many / few * 10.0;
    let word = |met| if met { "met" } else { "MISSED" };
    println!(
        "  {million:.1} s for a million, at most {MOST_S}: {}",
        word(million <= MOST_S)
    );
    println!(
        "  ten times as many take {longer:.1} times as long, at most {TIMES_LONGER}: {}",
        word(longer <= TIMES_LONGER)
    );
    println!();
    Ok(million <= MOST_S && longer <= TIMES_LONGER)
}

fn measure(deadpeer: &Path, connections: u32) -> Result<(u32, Sample)> {
    let path = std::env::temp_dir().join(format!(
        "deadpeer-bench-stories-{connections}-{}.pcap",
        std::process::id()
    ));
    let packets = capture::write(&path, Shape::Dying, connections, 0)?;
    let sample = (|| {
        let deadpeer = deadpeer.to_str().context("a path in UTF-8")?;
        let file = path.to_str().context("a path in UTF-8")?;
        // Somebody was gone, which is exit code 1.
        let command = format!("{deadpeer} explain --json --all {file} || [ $? = 1 ]");
        Sample::of(&["sh", "-c", &command])
    })();
    std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
    Ok((packets, sample?))
}
