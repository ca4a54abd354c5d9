//! Every story of very many connections as JSON: the time grows as they do.

use std::path::Path;

use anyhow::Result;

use super::Sample;
use super::capture::{Capture, Shape};
use super::word;

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
        let cpu = sample.cpu_ms / 1e3;
        println!(
            "{connections:>12} {packets:>12} {cpu:>10.2} {:>10.1}",
            sample.peak_mib
        );
        each.push(cpu / f64::from(connections));
    }
    let [few, many] = each[..] else {
        anyhow::bail!("--stories takes two numbers");
    };
    let million = many * 1e6;
    let longer = many / few * 10.0;
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
    let capture = Capture::write(Shape::Dying, connections, 0)?;
    let (deadpeer, file) = (deadpeer.display(), capture.file()?);
    // Somebody was gone, which is exit code 1.
    let command = format!("{deadpeer} explain --json --all {file} || [ $? = 1 ]");
    Ok((capture.packets, Sample::of(&["sh", "-c", &command])?))
}
