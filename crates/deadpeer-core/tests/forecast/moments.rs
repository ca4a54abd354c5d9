//! The forecast "if the peer vanished now" against the model's history: with the phase known to two
//! jiffies, without it an interval that contains the death.

use std::time::Duration;

use deadpeer_core::{
    Effective, Forecast, Kernel, Notice, Silence, Snapshot, SocketOptions, Sysctls,
};
use proptest::prelude::*;

use crate::cases;
use crate::model::Model;

prop_compose! {
    pub(crate) fn any_options()(
        idle in 1_u32..400,
        interval in 1_u32..90,
        count in 1_u32..12,
        user_timeout_ms in prop_oneof![Just(0), 100_u32..300_000],
        rto_max_ms in prop_oneof![Just(120_000_u32), 1_000_u32..120_000],
        thin_linear_timeouts in prop::bool::weighted(0.2),
    ) -> Effective {
        let options = SocketOptions {
            keepalive: Some(true),
            keepidle_s: Some(idle),
            keepintvl_s: Some(interval),
            keepcnt: Some(count),
            user_timeout_ms: Some(user_timeout_ms),
            rto_max_ms: Some(rto_max_ms),
            ..SocketOptions::default()
        };
        let mut options = options.resolve(&Sysctls::DEFAULT);
        options.thin_linear_timeouts = thin_linear_timeouts;
        options
    }
}

prop_compose! {
    pub(crate) fn any_sysctls()(retries2 in 0_u32..16) -> Sysctls {
        let mut sysctls = Sysctls::DEFAULT;
        sysctls.retries2 = retries2;
        sysctls
    }
}

pub(crate) fn any_hz() -> impl Strategy<Value = u64> {
    prop_oneof![Just(100), Just(250), Just(1000)]
}

pub(crate) fn without_keepalive(mut options: Effective) -> Effective {
    options.keepalive = false;
    options
}

pub(crate) fn kernel(model: &Model, hz_known: bool) -> Kernel {
    let mut kernel = Kernel::modern(hz_known.then_some(model.hz as u32));
    kernel.sysctls = model.sysctls;
    kernel
}

/// The forecast made at `before` must contain the death that `after` came to.
fn check(before: &Model, silence: Silence, death: u64) -> Result<(), TestCaseError> {
    check_with(before, silence, death, |_| {})?;
    let actual = before.time(death - before.now);
    for (phase, hz_known) in [(false, true), (false, false)] {
        let snapshot = before.snapshot(phase);
        let forecast = Forecast::of(&before.options, &snapshot, &kernel(before, hz_known));
        let worst = forecast.outlook(silence).worst;
        prop_assert!(
            worst.latest() >= Some(actual),
            "{silence}: {actual:?} later than the worst, {worst:?}"
        );
    }
    Ok(())
}

/// The same for the forecast of this moment alone, from a snapshot that shows less.
fn check_with(
    before: &Model,
    silence: Silence,
    death: u64,
    hide: impl Fn(&mut Snapshot),
) -> Result<(), TestCaseError> {
    let actual = before.time(death - before.now);
    for (phase, hz_known) in [(true, true), (false, true), (false, false)] {
        let mut snapshot = before.snapshot(phase);
        hide(&mut snapshot);
        is_within(before, silence, actual, &snapshot, hz_known)?;
    }
    is_within(before, silence, actual, &before.bpf_snapshot(), true)
}

fn is_within(
    before: &Model,
    silence: Silence,
    actual: Duration,
    snapshot: &Snapshot,
    hz_known: bool,
) -> Result<(), TestCaseError> {
    let forecast = Forecast::of(&before.options, snapshot, &kernel(before, hz_known));
    let Some(Notice::Within(span)) = forecast.outlook(silence).now else {
        return Err(TestCaseError::fail(format!("{silence}: {forecast:?}")));
    };
    prop_assert!(
        span.earliest <= actual && actual <= span.latest,
        "{silence}: {actual:?} not in {span:?}\n{snapshot:?}\n{:?}",
        before.options
    );
    Ok(())
}

/// With the phase known the forecast is to two jiffies.
fn is_exact(before: &Model, silence: Silence) -> bool {
    let forecast = Forecast::of(
        &before.options,
        &before.snapshot(true),
        &kernel(before, true),
    );
    let Some(Notice::Within(span)) = forecast.outlook(silence).now else {
        return false;
    };
    span.latest - span.earliest <= before.time(2) + Duration::from_micros(1)
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn idle(options in any_options(), sysctls in any_sysctls(), hz in any_hz(), phase in 0_u64..1 << 33,
            alive in 0_u64..400_000, arrivals in prop::collection::vec(0_u64..400_000, 0..4)) {
        let mut model = Model::established(hz, phase, options, sysctls, hz.div_ceil(5));
        let arrivals: Vec<_> = arrivals.into_iter().map(|at| phase + at).collect();
        model.alive_until(phase + alive, &arrivals);
        let death = model.clone().run_to_death(None).expect("keepalive is on");
        check(&model, Silence::Idle, death.jiffy)?;
        let forecast = Forecast::of(&options, &model.snapshot(false), &kernel(&model, true));
        let survived = u64::from(forecast.lost_probes_survived.expect("keepalive is on"));
        prop_assert!(death.keepalive_probes > survived, "{death:?}, promised {survived}");
    }

    #[test]
    fn idle_amid_probes(options in any_options(), hz in any_hz(), phase in 0_u64..1 << 33, probes in 1_u64..5) {
        let mut model = Model::established(hz, phase, options, Sysctls::DEFAULT, hz.div_ceil(5));
        let death = model.clone().run_to_death(None).expect("keepalive is on");
        let silence = death.jiffy - phase;
        model.now = phase;
        let mut part = model.clone();
        part.silent_until(phase + silence * probes / 6);
        check(&part, Silence::Idle, death.jiffy)?;
    }

    #[test]
    fn a_write_at_this_moment(options in any_options(), sysctls in any_sysctls(), hz in any_hz(),
                              phase in 0_u64..1 << 33, rto_ms in 200_u64..3000, round_trip_ms in 0_u64..600) {
        let rto = (rto_ms * hz / 1000).min(u64::from(options.rto_max_ms.unwrap()) * hz / 1000);
        let mut model = Model::established(hz, phase, without_keepalive(options), sysctls, rto);
        model.round_trip = round_trip_ms * hz / 1000;
        let mut written = model.clone();
        written.write();
        let death = written.clone().run_to_death(None).expect("data is in flight");
        check(&model, Silence::InFlight, death.jiffy)?;
        check(&written, Silence::InFlight, death.jiffy)?;
        prop_assert!(is_exact(&written, Silence::InFlight) || is_near_the_limit(&written, death.jiffy));
    }

    #[test]
    fn data_in_flight_for_a_while(options in any_options(), sysctls in any_sysctls(), hz in any_hz(),
                                  phase in 0_u64..1 << 33, rto_ms in 200_u64..3000, part in 1_u64..20) {
        let rto = (rto_ms * hz / 1000).min(u64::from(options.rto_max_ms.unwrap()) * hz / 1000);
        let mut model = Model::established(hz, phase, without_keepalive(options), sysctls, rto);
        model.write();
        let death = model.clone().run_to_death(None).expect("data is in flight");
        model.silent_until(phase + (death.jiffy - phase) * part / 20);
        if model.now < death.jiffy {
            check(&model, Silence::InFlight, death.jiffy)?;
        }
    }

    /// The run before was acknowledged, or a part of what was in flight; the RTO stayed doubled or
    /// was measured anew. What sock_diag shows may be missing.
    #[test]
    fn data_in_flight_in_a_later_run(options in any_options(), sysctls in any_sysctls(), hz in any_hz(),
                                     phase in 0_u64..1 << 33, rto_ms in 200_u64..3000, parts in [1_u64..20, 0..20],
                                     measured: bool, in_part: bool, counted: bool, armed: bool, rto_max_later in prop::option::of(1_000_u32..120_000)) {
        let rto = (rto_ms * hz / 1000).min(u64::from(options.rto_max_ms.unwrap()) * hz / 1000);
        let mut model = Model::established(hz, phase, without_keepalive(options), sysctls, rto);
        for (run, part) in parts.into_iter().enumerate() {
            model.write();
            let death = model.clone().run_to_death(None).expect("data is in flight");
            model.silent_until((model.now + (death.jiffy - model.now) * part / 20).min(death.jiffy - 1));
            match (run, in_part) {
                (0, true) => model.acknowledged_in_part(measured),
                (0, false) => model.acknowledged(measured),
                _ => {}
            }
        }
        model.options.rto_max_ms = rto_max_later.min(model.options.rto_max_ms).or(model.options.rto_max_ms);
        let death = model.clone().run_to_death(None).expect("data is in flight");
        check_with(&model, Silence::InFlight, death.jiffy, |snapshot| {
            if !counted {
                snapshot.first_timeout_within = None;
            }
            if !armed {
                snapshot.armed = None;
            }
        })?;
    }

    /// Settings that were changed while the timer ran count from the next firing on.
    #[test]
    fn keepalive_armed_before_its_settings_changed(before in any_options(), after in any_options(), hz in any_hz(),
                                                   phase in 0_u64..1 << 33, part in 0_u64..100, by_sysctl: bool) {
        let mut model = Model::established(hz, phase, before, Sysctls::DEFAULT, hz.div_ceil(5));
        let death = model.clone().run_to_death(None).expect("keepalive is on");
        model.silent_until((phase + (death.jiffy - phase) * part / 100).min(death.jiffy - 1));
        let idle = model.options.keepidle_s;
        model.options = after;
        if by_sysctl {
            model.sysctls.keepalive_time_s = after.keepidle_s;
        } else {
            model.options.keepidle_s = idle;
        }
        let death = model.clone().run_to_death(None).expect("keepalive is on");
        check_with(&model, Silence::Idle, death.jiffy, |_| {})?;
    }

    #[test]
    fn a_late_write_is_within_the_worst_case(options in any_options(), sysctls in any_sysctls(), hz in any_hz(),
                                             phase in 0_u64..1 << 33, rto_ms in 200_u64..3000, part in 0_u64..=64) {
        let rto = (rto_ms * hz / 1000).min(u64::from(options.rto_max_ms.unwrap()) * hz / 1000);
        let model = Model::established(hz, phase, options, sysctls, rto);
        let idle = model.clone().run_to_death(None).expect("keepalive is on").jiffy - phase;
        let write = phase + (idle * part / 64).min(idle - 1);
        let death = model.clone().run_to_death(Some(write)).expect("keepalive is on");
        let forecast = Forecast::of(&options, &model.snapshot(false), &kernel(&model, true));
        let actual = model.time(death.jiffy - phase);
        prop_assert!(forecast.late_write.worst.meets(actual) || forecast.late_write.worst.latest() >= Some(actual));
        if part == 64 {
            let Some(Notice::Within(span)) = forecast.late_write.now else { panic!("idle") };
            prop_assert!(span.earliest <= actual && actual <= span.latest, "{actual:?} {span:?}");
        }
    }

    #[test]
    fn a_closed_window(options in any_options(), sysctls in any_sysctls(), hz in any_hz(),
                       phase in 0_u64..1 << 33, answers in 0_u32..14) {
        let mut model = Model::established(hz, phase, without_keepalive(options), sysctls, hz.div_ceil(5));
        model.window_closes();
        for _ in 0..answers {
            let mut next = model.clone();
            if options.user_timeout_ms.is_some() || next.window_probe_kills() {
                break;
            }
            model = next;
        }
        let death = model.clone().run_to_death(None).expect("the window is probed");
        check(&model, Silence::ZeroWindow, death.jiffy)?;
        if answers == 0 {
            prop_assert!(is_exact(&model, Silence::ZeroWindow));
        }
    }
}

/// Within a jiffy of the limit the kernel's millisecond clock decides, and two firings are
/// possible.
fn is_near_the_limit(model: &Model, death: u64) -> bool {
    let Some(Notice::Within(span)) =
        Forecast::of(&model.options, &model.snapshot(true), &kernel(model, true))
            .in_flight
            .now
    else {
        return false;
    };
    let actual = model.time(death - model.now);
    span.earliest <= actual && actual <= span.latest
}
