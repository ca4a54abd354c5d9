//! What of a moment the worst cases depend on: a machine's connections are judged by that alone.

use std::time::Duration;

use deadpeer_core::forecast::{Armed, Timer};
use deadpeer_core::{Forecast, Kernel, Silence, Snapshot, TcpState};
use proptest::prelude::*;

use crate::moments::{any_options, any_sysctls};

const STATES: [TcpState; 6] = [
    TcpState::Established,
    TcpState::CloseWait,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::SynSent,
    TcpState::Listen,
];
const TIMERS: [Timer; 3] = [Timer::Retransmit, Timer::Keepalive, Timer::ZeroWindowProbe];

fn us(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_micros)
}

prop_compose! {
    fn any_path()(
        state in prop::sample::select(&STATES[..]),
        orphan: bool,
        rto in prop::option::of(us(200_000..120_000_000)),
        srtt in prop::option::of(us(1..3_000_000)),
        (retransmits, backoff) in (0_u32..8, 0_u32..8),
        (tail_loss_probe, tail_loss_probe_sent) in (any::<Option<bool>>(), any::<Option<bool>>()),
        (in_flight, unsent, zero_window) in (any::<bool>(), any::<bool>(), any::<Option<bool>>()),
        segments_in_flight in prop::option::of(1_u32..9),
        sent_again_before: bool,
    ) -> Snapshot {
        let mut snapshot = Snapshot::new(state);
        snapshot.orphan = orphan;
        (snapshot.rto, snapshot.srtt) = (rto, srtt);
        (snapshot.retransmits, snapshot.backoff) = (retransmits, backoff);
        snapshot.tail_loss_probe = tail_loss_probe;
        snapshot.tail_loss_probe_sent = tail_loss_probe_sent;
        (snapshot.in_flight, snapshot.unsent) = (in_flight, unsent);
        snapshot.zero_window = zero_window;
        snapshot.segments_in_flight = segments_in_flight;
        snapshot.sent_again_before = sent_again_before;
        snapshot
    }
}

prop_compose! {
    /// A path, and how far the connection is in a silence.
    fn any_moment()(
        path in any_path(),
        heard_ago in prop::option::of(us(0..500_000_000)),
        probes_out in 0_u32..5,
        first_timeout_ago in prop::option::of(us(0..100_000_000)),
        first_timeout_within in prop::option::of(us(0..100_000_000)),
        armed in prop::option::of((prop::sample::select(&TIMERS[..]), us(0..300_000_000))),
        jiffies in prop::option::of(0_u64..1 << 40),
        (timed_out_before, stamped_ahead) in (any::<bool>(), prop::option::of(us(0..100_000_000))),
    ) -> Snapshot {
        let mut snapshot = path;
        (snapshot.timed_out_before, snapshot.stamped_ahead) = (timed_out_before, stamped_ahead);
        snapshot.heard_ago = heard_ago;
        snapshot.probes_out = probes_out;
        snapshot.first_timeout_ago = first_timeout_ago;
        snapshot.first_timeout_within = first_timeout_within;
        snapshot.armed = armed.map(|(timer, expires_in)| Armed {
            timer,
            expires_in,
            level: None,
        });
        snapshot.jiffies = jiffies;
        snapshot
    }
}

proptest! {
    #[test]
    fn the_worst_cases_depend_on_the_path_alone(
        moment in any_moment(),
        options in any_options(),
        sysctls in any_sysctls(),
        hz in prop::sample::select(&[None, Some(100), Some(250), Some(300), Some(1000)][..]),
    ) {
        let mut kernel = Kernel::modern(hz);
        kernel.sysctls = sysctls;
        let path = moment.for_worst_cases(&kernel);
        let of_moment = Forecast::of(&options, &moment, &kernel);
        let of_path = Forecast::of(&options, &path, &kernel);
        for silence in Silence::ALL {
            let (moment, path) = (of_moment.outlook(silence), of_path.outlook(silence));
            prop_assert_eq!(moment.worst, path.worst, "{}", silence);
        }
        prop_assert_eq!(of_moment.lost_probes_survived, of_path.lost_probes_survived);
        prop_assert_eq!(of_moment.slow_reader, of_path.slow_reader);
        prop_assert_eq!(moment.silence(), path.silence());
    }
}
