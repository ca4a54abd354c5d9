//! The compact machine against what must hold for each of its members.

use std::collections::BTreeMap;
use std::time::Duration;

use deadpeer_core::heartbeat::{
    Crowd, Event, Hello, Member, Owner, Settings, Standing, Transmit, Violation,
};
use proptest::prelude::*;

const DEADLINE: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_secs(6);
/// A tick of the crowd is a power of two of nanoseconds below a thousandth of the deadline.
const TICK: Duration = Duration::from_nanos(1 << 24);

/// What a naive owner knows of a member.
#[derive(Debug, Default)]
struct Known {
    heard: Duration,
    pings: u64,
    asked_since: bool,
    silent: bool,
    stuck: bool,
}

#[derive(Debug, Default)]
struct Model {
    now: Duration,
    members: BTreeMap<Member, Known>,
    /// Whether the transport takes pings.
    open: bool,
}

impl Owner for Model {
    fn send(&mut self, member: Member, ping: Transmit) -> bool {
        let known = self.members.get_mut(&member).expect("a member");
        let silence = self.now - known.heard;
        assert!(
            silence + TICK * 2 >= EVERY * 3 / 4,
            "asked after {silence:?}"
        );
        let Transmit::Ping { sequence, .. } = ping else {
            panic!("{ping:?}");
        };
        assert_eq!(sequence, known.pings + 1);
        known.pings += u64::from(self.open);
        known.asked_since |= self.open;
        self.open
    }

    fn tell(&mut self, member: Member, event: Event) {
        let known = self.members.get_mut(&member).expect("a member");
        let silence = self.now - known.heard;
        if let Event::Silent { since, .. } = event {
            assert!(!known.silent && known.asked_since, "{known:?}");
            assert!(silence + TICK * 2 >= DEADLINE, "after {silence:?}");
            assert!(since.abs_diff(silence) <= TICK * 2);
            known.silent = true;
        } else if let Event::Recovered { .. } = event {
            assert!(known.silent && silence < DEADLINE);
            known.silent = false;
        } else if let Event::Stuck { .. } = event {
            assert!(!known.stuck && !known.asked_since && silence >= DEADLINE);
            known.stuck = true;
        } else if let Event::Unstuck = event {
            assert!(known.stuck);
            known.stuck = false;
        } else {
            panic!("a crowd tells nothing else: {event:?}");
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Join,
    Leave(usize),
    Hear(usize),
    Pass(u64),
    Transport(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Join),
        1 => (0_usize..100).prop_map(Step::Leave),
        8 => (0_usize..100).prop_map(Step::Hear),
        4 => (0_u64..10_000).prop_map(Step::Pass),
        1 => (10_000_u64..100_000).prop_map(Step::Pass),
        2 => prop::bool::weighted(0.8).prop_map(Step::Transport),
    ]
}

/// Looks whenever the crowd wants to be looked at.
fn pass(crowd: &mut Crowd, model: &mut Model, time: Duration) {
    let end = model.now + time;
    while let Some(look) = crowd.next_check().filter(|look| *look <= end) {
        model.now = model.now.max(look);
        crowd.expire(model.now, model);
    }
    model.now = end;
    crowd.expire(end, model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_member_is_asked_in_time_and_judged_in_time(
        begin in prop_oneof![Just(0_u64), Just((1 << 56) - 40_000_000_000), 0_u64..1 << 60],
        seed: u64,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let begin = Duration::from_nanos(begin);
        let mut crowd = Crowd::new(Settings::within(DEADLINE).every(EVERY).seed(seed), begin);
        let mut model = Model { now: begin, open: true, ..Model::default() };
        for step in steps {
            let nth = |n: usize| model.members.keys().nth(n % model.members.len().max(1)).copied();
            match step {
                Step::Join => {
                    let heard = model.now;
                    let known = Known { heard, ..Known::default() };
                    let before = model.members.insert(crowd.join(heard), known);
                    prop_assert!(before.is_none(), "two members of one number");
                }
                Step::Leave(n) => {
                    let Some(member) = nth(n) else { continue };
                    crowd.leave(member);
                    model.members.remove(&member);
                }
                Step::Hear(n) => {
                    let Some(member) = nth(n) else { continue };
                    crowd.heard(member, model.now);
                    let known = model.members.get_mut(&member).expect("a member");
                    known.heard = model.now;
                    known.asked_since = false;
                    // Whoever answers by data alone would use up its pings: pongs for all.
                    if known.pings > 0 {
                        let _ = crowd.pong(member, known.pings, None, model.now);
                    }
                }
                Step::Pass(ms) => pass(&mut crowd, &mut model, Duration::from_millis(ms)),
                Step::Transport(open) => model.open = open,
            }
        }
        // In the end all fall silent, and every one is told of.
        model.open = true;
        pass(&mut crowd, &mut model, DEADLINE * 2 + EVERY);
        for (member, known) in &model.members {
            prop_assert!(known.silent && !known.stuck, "{member:?}: {known:?}");
            let standing = crowd.standing(*member, model.now);
            let is_silent = matches!(standing, Some(Standing::Silent { .. }));
            prop_assert!(is_silent, "{standing:?}");
        }
    }
}

/// Takes every ping and remembers what it is told.
#[derive(Debug, Default)]
struct Quiet {
    pings: Vec<Transmit>,
    told: Vec<Event>,
}

impl Owner for Quiet {
    fn send(&mut self, _: Member, ping: Transmit) -> bool {
        self.pings.push(ping);
        true
    }

    fn tell(&mut self, _: Member, event: Event) {
        self.told.push(event);
    }
}

#[test]
fn after_a_suspension_nobody_is_convicted_before_it_could_answer() {
    let mut crowd = Crowd::new(Settings::within(DEADLINE).every(EVERY), Duration::ZERO);
    let member = crowd.join(Duration::ZERO);
    let mut owner = Quiet::default();
    let mut now = Duration::ZERO;
    while owner.pings.is_empty() {
        now = crowd.next_check().expect("a member");
        crowd.expire(now, &mut owner);
    }
    // Asked, and then an hour of sleep.
    now += Duration::from_secs(3_600);
    crowd.expire(now, &mut owner);
    assert_eq!(owner.told, []);
    crowd.heard(member, now);
    crowd.expire(now + Duration::from_secs(10), &mut owner);
    assert_eq!(owner.told, []);
}

#[test]
fn pongs_and_pings_that_break_the_rules_are_refused() {
    let mut crowd = Crowd::new(Settings::within(DEADLINE).every(EVERY), Duration::ZERO);
    let member = crowd.join(Duration::ZERO);
    let at = Duration::from_secs;
    let unasked = crowd.pong(member, 1, None, at(1));
    assert_eq!(unasked, Err(Violation::UnaskedPong { sequence: 1 }));
    let mut owner = Quiet::default();
    crowd.expire(at(7), &mut owner);
    let [Transmit::Ping { sequence, echo }] = owner.pings[..] else {
        panic!("{:?}", owner.pings);
    };
    let future = crowd.pong(member, sequence, Some(u64::MAX), at(8));
    assert_eq!(future, Err(Violation::WrongEcho { sequence }));
    let answer = crowd.pong(member, sequence, Some(echo), at(8));
    assert_eq!(answer, Ok(Some(at(1))));
    let again = crowd.pong(member, sequence, Some(echo), at(8));
    assert_eq!(again, Err(Violation::UnaskedPong { sequence }));
    let tolls: Vec<_> = (0..12).map(|_| crowd.ping(member, at(9))).collect();
    assert!(tolls[..9].iter().all(|toll| *toll == Ok(None)), "{tolls:?}");
    let complaint = Ok(Some(Transmit::TooOften));
    let refusal = Err(Violation::TooManyPings { floor: at(1) });
    assert_eq!(tolls[9..], [complaint, complaint, refusal]);
}

#[test]
fn a_peer_that_bears_the_pace_suits() {
    let crowd = Crowd::new(Settings::within(DEADLINE).every(EVERY), Duration::ZERO);
    let hello = |seconds| Hello {
        every: None,
        floor: Duration::from_secs(seconds),
    };
    assert!(crowd.suits(hello(1)) && !crowd.suits(hello(29)));
    assert_eq!(crowd.hello().every, None);
}
