//! What each format says is what is read.

use std::io::Write;

use deadpeer_capture::Link;
use deadpeer_capture::read::{Compression, Format, Reader};

use crate::writer::{Order, block, enhanced, interface, option, pcap, read_all, section};

const S: u64 = 1_000_000_000;

#[test]
fn pcap_in_both_orders_and_both_units() {
    for order in [Order::Little, Order::Big] {
        for (magic, unit) in [(0xa1b2_c3d4, 1000), (0xa1b2_3c4d, 1)] {
            let file = pcap(order, magic, 1, &[(10, 7, b"first"), (11, 8, b"")]);
            let (packets, error) = read_all(&file[..]);
            assert!(error.is_none());
            assert_eq!(packets[0].nanos, Some(10 * S + 7 * unit));
            assert_eq!(packets[1].nanos, Some(11 * S + 8 * unit));
            assert_eq!(
                (&packets[0].bytes[..], packets[0].length),
                (&b"first"[..], 10)
            );
            assert_eq!((packets[0].offset, packets[1].offset), (24, 45));
            assert_eq!(packets[0].link, Link::ETHERNET);
        }
    }
}

#[test]
fn the_length_of_a_checksum_is_not_the_link_type() {
    let file = pcap(Order::Little, 0xa1b2_c3d4, 0x2400_0071, &[(0, 0, b"x")]);
    assert_eq!(read_all(&file[..]).0[0].link, Link::LINUX_SLL);
}

#[test]
fn pcapng_with_several_interfaces_and_sections() {
    let mut file = Vec::new();
    for order in [Order::Big, Order::Little] {
        file.extend(section(order));
        file.extend(interface(order, 1, 0, &[]));
        let nanoseconds = option(order, 9, &[9]);
        file.extend(interface(order, 113, 0, &nanoseconds));
        let mut shifted = option(order, 9, &[0x80 | 10]);
        shifted.extend(option(order, 14, &order.u64(100)));
        shifted.extend(option(order, 0, &[]));
        file.extend(interface(order, 101, 0, &shifted));
        file.extend(enhanced(order, 0, 5_000_001, b"microseconds"));
        file.extend(enhanced(order, 1, 5_000_000_002, b"nanoseconds"));
        file.extend(enhanced(order, 2, 1536, b"binary"));
    }
    let (packets, error) = read_all(&file[..]);
    assert!(error.is_none(), "{error:?}");
    for section in packets.chunks(3) {
        let times: Vec<_> = section.iter().map(|packet| packet.nanos.unwrap()).collect();
        assert_eq!(times, [5 * S + 1000, 5 * S + 2, 101 * S + S / 2]);
        let links: Vec<_> = section.iter().map(|packet| packet.link).collect();
        assert_eq!(links, [Link::ETHERNET, Link::LINUX_SLL, Link::RAW]);
    }
    assert_eq!(packets.len(), 6);
}

#[test]
fn blocks_of_other_sorts_are_passed_over() {
    let order = Order::Little;
    let mut file = section(order);
    // Name resolution before any interface, custom blocks, one of a future version, one of 300 kB.
    file.extend(block(
        order,
        4,
        b"\x01\0\x09\0\x0a\0\0\x01host\0\0\0\0\0\0\0\0",
    ));
    file.extend(block(order, 0x0bad, b"secret"));
    file.extend(interface(order, 1, 4, &[]));
    file.extend(block(order, 0x7fff_0001, &vec![0xaa; 300_000]));
    file.extend(block(order, 9, &vec![0; 2_000_000]));
    // A simple packet: five bytes long, four kept.
    let mut simple = order.u32(5).to_vec();
    simple.extend(b"four");
    file.extend(block(order, 3, &simple));
    // An obsolete one with a count of drops beside the interface.
    let mut obsolete = order.u16(0).to_vec();
    obsolete.extend(order.u16(17));
    for word in [0, 9_000_000, 3, 3] {
        obsolete.extend(order.u32(word));
    }
    obsolete.extend(b"old");
    file.extend(block(order, 2, &obsolete));

    let (packets, error) = read_all(&file[..]);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        (&packets[0].bytes[..], packets[0].length, packets[0].nanos),
        (&b"four"[..], 5, None)
    );
    assert_eq!(
        (&packets[1].bytes[..], packets[1].nanos),
        (&b"old"[..], Some(9 * S))
    );
}

/// As NTAR wrote them in 2005.
#[test]
fn a_block_may_leave_its_padding_out_of_its_length() {
    for order in [Order::Little, Order::Big] {
        let mut file = [section(order), interface(order, 1, 0, &[])].concat();
        for bytes in [&b"1"[..], b"12", b"123", b"1234"] {
            let mut packet = enhanced(order, 0, 0, bytes);
            let length = order.u32(32 + bytes.len() as u32);
            let end = packet.len() - 4;
            packet[4..8].copy_from_slice(&length);
            packet[end..].copy_from_slice(&length);
            file.extend(packet);
        }
        let (packets, error) = read_all(&file[..]);
        assert!(error.is_none(), "{error:?}");
        let lengths: Vec<_> = packets.iter().map(|packet| packet.bytes.len()).collect();
        assert_eq!(lengths, [1, 2, 3, 4]);
    }
}

#[test]
fn statistics_say_how_many_packets_were_lost() {
    let order = Order::Big;
    let statistics = |interface: u32, lost: u64| {
        let mut body = order.u32(interface).to_vec();
        body.extend([0; 8]);
        body.extend(option(order, 4, &order.u64(1000)));
        body.extend(option(order, 5, &order.u64(lost)));
        block(order, 5, &body)
    };
    let mut file = section(order);
    file.extend(interface(order, 1, 0, &[]));
    file.extend(interface(order, 1, 0, &[]));
    for (interface, lost) in [(0, 3), (1, 5), (0, 10), (7, 99)] {
        file.extend(statistics(interface, lost));
    }
    let mut reader = Reader::new(&file[..]).unwrap();
    assert_eq!(reader.next_packet().unwrap(), None);
    assert_eq!(reader.lost(), Some(15));
    assert_eq!(reader.format(), Format::Pcapng);
}

#[test]
fn compressed_captures_are_read_as_they_are() {
    let file = pcap(
        Order::Little,
        0xa1b2_c3d4,
        1,
        &[(10, 7, b"first"), (11, 8, b"second")],
    );
    let gzip = |bytes: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    };
    let zstd = |bytes: &[u8]| {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    };
    let lz4 = |bytes: &[u8]| {
        // Blocks as they are: a frame's head with its checksum, the block's length with the highest
        // bit set, the end.
        let mut lz4 = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
        lz4.extend((bytes.len() as u32 | 0x8000_0000).to_le_bytes());
        lz4.extend(bytes);
        lz4.extend([0; 4]);
        lz4
    };
    let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    for (packed, compression) in [
        (gzip(&file), Compression::Gzip),
        (
            [gzip(&file[..30]), gzip(&file[30..])].concat(),
            Compression::Gzip,
        ),
        (zstd(&file), Compression::Zstd),
        (
            [zstd(&file[..30]), skippable.clone(), zstd(&file[30..])].concat(),
            Compression::Zstd,
        ),
        ([skippable, zstd(&file)].concat(), Compression::Zstd),
        (lz4(&file), Compression::Lz4),
        (
            [lz4(&file[..30]), lz4(&file[30..])].concat(),
            Compression::Lz4,
        ),
    ] {
        let (packets, error) = read_all(&packed[..]);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(packets, read_all(&file[..]).0);
        assert_eq!(
            Reader::new(&packed[..]).unwrap().compression(),
            Some(compression)
        );
    }
}

#[test]
fn early_linux_wrote_more_before_each_packet() {
    let mut file = pcap(Order::Little, 0xa1b2_cd34, 1, &[]);
    for word in [10_u32, 7, 5, 60, 2] {
        file.extend(word.to_le_bytes());
    }
    file.extend([8, 0, 4, 0]);
    file.extend(b"first");
    let (packets, error) = read_all(&file[..]);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        (&packets[0].bytes[..], packets[0].length),
        (&b"first"[..], 60)
    );
    assert_eq!(packets[0].nanos, Some(10 * S + 7000));
}

/// A file of snoop's with these packets, each after so many losses.
fn snoop(network: u32, packets: &[(u32, &[u8])]) -> Vec<u8> {
    let mut file = b"snoop\0\0\0".to_vec();
    file.extend(2_u32.to_be_bytes());
    file.extend(network.to_be_bytes());
    for (lost, bytes) in packets {
        let length = bytes.len() as u32;
        let record = (24 + length).next_multiple_of(4);
        for word in [length + 5, length, record, *lost, 10, 7] {
            file.extend(word.to_be_bytes());
        }
        file.extend(*bytes);
        file.resize(file.len().next_multiple_of(4), 0);
    }
    file
}

#[test]
fn snoop_of_solaris() {
    let file = snoop(4, &[(0, b"first"), (3, b"second!!")]);
    let (packets, error) = read_all(&file[..]);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        (&packets[0].bytes[..], packets[0].length),
        (&b"first"[..], 10)
    );
    assert_eq!(packets[1].nanos, Some(10 * S + 7000));
    assert_eq!((packets[0].offset, packets[1].offset), (16, 48));
    assert_eq!(packets[0].link, Link::ETHERNET);

    let mut reader = Reader::new(&file[..]).unwrap();
    while reader.next_packet().unwrap().is_some() {}
    assert_eq!((reader.lost(), reader.format()), (Some(3), Format::Snoop));

    for (network, cut, said) in [
        (
            4,
            30,
            "it ends at byte 30, within the packet that begins at byte 16",
        ),
        (
            4,
            12,
            "it ends at byte 12, within the head of the file that begins at byte 0",
        ),
        (
            99,
            80,
            "byte 12: a snoop file of a network that nothing here reads",
        ),
    ] {
        let file = snoop(network, &[(0, b"first"), (3, b"second!!")]);
        let error = read_all(&file[..cut]).1.unwrap();
        assert_eq!(error.to_string(), said);
    }
    let mut contradiction = file;
    contradiction[16 + 7] = 0xff;
    let error = read_all(&contradiction[..]).1.unwrap();
    assert_eq!(
        error.to_string(),
        "byte 16: a packet longer than its record"
    );
}
