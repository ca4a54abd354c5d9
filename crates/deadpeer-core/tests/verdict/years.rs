//! False alarms and deadlines in simulated years.

use std::time::Duration;

use deadpeer_core::Supervision;
use deadpeer_core::verdict::Preference;

use crate::world::{Path, World};

const YEAR: Duration = Duration::from_secs(31_557_600);

#[test]
fn a_live_peer_is_called_dead_at_most_once_a_year() {
    for seconds in [10, 30, 120] {
        let supervision = Supervision::within(Duration::from_secs(seconds));
        for loss in [0.0, 0.05, 0.25, 0.4] {
            let tally = World::new(supervision, Path::Random(loss), 7).live_for(YEAR);
            assert!(
                tally.false_alarms <= 1,
                "{seconds} s, loss {loss}: {tally:?}"
            );
        }
    }
}

/// Both ends are supervised: the peer's probes come between the answers to ours, and look like
/// them.
#[test]
fn a_peer_that_probes_is_called_dead_no_more_often() {
    for seconds in [10, 30] {
        let supervision = Supervision::within(Duration::from_secs(seconds));
        for loss in [0.25, 0.4] {
            let world = World::new(supervision, Path::Random(loss), 7);
            let tally = world.probed_by_the_peer().live_for(YEAR);
            assert!(
                tally.false_alarms <= 1,
                "{seconds} s, loss {loss}: {tally:?}"
            );
        }
    }
}

/// What was probed before the judge came has taught him the loss, though data had moved as well. If
/// it had not, nine unanswered probes would convince him: within 10 s one live peer in thirteen
/// would be called dead.
#[test]
fn a_judge_who_comes_late_knows_the_loss() {
    for seconds in [10, 30, 120] {
        let supervision = Supervision::within(Duration::from_secs(seconds));
        let is_called_dead = |seed: &u64| {
            let mut world = World::new(supervision, Path::Random(0.4), *seed);
            world.live_unjudged_for(Duration::from_secs(80));
            world.live_for(Duration::from_secs(seconds)).false_alarms > 0
        };
        let wrong = (0..2_000).filter(is_called_dead).count();
        assert!(wrong <= 1, "{seconds} s: {wrong} of 2000");
    }
}

#[test]
fn a_dead_peer_is_noticed_within_the_deadline_or_the_foretold_slip() {
    for seconds in [10, 30, 120] {
        let deadline = Duration::from_secs(seconds);
        for loss in [0.0, 0.05, 0.25, 0.4] {
            for seed in 0..50 {
                let mut world = World::new(Supervision::within(deadline), Path::Random(loss), seed);
                world.live_for(Duration::from_secs(3_600 + seed));
                let (noticed, slip) = world.vanish();
                // A question asked just before the peer vanished may still be open, and what is
                // counted of it moves what is needed.
                let late = match slip.is_zero() && loss <= 0.05 {
                    true => Duration::ZERO,
                    false => Duration::from_secs(3) + slip / 4,
                };
                let most = deadline + slip + late;
                assert!(
                    noticed <= most,
                    "{deadline:?}, loss {loss}: {noticed:?}, slip {slip:?}"
                );
                if loss <= 0.05 && seconds >= 30 {
                    assert!(slip.is_zero(), "{deadline:?}, loss {loss}: slips {slip:?}");
                }
            }
        }
    }
}

#[test]
fn whoever_prefers_the_deadline_gets_it() {
    let supervision = Supervision::within(Duration::from_secs(10)).prefer(Preference::Deadline);
    for seed in 0..50 {
        let mut world = World::new(supervision, Path::Random(0.3), seed);
        world.live_for(Duration::from_secs(60 + seed));
        let (noticed, slip) = world.vanish();
        assert!(
            noticed <= Duration::from_secs(10) && slip.is_zero(),
            "{noticed:?}"
        );
    }
}

/// Outages of four fifths of the deadline are survived, every one of about 1,700.
#[test]
fn outages_shorter_than_the_deadline_are_survived() {
    for seconds in [10, 30, 120] {
        let deadline = Duration::from_secs(seconds);
        let path = Path::Bursts {
            outage: deadline * 4 / 5,
            every: deadline * 15,
        };
        let tally =
            World::new(Supervision::within(deadline), path, seconds).live_for(deadline * 27_000);
        assert_eq!(tally.false_alarms, 0, "{deadline:?}: {tally:?}");
    }
}

/// A path that was clean for long and suddenly loses much is not believed in for long: 4,383 spells
/// a year. In the first half minute nobody can know, and 25 probes fail in a row with a chance of 1
/// to 70,000 at 40 % loss.
#[test]
fn spells_of_loss_are_survived() {
    for (loss, most) in [(0.25, 1), (0.4, 8)] {
        let path = Path::Spells {
            loss,
            lasts: Duration::from_secs(600),
            every: Duration::from_secs(7_200),
        };
        let supervision = Supervision::within(Duration::from_secs(30));
        let tally = World::new(supervision, path, 3).live_for(YEAR);
        assert!(tally.false_alarms <= most, "loss {loss}: {tally:?}");
    }
}

/// Supervision costs a look or so per deadline.
#[test]
fn looks_are_rare() {
    let supervision = Supervision::within(Duration::from_secs(30));
    let tally = World::new(supervision, Path::Random(0.0), 1).live_for(Duration::from_secs(86_400));
    assert!(tally.looks < 86_400 / 10, "{tally:?}");
}
