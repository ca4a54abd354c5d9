//! Whatever a compressed file says of itself, it is read in little memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs `deadpeer explain` on a file of these bytes where no more than so many KiB of memory can be
/// had.
fn within(kibibytes: u32, file: &[u8]) -> Output {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("bomb-{}-{kibibytes}", file.len()));
    fs::write(&path, file).unwrap();
    let ran = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -v {kibibytes}; exec \"$0\" explain \"$1\""))
        .args([Path::new(env!("CARGO_BIN_EXE_deadpeer")), &path])
        .output()
        .unwrap();
    fs::remove_file(path).unwrap();
    ran
}

/// A zstd frame with this window descriptor whose blocks repeat a byte 128 KiB times each.
fn zstd(window: u8, start: &[u8], repeated: u32) -> Vec<u8> {
    let mut file = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, window];
    let block = |kind: u32, size: u32, last: bool| {
        let head = size << 3 | kind << 1 | u32::from(last);
        head.to_le_bytes()[..3].to_vec()
    };
    file.extend(block(0, start.len() as u32, false));
    file.extend(start);
    for n in 1..=repeated {
        file.extend(block(1, 128 * 1024, n == repeated));
        file.push(0);
    }
    file
}

#[test]
fn a_window_of_gigabytes_is_refused() {
    let ran = within(256 * 1024, &zstd(0xb0, b"\x0a\x0d\x0d\x0a", 30_000));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(
        said.contains("whose window takes 4096 MiB, and 128 are given: unpack it with zstd"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// A file of LZ4's first format, of which each block is 8 MiB: these bytes, of which the last comes
/// again until the end.
fn lz4(start: &[u8], blocks: u32) -> Vec<u8> {
    // What does not fit the four bits of a length follows, and is added up.
    let more = |length: usize| {
        let mut bytes = vec![0xff; (length - 15) / 255];
        bytes.push(((length - 15) % 255) as u8);
        bytes
    };
    let mut file = vec![0x02, 0x21, 0x4c, 0x18];
    for n in 0..blocks {
        let literals = if n == 0 { start } else { &[0; 15] };
        let end = [0; 5];
        let repeated = LZ4_BLOCK - literals.len() - end.len();
        // A repetition is at least four bytes, and as far back as two bytes say.
        let parts = [
            vec![0xff],
            more(literals.len()),
            literals.to_vec(),
            vec![1, 0],
            more(repeated - 4),
            vec![(end.len() as u8) << 4],
            end.to_vec(),
        ];
        let block = parts.concat();
        file.extend((block.len() as u32).to_le_bytes());
        file.extend(block);
    }
    file
}

const LZ4_BLOCK: usize = 8 << 20;

/// A section of pcapng, and the beginning of a block of a kind that nobody knows, which is passed
/// over: of so many zeros.
fn passed_over(zeros: usize) -> Vec<u8> {
    let mut start = b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0".to_vec();
    start.extend([0xff; 8]);
    start.extend([0x1c, 0, 0, 0]);
    start.extend([0xad, 0x0b, 0, 0]);
    start.extend((8 + zeros as u32).to_le_bytes());
    start
}

#[test]
fn what_unpacks_to_hundreds_of_megabytes_takes_a_few() {
    const ZSTD_BLOCKS: u32 = 4_000;
    const LZ4_BLOCKS: u32 = 48;
    let start = passed_over(ZSTD_BLOCKS as usize * 128 * 1024);
    let zstd = zstd(0x50, &start, ZSTD_BLOCKS);
    let length = passed_over(0).len();
    let mut start = passed_over(LZ4_BLOCKS as usize * LZ4_BLOCK - length);
    start.push(0);
    let lz4 = lz4(&start, LZ4_BLOCKS);
    for bomb in [zstd, lz4] {
        let ran = within(256 * 1024, &bomb);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(3), "{said}");
        assert_eq!(said, "");
        assert!(String::from_utf8_lossy(&ran.stdout).starts_with("no TCP in 0 packets"));
    }
}
