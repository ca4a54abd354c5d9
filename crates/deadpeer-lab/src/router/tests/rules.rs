//! Each action and each condition.

use std::time::Duration;

use super::packets::*;
use crate::router::{Action, Condition, Packet, Protocol, Router, Rule};

fn router_with(when: Condition, action: Action) -> Router {
    let mut router = Router::new(2, 42);
    router.add(Rule::new("rule", when, action));
    router
}

/// When each of `count` packets leaves that are sent 1 ms apart; `None`: never.
fn times(router: &mut Router, count: u64) -> Vec<Option<Duration>> {
    (0..count)
        .map(|n| pass(router, ms(n)).first().map(|out| out.at))
        .collect()
}

#[test]
fn loss_is_a_share_and_a_seed_repeats_it() {
    let lossy = |seed| {
        let mut router = Router::new(2, seed);
        let when = Condition::any().chance(0.25);
        router.add(Rule::new("loss", when, Action::Drop));
        router
    };
    let mut router = lossy(1);
    let lost = |times: &[Option<Duration>]| times.iter().filter(|at| at.is_none()).count();
    let first = times(&mut router, 10_000);
    // The standard deviation is 43: five of them.
    assert!((2285..=2715).contains(&lost(&first)), "{}", lost(&first));
    assert_eq!(times(&mut lossy(1), 10_000), first);
    assert_ne!(times(&mut lossy(2), 10_000), first);
    let count = &router.counts()[0];
    assert_eq!(count.seen, 10_000);
    assert_eq!(count.acted, lost(&first) as u64);
    assert_eq!(count.acted, count.ended);

    // Another random rule after it does not change what the first one picks.
    let mut both = lossy(1);
    let by = ms(1);
    let jitter = Action::Delay { by, jitter: ms(9) };
    both.add(Rule::new("jitter", Condition::any(), jitter));
    let gone = |times: Vec<Option<Duration>>| times.iter().map(Option::is_none).collect::<Vec<_>>();
    assert_eq!(gone(times(&mut both, 10_000)), gone(first));
}

#[test]
fn chances_of_nothing_and_everything_are_exact() {
    for (chance, passes) in [(0.0, true), (1.0, false), (-1.0, true), (f64::NAN, true)] {
        let mut router = router_with(Condition::any().chance(chance), Action::Drop);
        let all = times(&mut router, 1000);
        assert!(all.iter().all(|at| at.is_some() == passes), "{chance}");
    }
}

#[test]
fn a_delay_is_exact_and_jitter_keeps_the_order() {
    let exact = Action::Delay {
        by: ms(300),
        jitter: Duration::ZERO,
    };
    let delayed = times(&mut router_with(Condition::any(), exact), 50);
    let expected: Vec<_> = (0..50).map(|n| Some(ms(300 + n))).collect();
    assert_eq!(delayed, expected);

    let jittery = Action::Delay {
        by: ms(300),
        jitter: ms(40),
    };
    let delayed = times(&mut router_with(Condition::any(), jittery), 1000);
    let delayed: Vec<_> = delayed.into_iter().flatten().collect();
    assert!(delayed.is_sorted());
    for (n, at) in (0..).zip(&delayed) {
        let delay = *at - ms(n);
        assert!((ms(300)..=ms(340)).contains(&delay), "{delay:?}");
    }
    assert!(delayed.windows(2).any(|two| two[1] - two[0] > ms(2)));
}

#[test]
fn directions_do_not_wait_for_each_other() {
    let jitter = Action::Delay {
        by: ms(0),
        jitter: ms(1000),
    };
    let mut router = router_with(Condition::any().from(LEFT), jitter);
    let there = pass(&mut router, ms(0));
    let frame = Tcp::ack(Family::V4, RIGHT).frame();
    let back = decide(&mut router, RIGHT, &frame, ms(1)).emissions;
    assert!(there[0].at > ms(0));
    assert_eq!(back[0].at, ms(1));
}

#[test]
fn what_is_reordered_is_overtaken() {
    let mut router = router_with(Condition::any().at_most(1), Action::Reorder { by: ms(10) });
    let all: Vec<_> = times(&mut router, 3).into_iter().flatten().collect();
    assert_eq!(all, [ms(10), ms(1), ms(2)]);
}

#[test]
fn copies_come_apart_and_meet_the_rest_of_the_rules_alone() {
    let twice = Action::Duplicate {
        copies: 2,
        apart: ms(5),
    };
    let mut router = router_with(Condition::any(), twice);
    let mut all: Vec<_> = pass(&mut router, ms(1)).iter().map(|out| out.at).collect();
    all.sort();
    assert_eq!(all, [ms(1), ms(6), ms(11)]);

    router.add(Rule::new("loss", Condition::any().at_most(2), Action::Drop));
    assert_eq!(pass(&mut router, ms(1)).len(), 1);
    assert_eq!(router.counts()[0].acted, 2);
    assert_eq!(router.counts()[1].ended, 2);
    assert_eq!(pass(&mut router, ms(1)).len(), 3);
}

#[test]
fn corruption_breaks_one_bit_and_the_checksum() {
    for family in FAMILIES {
        let mut router = router_with(Condition::any(), Action::Corrupt);
        for _ in 0..200 {
            let frame = Tcp::ack(family, LEFT)
                .with(|tcp| tcp.payload = vec![0x55; 100])
                .frame();
            let out = decide(&mut router, LEFT, &frame, ms(0)).emissions;
            let at = Packet::read(&frame).unwrap().transport_at;
            let flipped: u32 = std::iter::zip(&frame[at..], &out[0].frame[at..])
                .map(|(before, after)| (before ^ after).count_ones())
                .sum();
            assert_eq!(flipped, 1);
            // A broken header length makes it unreadable, which is broken enough.
            let readable = Packet::read(&out[0].frame).is_some_and(|out| out.segment().is_some());
            assert!(!readable || !is_intact(&out[0].frame));
        }
    }
}

#[test]
fn a_limit_spreads_a_burst_and_loses_what_finds_no_room() {
    let bytes = Tcp::ack(Family::V4, LEFT).frame().len() as u64;
    // One of these packets each 10 ms, one at once, two may wait.
    let limit = Action::Limit {
        bits_per_s: bytes * 8 * 100,
        burst_bytes: bytes,
        queue_bytes: bytes * 2,
    };
    let mut router = router_with(Condition::any(), limit);
    let burst: Vec<_> = (0..4)
        .map(|_| pass(&mut router, ms(0)).first().map(|out| out.at))
        .collect();
    assert_eq!(burst, [Some(ms(0)), Some(ms(10)), Some(ms(20)), None]);
    let count = &router.counts()[0];
    assert_eq!((count.seen, count.acted, count.ended), (4, 3, 1));
}

#[test]
fn pass_exempts_from_later_rules() {
    let mut router = router_with(Condition::tcp().port(80), Action::Pass);
    router.add(Rule::new("cut", Condition::any(), Action::Drop));
    assert_eq!(pass(&mut router, ms(0)).len(), 1);
    let other = Tcp::ack(Family::V4, LEFT)
        .with(|tcp| tcp.header.destination_port = 81)
        .frame();
    assert_eq!(decide(&mut router, LEFT, &other, ms(0)).emissions, []);
}

#[test]
fn a_rule_taken_out_acts_no_more() {
    let mut router = Router::new(2, 0);
    let cut = router.add(Rule::new("cut", Condition::any(), Action::Drop));
    assert!(pass(&mut router, ms(0)).is_empty());
    let count = router.remove(cut).unwrap();
    assert_eq!((count.name.as_str(), count.acted), ("cut", 1));
    assert_eq!(pass(&mut router, ms(0)).len(), 1);
    assert_eq!(router.remove(cut), None);
    assert!(!router.forget(cut));
}

#[test]
fn conditions_pick_what_they_say() {
    let plain = Tcp::ack(Family::V6, LEFT);
    let data = plain.clone().with(|tcp| tcp.payload = vec![1]);
    let syn = Tcp::syn(Family::V6, LEFT);
    let any = Condition::any;
    for (when, dropped) in [
        (any(), [true; 3]),
        (Condition::tcp(), [true; 3]),
        (any().protocol(Protocol::Udp), [false; 3]),
        (any().protocol(Protocol::Icmp), [false; 3]),
        (any().from(LEFT).to(RIGHT), [true; 3]),
        (any().from(RIGHT), [false; 3]),
        (any().to(LEFT), [false; 3]),
        (any().port(80), [true; 3]),
        (any().port(4000), [true; 3]),
        (any().port(81), [false; 3]),
        (any().payload(true), [false, true, false]),
        (any().payload(false), [true, false, true]),
        (any().syn(true), [false, false, true]),
        (any().syn(false), [true, true, false]),
        (any().at_most(2), [true, true, false]),
    ] {
        let mut router = router_with(when.clone(), Action::Drop);
        let gone = [&plain, &data, &syn].map(|tcp| {
            decide(&mut router, LEFT, &tcp.frame(), ms(5))
                .emissions
                .is_empty()
        });
        assert_eq!(gone, dropped, "{when:?}");
    }
}
