//! What the router says itself: neighbours, RST, ICMP.

use etherparse::{
    ArpEthIpv4Packet, ArpOperation, Icmpv6Type, NetSlice, PacketBuilder, SlicedPacket,
};

use super::packets::*;
use crate::router::{Action, Condition, Emission, Link, Packet, Protocol, Reject, Router, Rule};

fn arp_request(target: [u8; 4]) -> Vec<u8> {
    let host = Link::of(LEFT).host;
    let request = ArpEthIpv4Packet {
        operation: ArpOperation::REQUEST,
        sender_mac: host.mac,
        sender_ipv4: host.v4.octets(),
        target_mac: [0; 6],
        target_ipv4: target,
    };
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(host.mac, [0xff; 6])
        .arp(request.to_arp_packet())
        .write(&mut frame)
        .unwrap();
    frame
}

fn solicitation(from: std::net::Ipv6Addr, target: std::net::Ipv6Addr) -> Vec<u8> {
    let host = Link::of(LEFT).host;
    let all = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 1];
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(host.mac, [0x33, 0x33, 0xff, 0, 0, 1])
        .ipv6(from.octets(), all, 255)
        .icmpv6(Icmpv6Type::NeighborSolicitation)
        .write(&mut frame, &target.octets())
        .unwrap();
    frame
}

#[test]
fn it_answers_arp_for_its_own_address_only() {
    let link = Link::of(LEFT);
    let mut router = Router::new(2, 0);
    let out = decide(
        &mut router,
        LEFT,
        &arp_request(link.gateway.v4.octets()),
        ms(1),
    );
    let [Emission { at, to, frame }] = &out.emissions[..] else {
        panic!("{out:?}")
    };
    assert_eq!((*at, *to), (ms(1), LEFT));
    let Some(NetSlice::Arp(arp)) = SlicedPacket::from_ethernet(frame).unwrap().net else {
        panic!("not ARP")
    };
    let reply = arp.to_packet().try_eth_ipv4().unwrap();
    assert_eq!(reply.operation, ArpOperation::REPLY);
    assert_eq!(reply.sender_mac, link.gateway.mac);
    assert_eq!(reply.sender_ipv4_addr(), link.gateway.v4);
    assert_eq!(reply.target_mac, link.host.mac);

    for other in [link.host.v4.octets(), [10, 77, 0, 3], [10, 77, 1, 2]] {
        let out = decide(&mut router, LEFT, &arp_request(other), ms(1));
        assert_eq!(out.emissions, [], "{other:?}");
    }
    assert_eq!(router.traffic().neighbour, 4);
}

#[test]
fn it_answers_solicitations_for_its_own_address_only() {
    let link = Link::of(LEFT);
    let mut router = Router::new(2, 0);
    let asked = solicitation(link.host.v6, link.gateway.v6);
    let out = decide(&mut router, LEFT, &asked, ms(1)).emissions;
    let answer = Packet::read(&out[0].frame).unwrap();
    assert_eq!(answer.source, link.gateway.v6);
    assert_eq!(answer.destination, link.host.v6);
    assert_eq!(answer.hops, 255);
    assert!(is_intact(&out[0].frame));
    let body = &out[0].frame[answer.transport_at..];
    // Advertisement; router, solicited, override; the target; its Ethernet address.
    assert_eq!((body[0], body[1], body[4]), (136, 0, 0xe0));
    assert_eq!(body[8..24], link.gateway.v6.octets());
    assert_eq!(body[24..26], [2, 1]);
    assert_eq!(body[26..32], link.gateway.mac);

    let own = solicitation(link.host.v6, link.host.v6);
    let detection = solicitation(std::net::Ipv6Addr::UNSPECIFIED, link.gateway.v6);
    for unanswered in [own, detection] {
        assert_eq!(decide(&mut router, LEFT, &unanswered, ms(1)).emissions, []);
    }
}

#[test]
fn only_a_rule_that_names_neighbours_keeps_it_from_answering() {
    let mut router = Router::new(2, 0);
    let requests = [
        arp_request(Link::of(LEFT).gateway.v4.octets()),
        solicitation(Link::of(LEFT).host.v6, Link::of(LEFT).gateway.v6),
    ];
    let cut = router.add(Rule::new("cut", Condition::any(), Action::Drop));
    for request in &requests {
        assert_eq!(decide(&mut router, LEFT, request, ms(0)).emissions.len(), 1);
    }
    let neighbours = Condition::any().protocol(Protocol::Neighbour).from(LEFT);
    let deaf = router.add(Rule::new("deaf", neighbours, Action::Drop));
    for request in &requests {
        let decision = decide(&mut router, LEFT, request, ms(0));
        assert_eq!(decision.emissions, []);
        assert_eq!(decision.trail, [deaf]);
    }
    let counts = router.counts();
    assert_eq!((counts[0].id, counts[0].seen), (cut, 0));
    assert_eq!((counts[1].acted, counts[1].ended), (2, 2));
}

fn rejected(how: Reject, tcp: &Tcp) -> Vec<Emission> {
    let mut router = Router::new(2, 0);
    router.add(Rule::new("reject", Condition::any(), Action::Reject(how)));
    decide(&mut router, LEFT, &tcp.frame(), ms(3)).emissions
}

#[test]
fn resets_follow_rfc_9293() {
    for family in FAMILIES {
        // With ACK: its number is the sequence number, and nothing is acknowledged.
        let out = rejected(Reject::Reset, &Tcp::ack(family, LEFT));
        let reset = Packet::read(&out[0].frame).unwrap();
        let segment = *reset.segment().unwrap();
        assert_eq!((out[0].at, out[0].to), (ms(3), LEFT));
        assert_eq!(reset.source, family.of(&Link::of(RIGHT).host));
        assert_eq!((segment.source_port, segment.destination_port), (80, 4000));
        assert!(segment.rst && segment.ack.is_none());
        assert_eq!(segment.seq, 7000);
        assert!(is_intact(&out[0].frame));

        // Without: sequence number 0, and the SYN and all bytes are acknowledged, across the wrap.
        let syn = Tcp::syn(family, LEFT).with(|tcp| {
            tcp.header.sequence_number = u32::MAX;
            tcp.payload = vec![0; 10];
        });
        let out = rejected(Reject::Reset, &syn);
        let segment = *Packet::read(&out[0].frame).unwrap().segment().unwrap();
        assert!(segment.rst);
        assert_eq!((segment.seq, segment.ack), (0, Some(10)));
        assert!(is_intact(&out[0].frame));

        // A RST is never answered.
        let reset = Tcp::ack(family, LEFT).with(|tcp| tcp.header.rst = true);
        assert_eq!(rejected(Reject::Reset, &reset), []);
    }
}

#[test]
fn unreachables_have_the_right_codes_and_quote_the_packet() {
    for (how, v4, v6) in [
        (Reject::Host, [3, 1], [1, 3]),
        (Reject::Network, [3, 0], [1, 0]),
        (Reject::Prohibited, [3, 13], [1, 1]),
        (Reject::Port, [3, 3], [1, 4]),
    ] {
        for (family, kind) in [(Family::V4, v4), (Family::V6, v6)] {
            let tcp = Tcp::ack(family, LEFT).with(|tcp| tcp.payload = vec![7; 1000]);
            let out = rejected(how, &tcp);
            let answer = Packet::read(&out[0].frame).unwrap();
            assert_eq!(answer.source, family.of(&Link::of(LEFT).gateway));
            assert_eq!(answer.destination, family.of(&Link::of(LEFT).host));
            let body = &out[0].frame[answer.transport_at..];
            assert_eq!(body[..2], kind, "{how:?}");
            assert_eq!(body[8..], tcp.frame()[14..14 + 548], "{how:?}");
            assert!(is_intact(&out[0].frame));

            // An error is never answered by an error.
            let mut router = Router::new(2, 0);
            router.add(Rule::new("reject", Condition::any(), Action::Reject(how)));
            let link = Link::of(LEFT);
            let mut error = Vec::new();
            let ethernet = PacketBuilder::ethernet2(link.host.mac, link.gateway.mac);
            let target = Link::of(RIGHT).host;
            match family {
                Family::V4 => ethernet
                    .ipv4(link.host.v4.octets(), target.v4.octets(), 64)
                    .icmpv4_raw(3, 1, [0; 4])
                    .write(&mut error, &[0; 28]),
                Family::V6 => ethernet
                    .ipv6(link.host.v6.octets(), target.v6.octets(), 64)
                    .icmpv6_raw(1, 3, [0; 4])
                    .write(&mut error, &[0; 48]),
            }
            .unwrap();
            let decision = decide(&mut router, LEFT, &error, ms(0));
            assert_eq!(decision.emissions, []);
            assert_eq!(router.counts()[0].ended, 1);
        }
    }
}
