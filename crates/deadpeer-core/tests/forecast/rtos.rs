//! The worst case over every RTO: no RTO is worse, and some RTO is as bad.

use std::time::Duration;

use deadpeer_core::{
    Effective, Forecast, Kernel, Policy, SlowReaders, Snapshot, SocketOptions, Sysctls, TcpState,
};
use proptest::prelude::*;

use crate::cases;
use crate::model::Model;
use crate::moments::any_options;

const HZ: u64 = 100;

fn kernel(sysctls: Sysctls) -> Kernel {
    let mut kernel = Kernel::modern(Some(HZ as u32));
    kernel.sysctls = sysctls;
    kernel
}

/// The worst cases that depend on the RTO, the least outage as well.
#[derive(Debug, PartialEq)]
struct Worst {
    in_flight: Option<Duration>,
    zero_window: Option<Duration>,
    slow_reader: Option<Duration>,
    kept: Duration,
    outage_survived: Duration,
}

impl Worst {
    fn of(forecast: &Forecast) -> Self {
        Self {
            in_flight: forecast.in_flight.worst.latest(),
            zero_window: forecast.zero_window.worst.latest(),
            slow_reader: forecast.slow_reader.latest(),
            kept: forecast.after_close.kept,
            outage_survived: forecast.after_close.outage_survived,
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            in_flight: self.in_flight.max(other.in_flight),
            zero_window: self.zero_window.max(other.zero_window),
            slow_reader: self.slow_reader.max(other.slow_reader),
            kept: self.kept.max(other.kept),
            outage_survived: self.outage_survived.min(other.outage_survived),
        }
    }
}

fn at(rto: u64, options: &Effective, kernel: &Kernel) -> Worst {
    let mut path = Snapshot::new(TcpState::Listen);
    path.rto = Some(Duration::from_millis(rto * 1000 / HZ));
    Worst::of(&Forecast::of(options, &path, kernel))
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn is_that_of_the_worst_rto(options in any_options(), retries2 in 1_u32..16, orphan_retries in 0_u32..10, highest in 21_u64..150) {
        let mut sysctls = Sysctls::DEFAULT;
        (sysctls.retries2, sysctls.orphan_retries) = (retries2, orphan_retries);
        let kernel = kernel(sysctls);
        let all = (21..=highest).map(|rto| at(rto, &options, &kernel)).reduce(Worst::or);
        let highest = Duration::from_millis(highest * 1000 / HZ);
        let told = Worst::of(&Forecast::promised(&options, highest, &kernel));
        prop_assert_eq!(Some(told), all);
    }

    /// Deadlines at which the largest RTO is not the worst, played on the model with the RTOs that
    /// are.
    #[test]
    fn a_plan_holds_at_every_rto(
        seconds in prop_oneof![Just(90), Just(500), 20_u64..600], drop in any::<bool>(), retries2 in 5_u32..=15,
        phase in 0_u64..1 << 33, rto_ms in 204_u64..=1000, write in 0_u64..=16,
    ) {
        let mut kernel = Kernel::modern(Some(250));
        kernel.sysctls.retries2 = retries2;
        let slow_readers = if drop { SlowReaders::Drop } else { SlowReaders::Keep };
        let policy = Policy::detect_within(Duration::from_secs(seconds)).slow_readers(slow_readers);
        let Ok(plan) = policy.plan(&kernel) else { return Ok(()); };
        let options = plan.options().resolve(&kernel.sysctls);
        let cap = u64::from(options.rto_max_ms.unwrap_or(120_000));
        let model = Model::established(250, phase, options, kernel.sysctls, rto_ms.min(cap) * 250 / 1000);
        let mut sending = model.clone();
        sending.write();
        let in_flight = sending.run_to_death(None).expect("data is in flight").jiffy;
        prop_assert!(plan.forecast().in_flight.worst.latest() >= Some(model.time(in_flight - phase)), "{plan}");
        let idle = model.clone().run_to_death(None).expect("keepalive is on").jiffy - phase;
        let late = model.clone().run_to_death(Some(phase + idle * write / 16 - u64::from(write == 16)));
        prop_assert!(model.time(late.expect("keepalive is on").jiffy - phase) <= policy.within(), "{plan}");
    }
}

/// Measured on Linux 6.18 with `tcp_retries2` 6 and an RTO of 824 ms, where 32.9 s had been
/// promised for an RTO of 1 s.
#[test]
fn a_smaller_rto_can_be_worse_than_a_larger() {
    let mut sysctls = Sysctls::DEFAULT;
    sysctls.retries2 = 6;
    let mut kernel = Kernel::modern(Some(250));
    kernel.sysctls = sysctls;
    let options = SocketOptions::default().resolve(&sysctls);
    let latest = |rto_ms| {
        let told = Forecast::promised(&options, Duration::from_millis(rto_ms), &kernel);
        told.in_flight.worst.latest().expect("retries are bounded")
    };
    assert!(latest(1000) >= Duration::from_secs_f64(53.45));
    assert!(latest(1000) >= latest(824) && latest(824) > latest(300));
}
