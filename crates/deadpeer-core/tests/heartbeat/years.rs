//! Live and dead peers on bad paths, at the default settings.

use std::time::Duration;

use deadpeer_core::heartbeat::Settings;

use crate::ends::World;
use crate::path::{Jitter, Loss, Path, Transport};

const YEAR: Duration = Duration::from_secs(31_557_600);
const DEADLINE: Duration = Duration::from_secs(30);

/// 300 ms of jitter, and timeouts of TCP that grow up to two minutes.
fn path(loss: f64) -> Path {
    Path {
        interval: Duration::from_secs(1),
        delay: Duration::from_millis(20),
        jitter: Jitter::Uniform(Duration::from_millis(300)),
        loss: Loss::Random(loss),
        transport: Transport::Stream {
            longest_timeout: Duration::from_secs(120),
        },
        pauses: None,
    }
}

#[test]
fn five_percent_loss_raises_no_false_alarm_in_a_year() {
    let settings = [Settings::within(DEADLINE); 2];
    let tally = World::new(settings, path(0.05), 1).live_for(YEAR);
    assert_eq!(tally.false_alarms, 0, "{tally:?}");
    assert!(tally.pings > 1_000_000, "they have to be tried: {tally:?}");
}

/// The simulated path must be able to hurt: a quarter of all packets lost does.
#[test]
fn a_quarter_lost_raises_some() {
    let settings = [Settings::within(DEADLINE); 2];
    let tally = World::new(settings, path(0.25), 1).live_for(YEAR / 12);
    assert!(tally.false_alarms > 0, "{tally:?}");
}

#[test]
fn a_dead_peer_is_noticed_in_time_by_who_asks_and_by_who_is_asked() {
    let both = [Settings::within(DEADLINE); 2];
    let asking = [Settings::within(DEADLINE), Settings::answering(DEADLINE)];
    let asked = [Settings::answering(DEADLINE), Settings::within(DEADLINE)];
    for settings in [both, asking, asked] {
        for seed in 0..50 {
            let mut world = World::new(settings, path(0.05), seed);
            world.live_for(Duration::from_secs(300 + seed));
            let noticed = world.die();
            // What was on its way when it died still proves life when it arrives.
            let most = DEADLINE + Duration::from_secs(5);
            assert!(noticed <= most, "{noticed:?}, {settings:?}");
        }
    }
}
