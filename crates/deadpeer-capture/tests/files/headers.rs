//! Every header that may stand around a segment.

use std::net::IpAddr;

use deadpeer_capture::dissect::{Content, Skip, Trouble, dissect};
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

#[test]
fn every_link_type_leads_to_the_same_segment() {
    let ip = plain();
    let with = |head: &[u8]| [head, &ip[..]].concat();
    let mut cooked = vec![0; 16];
    cooked[14] = 0x08;
    let mut cooked2 = vec![0; 20];
    cooked2[0] = 0x08;
    let packets = [
        (Link::RAW, ip.clone()),
        (Link::IPV4, ip.clone()),
        (Link(12), ip.clone()),
        (Link::NULL, with(&[2, 0, 0, 0])),
        (Link::NULL, with(&[0, 0, 0, 2])),
        (Link::LOOP, with(&[0, 0, 0, 2])),
        (Link::LINUX_SLL, with(&cooked)),
        (Link::LINUX_SLL2, with(&cooked2)),
        (Link::ETHERNET, ethernet(0x0800, &ip)),
        (
            Link::ETHERNET,
            ethernet(0x8100, &[&[0, 5, 8, 0][..], &ip].concat()),
        ),
        (
            Link::ETHERNET,
            ethernet(0x88a8, &[&[0, 5, 0x81, 0, 0, 6, 8, 0][..], &ip].concat()),
        ),
        (
            Link::ETHERNET,
            ethernet(
                0x8864,
                &[&[0x11, 0, 0, 1, 0, 47, 0, 0x21][..], &ip].concat(),
            ),
        ),
        // GRE, with and without a key; GRE with Ethernet inside; VXLAN; IP in IP.
        (
            Link::RAW,
            ipv4(&[], 0, 47, &[&[0, 0, 8, 0][..], &ip].concat()),
        ),
        (
            Link::RAW,
            ipv4(
                &[],
                0,
                47,
                &[&[0x20, 0, 8, 0, 0, 0, 0, 9][..], &ip].concat(),
            ),
        ),
        (
            Link::RAW,
            ipv4(
                &[],
                0,
                47,
                &[&[0, 0, 0x65, 0x58][..], &ethernet(0x0800, &ip)].concat(),
            ),
        ),
        (
            Link::RAW,
            ipv4(
                &[],
                0,
                17,
                &[
                    &[0, 9, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 7, 0][..],
                    &ethernet(0x0800, &ip),
                ]
                .concat(),
            ),
        ),
        (Link::RAW, ipv4(&[], 0, 4, &ip)),
    ];
    let expected = segment(Link::RAW, &ip);
    assert_eq!(expected.source.to_string(), CLIENT);
    assert_eq!(expected.destination.to_string(), SERVER);
    assert_eq!((expected.seq, expected.ack, expected.window), (7, 9, 500));
    assert_eq!((expected.length, expected.first_byte), (5, Some(b'h')));
    assert_eq!(
        (expected.hops, expected.ip_id, expected.checksum),
        (61, Some(0x1234), Some(0xabcd))
    );
    for (link, bytes) in packets {
        assert_eq!(segment(link, &bytes), expected, "{link:?}");
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
fn icmp_errors_name_their_connection() {
    let quote = &plain()[..28];
    for (head, trouble) in [
        ([3, 1, 0, 0, 0, 0, 0, 0], Trouble::HostUnreachable),
        ([3, 0, 0, 0, 0, 0, 0, 0], Trouble::NetworkUnreachable),
        ([3, 3, 0, 0, 0, 0, 0, 0], Trouble::PortUnreachable),
        ([3, 13, 0, 0, 0, 0, 0, 0], Trouble::Prohibited),
        ([3, 4, 0, 0, 0, 0, 5, 0x78], Trouble::TooBig(Some(1400))),
        ([11, 0, 0, 0, 0, 0, 0, 0], Trouble::HopsExceeded),
        ([12, 2, 0, 0, 0, 0, 0, 0], Trouble::Other(12, 2)),
    ] {
        let packet = ipv4(&[], 0, 1, &[&head[..], quote].concat());
        let Ok(Content::Icmp(complaint)) = read(Link::RAW, &packet) else {
            panic!("{trouble:?}");
        };
        assert_eq!(complaint.trouble, trouble);
        assert_eq!(complaint.source.to_string(), CLIENT);
        assert_eq!(
            (complaint.destination.to_string(), complaint.seq),
            (SERVER.into(), 7)
        );
        assert_eq!(complaint.from(), "10.0.0.1".parse::<IpAddr>().unwrap());
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
    let Ok(Content::Icmp(complaint)) = read(Link::RAW, &packet) else {
        panic!("no complaint");
    };
    assert_eq!(complaint.trouble, Trouble::NetworkUnreachable);
}

#[test]
fn what_is_no_tcp_is_said_to_be_none() {
    for (link, bytes, skip) in [
        (Link::ETHERNET, ethernet(0x0806, &[0; 28]), Skip::NotIp),
        (Link::RAW, vec![0x55; 40], Skip::Malformed),
        (Link::RAW, ipv4(&[], 0, 132, &[0; 20]), Skip::NotTcp),
        (Link::RAW, ipv4(&[], 0, 17, &[0; 20]), Skip::NotTcp),
        (Link(105), plain(), Skip::UnknownLink),
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
