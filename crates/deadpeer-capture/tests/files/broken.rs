//! Bad input: what is readable is read, what isn't is said with its place.

use std::io::Write;

use deadpeer_capture::{ReadError, Reader};

use crate::writer::{Order, block, enhanced, interface, pcap, read_all, section};

fn small_pcap() -> Vec<u8> {
    pcap(
        Order::Little,
        0xa1b2_c3d4,
        1,
        &[(10, 7, b"first"), (11, 8, b"second")],
    )
}

fn small_pcapng() -> Vec<u8> {
    let order = Order::Little;
    let mut file = section(order);
    file.extend(interface(order, 1, 0, &[]));
    file.extend(enhanced(order, 0, 1, b"first"));
    file.extend(enhanced(order, 0, 2, b"second!"));
    file
}

#[test]
fn no_capture_at_all() {
    assert!(matches!(Reader::new(&b""[..]), Err(ReadError::Empty)));
    for bytes in [
        &b"G"[..],
        b"\x7fELF",
        b"GET / HTTP/1.1",
        b"\0\0\0\0\0\0\0\0",
    ] {
        let error = Reader::new(bytes).unwrap_err();
        assert!(matches!(&error, ReadError::NotACapture { .. }), "{error:?}");
        assert_eq!(error.offset(), 0);
    }
    let said = Reader::new(&b"\x7fELF"[..]).unwrap_err().to_string();
    assert_eq!(
        said,
        "it is no capture: a pcap, pcapng or snoop file doesn't begin with 7f 45 4c 46"
    );
}

#[test]
fn a_cut_tail_is_said_with_its_place_and_all_before_it_is_read() {
    for (file, ends, heads) in [
        (small_pcap(), [24_usize, 45, 67], 24),
        (small_pcapng(), [48, 88, 128], 28),
    ] {
        for cut in 1..file.len() {
            let (packets, error) = read_all(&file[..cut]);
            let whole = ends
                .iter()
                .filter(|end| **end <= cut)
                .count()
                .saturating_sub(1);
            assert_eq!(packets.len(), whole, "cut at {cut}");
            let clean = ends.contains(&cut) || (heads == 28 && cut == 28);
            match error {
                None => assert!(clean, "cut at {cut}"),
                Some(ReadError::Truncated { offset, end, .. }) => {
                    assert!(
                        !clean && offset < cut as u64 && end == cut as u64,
                        "cut at {cut}"
                    );
                }
                Some(ReadError::NotACapture { .. }) => assert!(cut < 4),
                Some(other) => panic!("cut at {cut}: {other:?}"),
            }
        }
    }
}

#[test]
fn contradictions_are_said_with_their_place() {
    let order = Order::Little;
    let head = [section(order), interface(order, 1, 0, &[])].concat();
    let packet = enhanced(order, 0, 1, b"12345678");
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = packet.clone();
        change(&mut packet);
        [&head[..], &enhanced(order, 0, 0, b"ok"), &packet].concat()
    };
    let begin = head.len() as u64 + 36;
    for (file, place, said) in [
        (with(&|p| p[4] = 8), begin + 4, "shorter than its head"),
        (with(&|p| p[4] = 33), begin + 32, "two lengths differ"),
        (
            with(&|p| p[4..8].fill(0xff)),
            begin + 4,
            "longer than any packet",
        ),
        (with(&|p| p[36] = 44), begin + 36, "two lengths differ"),
        (with(&|p| p[7] = 0x7f), begin + 4, "longer than any packet"),
        (with(&|p| p[20] = 200), begin, "longer than its block"),
        (with(&|p| p[8] = 1), begin, "was not described"),
        (
            with(&|p| *p = block(order, 6, b"short")),
            begin,
            "too short for its head",
        ),
        (
            with(&|p| *p = block(order, 1, b"abc")),
            begin,
            "too short for its head",
        ),
        (
            with(&|p| *p = block(order, 0x0a0d_0d0a, b"....")),
            begin + 8,
            "without a byte order",
        ),
    ] {
        let (packets, error) = read_all(&file[..]);
        assert_eq!(packets.len(), 1, "{said}");
        match error {
            Some(error @ ReadError::Corrupt { .. }) => {
                assert_eq!(error.offset(), place, "{said}");
                assert!(error.to_string().contains(said), "{error}");
            }
            other => panic!("{said}: {other:?}"),
        }
    }
    let mut file = small_pcap();
    file[45 + 8..45 + 12].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let (packets, error) = read_all(&file[..]);
    assert_eq!((packets.len(), error.unwrap().offset()), (1, 53));
}

#[test]
fn unknown_versions_are_named() {
    let mut file = small_pcap();
    file[4] = 3;
    let error = Reader::new(&file[..]).unwrap_err();
    assert_eq!(error.to_string(), "version 3.4 at byte 4 is unknown");
    let mut file = small_pcapng();
    file[12] = 2;
    let (_, error) = read_all(&file[..]);
    assert_eq!(
        error.unwrap().to_string(),
        "version 2.0 at byte 12 is unknown"
    );
}

#[test]
fn a_broken_archive_gives_what_it_holds() {
    let many: Vec<(u32, u32, &[u8])> = (0..20_000).map(|n| (n, 0, &b"some payload"[..])).collect();
    let file = pcap(Order::Little, 0xa1b2_c3d4, 1, &many);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&file).unwrap();
    let gzip = gzip.finish().unwrap();
    let (packets, error) = read_all(&gzip[..gzip.len() / 2]);
    assert!(packets.len() > 1000, "{}", packets.len());
    assert!(
        matches!(error, Some(ReadError::Truncated { .. })),
        "{error:?}"
    );

    let mut spoiled = gzip.clone();
    let middle = spoiled.len() / 2;
    spoiled[middle..middle + 64].fill(0xff);
    let (packets, error) = read_all(&spoiled[..]);
    assert!(packets.len() > 1000, "{}", packets.len());
    assert!(
        matches!(
            error,
            Some(ReadError::Unpack { .. } | ReadError::Corrupt { .. })
        ),
        "{error:?}"
    );
}

/// A frame of zstd that begins with this window descriptor, or (`None`) is its own window of 1 GiB.
fn zstd_head(window: Option<u8>) -> Vec<u8> {
    let mut file = vec![0x28, 0xb5, 0x2f, 0xfd];
    match window {
        Some(window) => file.extend([0x00, window]),
        None => file.extend([0xa0, 0, 0, 0, 0x40]),
    }
    // A last block of one byte, as it is.
    file.extend([0x09, 0, 0, b'x']);
    file
}

#[test]
fn a_window_that_takes_too_much_memory_is_refused_before_it_is_made() {
    for (window, mebibytes) in [(Some(0x89), "144"), (Some(0xa8), "2048"), (None, "1024")] {
        let mut second = zstd_head(Some(0x40));
        second.extend(zstd_head(window));
        for file in [zstd_head(window), second] {
            let (_, error) = read_all(&file[..]);
            let said = error.unwrap().to_string();
            let expected =
                format!("a zstd frame whose window takes {mebibytes} MiB, and 128 are given");
            assert!(said.contains(&expected), "{said}");
        }
    }
    // 128 MiB are what zstd(1) takes by itself.
    let (_, error) = read_all(&zstd_head(Some(0x88))[..]);
    assert!(
        matches!(error, Some(ReadError::NotACapture { .. })),
        "{error:?}"
    );
}
