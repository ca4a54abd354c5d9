//! What a router does without any rule.

use proptest::prelude::*;

use super::packets::*;
use crate::router::{Decision, Link, Packet, Router};

#[test]
fn a_packet_crosses_with_one_hop_less_and_nothing_else_changed() {
    for family in FAMILIES {
        let mut router = Router::new(2, 0);
        for (from, to) in [(LEFT, RIGHT), (RIGHT, LEFT)] {
            let frame = Tcp::ack(family, from)
                .with(|tcp| tcp.payload = b"hello".to_vec())
                .frame();
            let emissions = decide(&mut router, from, &frame, ms(5)).emissions;
            let [out] = &emissions[..] else {
                panic!("{emissions:?}")
            };
            assert_eq!((out.at, out.to), (ms(5), to));
            assert_eq!(out.frame[..6], Link::of(to).host.mac);
            assert_eq!(out.frame[6..12], Link::of(to).gateway.mac);
            assert!(is_intact(&out.frame));
            let (before, after) = (
                Packet::read(&frame).unwrap(),
                Packet::read(&out.frame).unwrap(),
            );
            assert_eq!(after.hops, before.hops - 1);
            assert_eq!(
                out.frame[after.transport_at..],
                frame[before.transport_at..]
            );
        }
        assert_eq!(router.traffic().routed, 2);
    }
}

#[test]
fn an_address_without_host_is_a_network_unreachable() {
    for (family, address, kind) in [
        (Family::V4, "10.77.9.2", [3, 0]),
        (Family::V6, "fd77:0:0:9::2", [1, 0]),
    ] {
        let mut router = Router::new(2, 0);
        let frame = Tcp::syn(family, LEFT)
            .with(|tcp| tcp.to = address.parse().unwrap())
            .frame();
        let emissions = decide(&mut router, LEFT, &frame, ms(0)).emissions;
        let answer = Packet::read(&emissions[0].frame).unwrap();
        assert_eq!(emissions[0].to, LEFT);
        assert_eq!(answer.source, family.of(&Link::of(LEFT).gateway));
        assert_eq!(emissions[0].frame[answer.transport_at..][..2], kind);
        assert!(is_intact(&emissions[0].frame));
        assert_eq!(router.traffic().unroutable, 1);
    }
}

#[test]
fn the_last_hop_is_a_time_exceeded() {
    for (family, kind) in [(Family::V4, 11), (Family::V6, 3)] {
        let mut router = Router::new(2, 0);
        let frame = Tcp::syn(family, LEFT).with(|tcp| tcp.hops = 1).frame();
        let emissions = decide(&mut router, LEFT, &frame, ms(0)).emissions;
        let answer = Packet::read(&emissions[0].frame).unwrap();
        assert_eq!(emissions[0].frame[answer.transport_at], kind);
        assert!(is_intact(&emissions[0].frame));
        assert_eq!(router.traffic().expired, 1);
    }
}

#[test]
fn multicast_and_the_router_itself_get_nothing() {
    for (family, address) in [
        (Family::V4, "224.0.0.251"),
        (Family::V4, "10.77.0.1"),
        (Family::V6, "ff02::fb"),
        (Family::V6, "fd77::1"),
    ] {
        let mut router = Router::new(2, 0);
        let frame = Tcp::syn(family, LEFT)
            .with(|tcp| tcp.to = address.parse().unwrap())
            .frame();
        assert_eq!(
            decide(&mut router, LEFT, &frame, ms(0)),
            Decision::default()
        );
        assert_eq!(router.traffic().ignored, 1, "{address}");
    }
}

proptest! {
    #[test]
    fn the_header_checksum_stays_right(hops in 2u8.., to in 1u8.., seq: u32) {
        let mut router = Router::new(255, 0);
        let frame = Tcp::ack(Family::V4, LEFT)
            .with(|tcp| {
                tcp.hops = hops;
                tcp.header.sequence_number = seq;
                tcp.to = std::net::Ipv4Addr::new(10, 77, to.min(254), 2).into();
            })
            .frame();
        let out = decide(&mut router, LEFT, &frame, ms(0)).emissions;
        let header = etherparse::Ipv4HeaderSlice::from_slice(&out[0].frame[14..]).unwrap().to_header();
        prop_assert_eq!(header.header_checksum, header.calc_header_checksum());
    }

    #[test]
    fn no_bytes_make_it_panic(
        mut frame in proptest::collection::vec(any::<u8>(), 0..200),
        kind in prop::sample::select(vec![[0x08, 0x00], [0x86, 0xdd], [0x08, 0x06], [0, 0]]),
        version in prop::sample::select(vec![0x45u8, 0x60, 0x4f, 0]),
    ) {
        if frame.len() > 14 {
            frame[12..14].copy_from_slice(&kind);
            frame[14] = version;
        }
        let mut router = Router::new(2, 0);
        decide(&mut router, LEFT, &frame, ms(0));
    }

    #[test]
    fn no_broken_packet_makes_it_panic(
        v6: bool,
        cut in 0usize..80,
        flips in proptest::collection::vec((0usize..80, any::<u8>()), 0..6),
    ) {
        let family = if v6 { Family::V6 } else { Family::V4 };
        let mut frame = Tcp::syn(family, LEFT).frame();
        for (place, value) in flips {
            let place = place % frame.len();
            frame[place] = value;
        }
        frame.truncate(frame.len().saturating_sub(cut));
        let mut router = Router::new(2, 0);
        decide(&mut router, LEFT, &frame, ms(0));
    }
}
