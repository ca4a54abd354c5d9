//! The state that a NAT keeps, and loses.

use std::time::Duration;

use super::packets::*;
use crate::router::{Action, Condition, Lost, Packet, Router, Rule, RuleId};

fn nat(idle: Option<Duration>, lost: Lost) -> (Router, RuleId) {
    let mut router = Router::new(2, 0);
    let action = Action::Track { idle, lost };
    let id = router.add(Rule::new("nat", Condition::any(), action));
    (router, id)
}

/// What comes out for a segment: to the other side, back to the sender as RST, or nothing.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Across,
    Reset,
    Nothing,
}

fn send(router: &mut Router, tcp: &Tcp, now: Duration) -> Outcome {
    let out = decide(router, tcp.from, &tcp.frame(), now).emissions;
    match &out[..] {
        [] => Outcome::Nothing,
        [one] if one.to != tcp.from => Outcome::Across,
        [one] => {
            let segment = *Packet::read(&one.frame).unwrap().segment().unwrap();
            assert!(segment.rst);
            Outcome::Reset
        }
        more => panic!("{more:?}"),
    }
}

#[test]
fn a_flow_lives_until_it_is_forgotten() {
    for family in FAMILIES {
        for (lost, outcome) in [
            (Lost::Silent, Outcome::Nothing),
            (Lost::Reset, Outcome::Reset),
        ] {
            let (mut router, id) = nat(None, lost);
            let day = Duration::from_secs(86_400);
            let (syn, ack) = (Tcp::syn(family, LEFT), Tcp::ack(family, LEFT));
            let back = Tcp::ack(family, RIGHT);
            assert_eq!(send(&mut router, &syn, ms(0)), Outcome::Across);
            assert_eq!(send(&mut router, &back, ms(1)), Outcome::Across);
            assert_eq!(send(&mut router, &ack, day), Outcome::Across);
            assert_eq!(router.counts()[0].acted, 0);

            assert!(router.forget(id));
            assert_eq!(send(&mut router, &ack, day), outcome);
            assert_eq!(send(&mut router, &back, day), outcome);
            assert_eq!(router.counts()[0].ended, 2);

            // A new connection is welcome.
            assert_eq!(send(&mut router, &syn, day), Outcome::Across);
            assert_eq!(send(&mut router, &ack, day), Outcome::Across);
        }
    }
}

#[test]
fn silence_longer_than_the_limit_is_forgotten_and_traffic_refreshes() {
    let (mut router, _) = nat(Some(ms(350)), Lost::Silent);
    let ack = Tcp::ack(Family::V4, LEFT);
    send(&mut router, &Tcp::syn(Family::V4, LEFT), ms(0));
    for n in 1..5 {
        assert_eq!(send(&mut router, &ack, ms(350 * n)), Outcome::Across);
    }
    let late = ms(350 * 4 + 351);
    assert_eq!(send(&mut router, &ack, late), Outcome::Nothing);
    // What was refused does not bring the flow back.
    assert_eq!(send(&mut router, &ack, late), Outcome::Nothing);
}

#[test]
fn a_reset_ends_a_flow_after_it_passed() {
    let (mut router, _) = nat(None, Lost::Silent);
    let rst = Tcp::ack(Family::V6, RIGHT).with(|tcp| tcp.header.rst = true);
    send(&mut router, &Tcp::syn(Family::V6, LEFT), ms(0));
    assert_eq!(send(&mut router, &rst, ms(1)), Outcome::Across);
    let ack = Tcp::ack(Family::V6, LEFT);
    assert_eq!(send(&mut router, &ack, ms(2)), Outcome::Nothing);
}

#[test]
fn flows_are_told_apart_by_their_ports() {
    let (mut router, _) = nat(None, Lost::Silent);
    send(&mut router, &Tcp::syn(Family::V4, LEFT), ms(0));
    let other = Tcp::ack(Family::V4, LEFT).with(|tcp| tcp.header.source_port = 4001);
    assert_eq!(send(&mut router, &other, ms(1)), Outcome::Nothing);
}
