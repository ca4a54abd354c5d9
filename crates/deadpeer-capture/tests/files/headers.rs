//! Every header that may stand around a segment.

use std::net::IpAddr;

use deadpeer_capture::dissect::{Content, IcmpKind, Opaque, Skip, dissect};
use deadpeer_capture::{Endpoint, Flags, Link, Segment};

const CLIENT: &str = "10.0.0.1:40000";
const SERVER: &str = "10.0.0.2:8888";

fn tcp(options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut tcp = vec![0x9c, 0x40, 0x22, 0xb8, 0, 0, 0, 7, 0, 0, 0, 9];
    tcp.extend([
        (20 + options.len() as u8) << 2,
        0x18,
        0x01,
        0xf4,
        0xab,
        0xcd,
        0,
        0,
    ]);
    tcp.extend(options);
    tcp.extend(payload);
    tcp
}

fn ipv4(options: &[u8], fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let words = 5 + options.len() as u8 / 4;
    let total = (usize::from(words) * 4 + payload.len()) as u16;
    let mut ip = vec![0x40 | words, 0];
    ip.extend(total.to_be_bytes());
    ip.extend([0x12, 0x34]);
    ip.extend(fragment.to_be_bytes());
    ip.extend([61, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    ip.extend(options);
    ip.extend(payload);
    ip
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut ip = vec![0x60, 0, 0, 0];
    ip.extend((payload.len() as u16).to_be_bytes());
    ip.extend([next, 62]);
    for last in [1, 2] {
        let mut address = [0; 16];
        (address[0], address[1], address[15]) = (0xfd, 0xaa, last);
        ip.extend(address);
    }
    ip.extend(payload);
    ip
}

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

fn read(link: Link, bytes: &[u8]) -> Result<Content, Skip> {
    dissect(link, bytes, bytes.len() as u32)
}

fn segment(link: Link, bytes: &[u8]) -> Segment {
    match read(link, bytes) {
        Ok(Content::Tcp(segment)) => segment,
        other => panic!("{other:?}"),
    }
}

fn plain() -> Vec<u8> {
    ipv4(&[], 0x4000, 6, &tcp(&[], b"hello"))
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut udp = vec![0xc0, 0];
    udp.extend(port.to_be_bytes());
    udp.extend((8 + payload.len() as u16).to_be_bytes());
    udp.extend([0; 2]);
    udp.extend(payload);
    ipv4(&[], 0, 17, &udp)
}

fn gre(head: &[u8], payload: &[u8]) -> Vec<u8> {
    ipv4(&[], 0, 47, &[head, payload].concat())
}

/// Each way leads to the segment of [`plain`].
fn all_lead_to_it(packets: &[(&str, Link, Vec<u8>)]) {
    let expected = segment(Link::RAW, &plain());
    for (name, link, bytes) in packets {
        assert_eq!(segment(*link, bytes), expected, "{name}");
        for cut in 0..bytes.len() {
            // Whatever is cut off, nothing panics, and nothing else is read.
            match dissect(*link, &bytes[..cut], bytes.len() as u32) {
                Ok(Content::Tcp(read)) => assert_eq!(read.seq, expected.seq, "{name} cut at {cut}"),
                Ok(other) => panic!("{name} cut at {cut}: {other:?}"),
                Err(_) => {}
            }
        }
    }
}

#[test]
fn what_is_read_is_the_segment() {
    let expected = segment(Link::RAW, &plain());
    assert_eq!(expected.source.to_string(), CLIENT);
    assert_eq!(expected.destination.to_string(), SERVER);
    assert_eq!((expected.seq, expected.ack, expected.window), (7, 9, 500));
    assert_eq!((expected.length, expected.first_byte), (5, Some(b'h')));
    assert_eq!(
        (expected.hops, expected.ip_id, expected.checksum),
        (61, Some(0x1234), Some(0xabcd))
    );
}

#[test]
fn link_types() {
    let ip = plain();
    let with = |head: &[u8]| [head, &ip[..]].concat();
    let snap = with(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
    let cooked = |device: u8, protocol: [u8; 2], payload: &[u8]| {
        let mut head = [0; 16];
        head[2..4].copy_from_slice(&[device >> 7, device]);
        head[14..].copy_from_slice(&protocol);
        [&head[..], payload].concat()
    };
    let mut cooked2 = vec![0; 20];
    cooked2[0] = 0x08;
    let mut routed = vec![0; 14];
    routed[8] = 0x80;
    routed.extend([0x06, 0, 1, 2, 3, 4]);
    let pflog = [&[61][..], &[0; 63], &ip].concat();
    let ppi = [&[0, 0, 8, 0, 1, 0, 0, 0][..], &ethernet(0x0800, &ip)].concat();
    let juniper = [&b"MGC\x80\0\x03abc"[..], &ethernet(0x0800, &ip)].concat();
    all_lead_to_it(&[
        ("raw", Link::RAW, ip.clone()),
        ("raw IPv4", Link::IPV4, ip.clone()),
        ("raw of BSD", Link(12), ip.clone()),
        ("null", Link::NULL, with(&[2, 0, 0, 0])),
        ("null, other order", Link::NULL, with(&[0, 0, 0, 2])),
        ("loop", Link::LOOP, with(&[0, 0, 0, 2])),
        ("cooked", Link::LINUX_SLL, cooked(1, [8, 0], &ip)),
        ("cooked, LLC", Link::LINUX_SLL, cooked(1, [0, 4], &snap)),
        ("cooked, version 2", Link::LINUX_SLL2, with(&cooked2)),
        ("Ethernet", Link::ETHERNET, ethernet(0x0800, &ip)),
        ("PPP", Link::PPP, with(&[0xff, 3, 0, 0x21])),
        ("PPP, bare and compressed", Link::PPP, with(&[0x21])),
        ("PPP of Cisco", Link::PPP_HDLC, with(&[0x0f, 0, 8, 0])),
        (
            "PPP, whole in one line of several",
            Link::PPP,
            with(&[0, 0x3d, 0xc0, 0, 0, 1, 0x21]),
        ),
        (
            "PPP with direction",
            Link::PPP_WITH_DIRECTION,
            with(&[1, 0xff, 3, 0, 0x21]),
        ),
        (
            "PPP, MPLS",
            Link::PPP,
            with(&[0xff, 3, 2, 0x81, 0, 0, 0x11, 64]),
        ),
        ("pppd", Link::PPP_PPPD, with(&[0, 0x21])),
        (
            "PPP over Ethernet",
            Link::PPP_ETHERNET,
            with(&[0x11, 0, 0, 1, 0, 47, 0, 0x21]),
        ),
        ("Cisco HDLC", Link::CISCO_HDLC, with(&[0x8f, 0, 8, 0])),
        (
            "Cisco HDLC with direction",
            Link::CISCO_HDLC_WITH_DIRECTION,
            with(&[0, 0x0f, 0, 8, 0]),
        ),
        (
            "frame relay",
            Link::FRAME_RELAY,
            with(&[0x18, 0x41, 3, 0xcc]),
        ),
        (
            "frame relay, SNAP",
            Link::FRAME_RELAY,
            with(&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0]),
        ),
        (
            "frame relay of Cisco",
            Link::FRAME_RELAY,
            with(&[0x18, 0x41, 8, 0]),
        ),
        ("ATM", Link::ATM_RFC1483, snap.clone()),
        ("MPLS", Link::MPLS, with(&[0, 0, 0x10, 64, 0, 0, 0x11, 64])),
        (
            "token ring",
            Link::TOKEN_RING,
            [&[0; 14][..], &snap].concat(),
        ),
        (
            "token ring, routed",
            Link::TOKEN_RING,
            [&routed[..], &snap].concat(),
        ),
        ("FDDI", Link::FDDI, [&[0; 13][..], &snap].concat()),
        ("PPI", Link::PPI, ppi),
        ("pflog", Link::PFLOG, pflog),
        (
            "InfiniBand",
            Link::IPOIB,
            with(&[&[0; 40][..], &[8, 0, 0, 0]].concat()),
        ),
        ("enc", Link::ENC, with(&[0; 12])),
        ("Juniper", Link::JUNIPER_ETHERNET, juniper),
        (
            "Juniper, no frame",
            Link::JUNIPER_PPP,
            with(b"MGC\x02\0\0\0\x02"),
        ),
    ]);
}

#[test]
fn what_follows_ethernet() {
    let ip = plain();
    let frame = ethernet(0x0800, &ip);
    let within =
        |ethertype: u16, head: &[u8], inner: &[u8]| ethernet(ethertype, &[head, inner].concat());
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &ip].concat();
    all_lead_to_it(&[
        ("VLAN", Link::ETHERNET, within(0x8100, &[0, 5, 8, 0], &ip)),
        (
            "QinQ",
            Link::ETHERNET,
            within(0x88a8, &[0, 5, 0x81, 0, 0, 6, 8, 0], &ip),
        ),
        (
            "old QinQ",
            Link::ETHERNET,
            within(0x9200, &[0, 5, 8, 0], &ip),
        ),
        (
            "backbone",
            Link::ETHERNET,
            within(0x88a8, &[0, 5, 0x88, 0xe7, 0, 0, 0, 9], &frame),
        ),
        (
            "LLC and SNAP",
            Link::ETHERNET,
            ethernet(snap.len() as u16, &snap),
        ),
        (
            "LLC of IP",
            Link::ETHERNET,
            within(ip.len() as u16 + 3, &[6, 6, 3], &ip),
        ),
        (
            "SNAP, bridged",
            Link::ATM_RFC1483,
            [&[0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0][..], &frame].concat(),
        ),
        (
            "PPPoE",
            Link::ETHERNET,
            within(0x8864, &[0x11, 0, 0, 1, 0, 47, 0, 0x21], &ip),
        ),
        (
            "PPPoE, compressed protocol",
            Link::ETHERNET,
            within(0x8864, &[0x11, 0, 0, 1, 0, 46, 0x21], &ip),
        ),
        (
            "MPLS",
            Link::ETHERNET,
            within(0x8847, &[0, 0, 0x11, 64], &ip),
        ),
        (
            "MPLS, pseudowire",
            Link::ETHERNET,
            within(0x8847, &[0, 0, 0x11, 64], &frame_of(0x9a, &ip)),
        ),
        (
            "MPLS, pseudowire with control word",
            Link::ETHERNET,
            within(0x8847, &[0, 0, 0x11, 64, 0, 0, 0, 1], &frame_of(0x9a, &ip)),
        ),
        (
            "MPLS, pseudowire to 4a:..",
            Link::ETHERNET,
            within(0x8847, &[0, 0, 0x11, 64], &frame_of(0x4a, &ip)),
        ),
        (
            "NSH",
            Link::ETHERNET,
            within(0x894f, &[0, 2, 1, 1, 0, 0, 0, 0], &ip),
        ),
        (
            "VN-Tag",
            Link::ETHERNET,
            within(0x8926, &[0, 1, 0, 2, 8, 0], &ip),
        ),
        (
            "802.1BR, E-TAG",
            Link::ETHERNET,
            within(0x893f, &[0x10, 0, 0, 0xd8, 0, 0, 8, 0], &ip),
        ),
        (
            "Cisco's metadata",
            Link::ETHERNET,
            within(0x8909, &[1, 1, 0, 1, 0, 2, 8, 0], &ip),
        ),
        (
            "802.1CB, R-TAG",
            Link::ETHERNET,
            within(0xf1c1, &[0, 0, 0, 7, 8, 0], &ip),
        ),
        (
            "TRILL",
            Link::ETHERNET,
            within(0x22f3, &[0, 0x3e, 0, 1, 0, 2], &frame),
        ),
        (
            "TRILL with options",
            Link::ETHERNET,
            within(0x22f3, &[0, 0x7e, 0, 1, 0, 2, 9, 9, 9, 9], &frame),
        ),
        (
            "FabricPath",
            Link::ETHERNET,
            within(0x8903, &[0, 0], &frame),
        ),
        (
            "HSR",
            Link::ETHERNET,
            within(0x892f, &[0, 0, 0, 0, 8, 0], &ip),
        ),
        (
            "MACsec, signed alone",
            Link::ETHERNET,
            within(0x88e5, &[0x00, 0, 0, 0, 0, 1, 8, 0], &ip),
        ),
        (
            "MACsec with channel",
            Link::ETHERNET,
            within(
                0x88e5,
                &[0x20, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 0],
                &ip,
            ),
        ),
    ]);
}

fn frame_of(first: u8, ip: &[u8]) -> Vec<u8> {
    let mut frame = ethernet(0x0800, ip);
    frame[0] = first;
    frame
}

#[test]
fn tunnels() {
    let ip = plain();
    let frame = ethernet(0x0800, &ip);
    let tagged = |head: &[u8], inner: &[u8]| [head, inner].concat();
    let erspan3 = [0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let teredo = [
        0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6,
    ];
    let six = ipv6(4, &ip);
    all_lead_to_it(&[
        ("IP in IP", Link::RAW, ipv4(&[], 0, 4, &ip)),
        (
            "AH",
            Link::RAW,
            ipv4(&[], 0, 51, &tagged(&[4, 4], &[&[0; 22][..], &ip].concat())),
        ),
        (
            "Ethernet in IP",
            Link::RAW,
            ipv4(&[], 0, 97, &tagged(&[0x30, 0], &frame)),
        ),
        (
            "MPLS in IP",
            Link::RAW,
            ipv4(&[], 0, 137, &tagged(&[0, 0, 0x11, 64], &ip)),
        ),
        ("GRE", Link::RAW, gre(&[0, 0, 8, 0], &ip)),
        (
            "GRE with key",
            Link::RAW,
            gre(&[0x20, 0, 8, 0, 0, 0, 0, 9], &ip),
        ),
        ("GRE, Ethernet", Link::RAW, gre(&[0, 0, 0x65, 0x58], &frame)),
        (
            "GRE, MPLS",
            Link::RAW,
            gre(&[0, 0, 0x88, 0x47, 0, 0, 0x11, 64], &ip),
        ),
        ("WCCP", Link::RAW, gre(&[0, 0, 0x88, 0x3e, 0, 0, 0, 0], &ip)),
        (
            "PPTP",
            Link::RAW,
            gre(
                &[
                    0x30, 0x81, 0x88, 0x0b, 0, 49, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 3, 0, 0x21,
                ],
                &ip,
            ),
        ),
        (
            "EoIP",
            Link::RAW,
            gre(
                &[0x20, 1, 0x64, 0, 0, frame.len() as u8, 9, 0],
                &tagged(&frame, b"more"),
            ),
        ),
        ("ERSPAN I", Link::RAW, gre(&[0, 0, 0x88, 0xbe], &frame)),
        (
            "ERSPAN II",
            Link::RAW,
            gre(
                &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 1, 0, 0, 0, 0],
                &frame,
            ),
        ),
        (
            "ERSPAN III",
            Link::RAW,
            gre(
                &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1],
                &[&erspan3[..], &[0], &frame].concat(),
            ),
        ),
        (
            "ERSPAN III, subheader",
            Link::RAW,
            gre(
                &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1],
                &[&erspan3[..], &[1], &[0; 8], &frame].concat(),
            ),
        ),
        (
            "Aruba",
            Link::RAW,
            gre(&[0, 0, 0x82, 0x10], &wifi([1, 0x88], &[0, 0])),
        ),
        (
            "AYIYA",
            Link::RAW,
            udp(
                5072,
                &[&[0x41, 0x52, 0x11, 41, 0, 0, 0, 0][..], &[0; 36], &six].concat(),
            ),
        ),
        (
            "GRE in UDP",
            Link::RAW,
            udp(4754, &tagged(&[0, 0, 8, 0], &ip)),
        ),
        (
            "VXLAN",
            Link::RAW,
            udp(4789, &tagged(&[8, 0, 0, 0, 0, 0, 7, 0], &frame)),
        ),
        (
            "VXLAN-GPE",
            Link::RAW,
            udp(4790, &tagged(&[0x0c, 0, 0, 1, 0, 0, 7, 0], &ip)),
        ),
        (
            "Geneve",
            Link::RAW,
            udp(
                6081,
                &tagged(&[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 0], &frame),
            ),
        ),
        (
            "Geneve, IP",
            Link::RAW,
            udp(6081, &tagged(&[0, 0, 8, 0, 0, 0, 7, 0], &ip)),
        ),
        (
            "GTP-U",
            Link::RAW,
            udp(2152, &tagged(&[0x30, 0xff, 0, 45, 0, 0, 0, 1], &ip)),
        ),
        (
            "GTP-U, extension",
            Link::RAW,
            udp(
                2152,
                &tagged(
                    &[0x34, 0xff, 0, 53, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0],
                    &ip,
                ),
            ),
        ),
        (
            "CAPWAP",
            Link::RAW,
            udp(5247, &tagged(&[0, 0x10, 0, 0, 0, 0, 0, 0], &frame)),
        ),
        (
            "L2TP",
            Link::RAW,
            udp(
                1701,
                &tagged(&[0x40, 2, 0, 61, 0, 1, 0, 2, 0xff, 3, 0, 0x21], &ip),
            ),
        ),
        (
            "L2TP, all fields",
            Link::RAW,
            udp(
                1701,
                &tagged(
                    &[0x4a, 2, 0, 61, 0, 1, 0, 2, 0, 0, 0, 0, 0, 2, 9, 9, 0x21],
                    &ip,
                ),
            ),
        ),
        ("Teredo", Link::RAW, udp(3544, &six)),
        (
            "Teredo, indications",
            Link::RAW,
            udp(3544, &[&teredo[..4 + 9], &teredo[13..], &six].concat()),
        ),
        ("LISP", Link::RAW, udp(4341, &tagged(&[0; 8], &ip))),
        (
            "MPLS in UDP",
            Link::RAW,
            udp(6635, &tagged(&[0, 0, 0x11, 64], &ip)),
        ),
        (
            "TZSP",
            Link::RAW,
            udp(37008, &tagged(&[1, 0, 0, 1, 0, 10, 1, 5, 1], &frame)),
        ),
    ]);
}

/// A data frame of 802.11: its control field, what the header has beyond 24 bytes, and IP after LLC
/// and SNAP.
fn wifi(control: [u8; 2], more: &[u8]) -> Vec<u8> {
    let llc = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    [&control[..], &[0; 22], more, &llc, &plain()].concat()
}

fn radiotap(head: &[u8], frame: &[u8]) -> Vec<u8> {
    [&[0, 0, head.len() as u8 + 4, 0][..], head, frame].concat()
}

#[test]
fn wireless_networks() {
    let quality = wifi([0x88, 1], &[0, 0]);
    let padded = wifi([0x88, 1], &[0, 0, 0, 0]);
    let clock_and_flags = [3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20];
    let two_words = [2, 0, 0, 0x80, 0, 0, 0, 0, 0x20];
    let aggregate = [&[0x88, 1][..], &[0; 22], &[0x80, 0], &{
        let llc = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &plain()].concat();
        ethernet(llc.len() as u16, &llc)
    }]
    .concat();
    let mut swapped = quality.clone();
    swapped.swap(0, 1);
    // The frame's number 1891, not fragment 6.
    swapped[22..24].copy_from_slice(&[0x76, 0x30]);
    let prism = [&[0, 0, 0, 0x44, 144, 0, 0, 0][..], &[0; 136], &quality].concat();
    all_lead_to_it(&[
        ("data", Link::IEEE802_11, wifi([0x08, 2], &[])),
        ("quality of service", Link::IEEE802_11, quality.clone()),
        ("four addresses", Link::IEEE802_11, wifi([0x08, 3], &[0; 6])),
        (
            "high throughput",
            Link::IEEE802_11,
            wifi([0x88, 0x81], &[0; 6]),
        ),
        ("decrypted", Link::IEEE802_11, wifi([0x08, 0x41], &[])),
        ("several frames in one", Link::IEEE802_11, aggregate),
        (
            "radiotap",
            Link::RADIOTAP,
            radiotap(&[0, 0, 0, 0], &quality),
        ),
        (
            "radiotap, padded",
            Link::RADIOTAP,
            radiotap(&clock_and_flags, &padded),
        ),
        (
            "radiotap, two words",
            Link::RADIOTAP,
            radiotap(&two_words, &padded),
        ),
        ("Prism", Link::PRISM, prism),
        (
            "CAPWAP, native",
            Link::RAW,
            udp(5247, &[&[0, 0x10, 3, 0, 0, 0, 0, 0][..], &swapped].concat()),
        ),
    ]);
    let mut encrypted = wifi([0x08, 0x41], &[]);
    encrypted[24..32].copy_from_slice(&[1, 0, 0, 0x20, 0, 0, 0, 0]);
    assert_eq!(
        read(Link::IEEE802_11, &encrypted),
        Err(Skip::Opaque(Opaque::Wifi))
    );
    // A beacon, and a data frame without data.
    for control in [[0x80, 0], [0x48, 1]] {
        assert_eq!(
            read(Link::IEEE802_11, &wifi(control, &[])),
            Err(Skip::NotIp)
        );
    }
}

#[test]
fn the_log_of_a_firewall_in_either_order() {
    let ip = plain();
    for little in [true, false] {
        let pair = |n: u16| {
            if little {
                n.to_le_bytes()
            } else {
                n.to_be_bytes()
            }
        };
        let mut log = vec![2, 0, 0, 5];
        log.extend(pair(5));
        log.extend(pair(10));
        log.extend([b'x', 0, 0, 0]);
        log.extend(pair(4 + ip.len() as u16));
        log.extend(pair(9));
        log.extend(&ip);
        all_lead_to_it(&[("NFLOG", Link::NFLOG, log)]);
    }
    assert_eq!(
        read(Link::NFLOG, &[2, 0, 0, 5, 0, 0, 0, 0, 0, 0]),
        Err(Skip::Malformed)
    );
}

#[test]
fn what_cannot_be_looked_into_has_a_name() {
    for (name, link, bytes) in [
        ("IPsec", Link::RAW, ipv4(&[], 0, 50, &[7; 40])),
        ("IPsec", Link::RAW, udp(4500, &[7; 40])),
        ("IPComp", Link::RAW, ipv4(&[], 0, 108, &[7; 40])),
        (
            "WireGuard",
            Link::RAW,
            udp(51820, &[&[4, 0, 0, 0][..], &[7; 40]].concat()),
        ),
        ("OpenVPN", Link::RAW, udp(1194, &[7; 40])),
        ("DTLS", Link::RAW, udp(5247, &[1; 40])),
        ("MACsec", Link::ETHERNET, ethernet(0x88e5, &[0x2c; 40])),
        (
            "compressed PPP",
            Link::PPP,
            [&[0xff, 3, 0, 0xfd][..], &[7; 40]].concat(),
        ),
        (
            "encrypted PPP",
            Link::PPP,
            [&[0xff, 3, 0, 0x53][..], &[7; 40]].concat(),
        ),
        (
            "TCP with compressed headers",
            Link::PPP,
            [&[0x2d][..], &[7; 40]].concat(),
        ),
        ("L2TPv3", Link::RAW, ipv4(&[], 0, 115, &[7; 40])),
        (
            "L2TPv3",
            Link::RAW,
            udp(1701, &[&[0, 3, 0, 0][..], &[7; 40]].concat()),
        ),
    ] {
        match read(link, &bytes) {
            Err(Skip::Opaque(what)) => assert_eq!(what.to_string(), name),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(Link(201).to_string(), "link type 201 (Bluetooth)");
    assert_eq!(Link(999).to_string(), "link type 999");
    // A handshake of WireGuard's, and the key exchange on IPsec's port.
    for quiet in [udp(51820, &[1, 0, 0, 0, 9]), udp(4500, &[0, 0, 0, 0, 9])] {
        assert_eq!(read(Link::RAW, &quiet), Err(Skip::NotTcp));
    }
}

#[test]
fn what_ethernet_padded_is_no_payload() {
    let bare = ipv4(&[], 0x4000, 6, &tcp(&[], b""));
    let mut frame = ethernet(0x0800, &bare);
    frame.resize(60, 0);
    let segment = segment(Link::ETHERNET, &frame);
    assert_eq!((segment.length, segment.first_byte), (0, None));
}

#[test]
fn options_are_read_in_any_order() {
    let scale = [2, 4, 5, 0xb4, 1, 3, 3, 9];
    let mut syn = tcp(&scale, b"");
    syn[13] = Flags::SYN.0;
    assert_eq!(
        segment(Link::RAW, &ipv4(&[], 0, 6, &syn)).window_scale,
        Some(9)
    );
    syn[27] = 200;
    assert_eq!(
        segment(Link::RAW, &ipv4(&[], 0, 6, &syn)).window_scale,
        Some(14)
    );

    let usual = [1, 1, 8, 10, 0, 0, 0, 3, 0, 0, 0, 4];
    let other = [5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 8, 10, 0, 0, 0, 3, 0, 0, 0, 4];
    for options in [&usual[..], &other] {
        let packet = ipv4(&[7, 4, 0, 0], 0, 6, &tcp(options, b"x"));
        assert_eq!(segment(Link::RAW, &packet).timestamps, Some((3, 4)));
    }
    // Lengths of 0 and beyond the end.
    for options in [[8, 0, 0, 0], [8, 40, 0, 0], [3, 3, 3, 8]] {
        segment(Link::RAW, &ipv4(&[], 0, 6, &tcp(&options, b"")));
    }
}

#[test]
fn a_short_snap_length_leaves_the_length() {
    let whole = ethernet(0x0800, &ipv4(&[], 0x4000, 6, &tcp(&[], &[b'x'; 1000])));
    for captured in 14 + 20 + 16..54 {
        let Ok(Content::Tcp(cut)) = dissect(Link::ETHERNET, &whole[..captured], whole.len() as u32)
        else {
            panic!("{captured} bytes are enough");
        };
        assert_eq!((cut.length, cut.seq, cut.first_byte), (1000, 7, None));
    }
    for captured in 0..14 + 20 + 16 {
        let cut = dissect(Link::ETHERNET, &whole[..captured], whole.len() as u32);
        assert_eq!(cut, Err(Skip::CutShort), "{captured}");
    }
}

#[test]
fn the_first_fragment_is_enough() {
    let first = ipv4(&[], 0x2000, 6, &tcp(&[], b"first"));
    assert!(segment(Link::RAW, &first).fragmented);
    // Its header may go on in the next one (RFC 1858, section 3); that of a whole packet may not.
    let options = [2, 4, 5, 180];
    let (more, whole) = (0x2000, 0);
    let part = |fragment| ipv4(&[], fragment, 6, &tcp(&options, b"")[..20]);
    assert_eq!(segment(Link::RAW, &part(more)).length, 0);
    assert_eq!(read(Link::RAW, &part(whole)), Err(Skip::Malformed));
    let later = ipv4(&[], 0x2001, 6, b"later");
    assert_eq!(read(Link::RAW, &later), Err(Skip::LaterFragment));
    let v6 = |place: u16| {
        let mut extension = vec![6, 0];
        extension.extend(place.to_be_bytes());
        extension.extend([0, 0, 0, 1]);
        extension.extend(tcp(&[], b"first"));
        ipv6(44, &extension)
    };
    assert!(segment(Link::RAW, &v6(1)).fragmented);
    assert_eq!(read(Link::RAW, &v6(8)), Err(Skip::LaterFragment));
}

#[test]
fn ipv6_has_extension_headers() {
    let mut extensions = vec![43, 0, 1, 4, 0, 0, 0, 0]; // hop by hop
    extensions.extend([60, 2, 0, 0, 0, 0, 0, 0]); // routing, 24 bytes
    extensions.extend([0; 16]);
    extensions.extend([51, 0, 0, 0, 0, 0, 0, 0]); // destination options
    extensions.extend([6, 4, 0, 0]); // authentication, 24 bytes
    extensions.extend([0; 20]);
    extensions.extend(tcp(&[], b"hello"));
    let segment = segment(Link::IPV6, &ipv6(0, &extensions));
    assert_eq!(segment.length, 5);
    assert_eq!(segment.source.to_string(), "[fdaa::1]:40000");
    assert_eq!((segment.hops, segment.ip_id), (62, None));
    // A chain that never ends.
    let endless = ipv6(60, &[60, 0, 0, 0, 0, 0, 0, 0].repeat(40));
    assert_eq!(read(Link::RAW, &endless), Err(Skip::Malformed));
}

#[test]
fn what_a_network_card_will_cut_is_as_long_as_it_is() {
    let mut big = ipv4(&[], 0x4000, 6, &tcp(&[], &[b'x'; 60_000]));
    (big[2], big[3]) = (0, 0);
    let content = dissect(Link::RAW, &big[..60], 100_040).unwrap();
    assert!(matches!(content, Content::Tcp(segment) if segment.length == 100_000));
}

#[test]
fn a_tunnel_over_udp_ends_with_its_datagram() {
    let frame = ethernet(0x0800, &plain());
    for (port, head) in [
        (4789, [8, 0, 0, 0, 0, 0, 7, 0]),
        (6081, [0, 0, 0x65, 0x58, 0, 0, 7, 0]),
    ] {
        let whole = udp(port, &[&head[..], &frame].concat());
        let saying = |place: usize, length: usize| {
            let mut packet = whole.clone();
            packet[place..place + 2].copy_from_slice(&(length as u16).to_be_bytes());
            read(Link::RAW, &packet)
        };
        let (of_ip, of_udp) = (2, 24);
        let expected = Ok(Content::Tcp(segment(Link::RAW, &plain())));
        assert_eq!(read(Link::RAW, &whole), expected);
        // Not counted, or further than IP goes.
        assert_eq!(saying(of_udp, 0), expected);
        assert_eq!(saying(of_udp, whole.len()), expected);
        // What lies behind the end of either is not in the tunnel.
        assert_eq!(saying(of_udp, 16), Err(Skip::CutShort));
        assert_eq!(saying(of_ip, 36), Err(Skip::CutShort));
        assert_eq!(saying(of_udp, 7), Err(Skip::Malformed));
    }
}

#[test]
fn icmp_errors_name_their_connection() {
    let quote = &plain()[..28];
    for (head, kind) in [
        ([3, 1, 0, 0, 0, 0, 0, 0], IcmpKind::HostUnreachable),
        ([3, 0, 0, 0, 0, 0, 0, 0], IcmpKind::NetworkUnreachable),
        ([3, 3, 0, 0, 0, 0, 0, 0], IcmpKind::PortUnreachable),
        ([3, 13, 0, 0, 0, 0, 0, 0], IcmpKind::Prohibited),
        ([3, 4, 0, 0, 0, 0, 5, 0x78], IcmpKind::TooBig(Some(1400))),
        ([11, 0, 0, 0, 0, 0, 0, 0], IcmpKind::HopsExceeded),
        ([12, 2, 0, 0, 0, 0, 0, 0], IcmpKind::Other(12, 2)),
    ] {
        let packet = ipv4(&[], 0, 1, &[&head[..], quote].concat());
        let Ok(Content::Icmp(error)) = read(Link::RAW, &packet) else {
            panic!("{kind:?}");
        };
        assert_eq!(error.kind, kind);
        assert_eq!(error.source.to_string(), CLIENT);
        assert_eq!(
            (error.destination.to_string(), error.seq),
            (SERVER.into(), 7)
        );
        assert_eq!(error.from(), "10.0.0.1".parse::<IpAddr>().unwrap());
    }
    // An echo, and an error about UDP.
    assert_eq!(
        read(Link::RAW, &ipv4(&[], 0, 1, &[8; 36])),
        Err(Skip::NotTcp)
    );
    let udp = ipv4(&[], 0, 17, &[0; 8]);
    let about_udp = ipv4(&[], 0, 1, &[&[3, 1, 0, 0, 0, 0, 0, 0][..], &udp].concat());
    assert_eq!(read(Link::RAW, &about_udp), Err(Skip::NotTcp));

    let quote = ipv6(6, &tcp(&[], b"hello"));
    let packet = ipv6(58, &[&[1, 0, 0, 0, 0, 0, 0, 0][..], &quote].concat());
    let Ok(Content::Icmp(error)) = read(Link::RAW, &packet) else {
        panic!("no error");
    };
    assert_eq!(error.kind, IcmpKind::NetworkUnreachable);
}

#[test]
fn what_is_no_tcp_is_said_to_be_none() {
    for (link, bytes, skip) in [
        (Link::ETHERNET, ethernet(0x0806, &[0; 28]), Skip::NotIp),
        (Link::RAW, vec![0x55; 40], Skip::Malformed),
        (Link::RAW, ipv4(&[], 0, 132, &[0; 20]), Skip::NotTcp),
        (Link::RAW, ipv4(&[], 0, 17, &[0; 20]), Skip::NotTcp),
        (Link(195), plain(), Skip::UnknownLink(Link(195))),
    ] {
        assert_eq!(read(link, &bytes), Err(skip));
    }
    let mut short_header = plain();
    short_header[32] = 0x40;
    assert_eq!(read(Link::RAW, &short_header), Err(Skip::Malformed));
    let mut babushka = plain();
    for _ in 0..30 {
        babushka = ipv4(&[], 0, 4, &babushka);
    }
    assert_eq!(read(Link::RAW, &babushka), Err(Skip::NestedTooDeep));
}

#[test]
fn ends_compare_as_addresses_do() {
    let parse = |text: &str| Endpoint::from(text.parse::<std::net::SocketAddr>().unwrap());
    assert_eq!(parse(CLIENT), segment(Link::RAW, &plain()).source);
    assert_ne!(parse("[::1]:1"), parse("127.0.0.1:1"));
    assert_eq!(
        parse("127.0.0.1:1").address(),
        "127.0.0.1".parse::<IpAddr>().unwrap()
    );
}
