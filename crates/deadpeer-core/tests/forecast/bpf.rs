//! What eBPF shows makes the forecast exact where TCP_INFO and sock_diag leave an interval.

use deadpeer_core::{Forecast, Notice, Silence, Snapshot, Sysctls};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::model::Model;
use crate::moments::{any_hz, any_options, any_sysctls, kernel, without_keepalive};

/// How many moments of each kind are tried.
const MOMENTS: usize = 1_000;

/// Of so many moments, how many are told to two jiffies: with what eBPF shows, and with the other
/// sources and the phase.
fn exact<M>(
    moments: impl Strategy<Value = M>,
    silence: Silence,
    model: impl Fn(M) -> Option<Model>,
) -> [usize; 2] {
    let mut runner = TestRunner::deterministic();
    let mut exact = [0; 2];
    let mut tried = 0;
    while tried < MOMENTS {
        let Some(model) = model(moments.new_tree(&mut runner).unwrap().current()) else {
            continue;
        };
        tried += 1;
        let death = model.clone().run_to_death(None).expect("timers run");
        let actual = model.time(death.jiffy - model.now);
        for (count, snapshot) in exact
            .iter_mut()
            .zip([model.bpf_snapshot(), model.snapshot(true)])
        {
            let told = told(&model, silence, &snapshot);
            *count += usize::from(told.is_some_and(|(earliest, latest)| {
                earliest <= actual && actual <= latest && latest - earliest <= model.time(4)
            }));
        }
    }
    exact
}

fn told(
    model: &Model,
    silence: Silence,
    snapshot: &Snapshot,
) -> Option<(std::time::Duration, std::time::Duration)> {
    let forecast = Forecast::of(&model.options, snapshot, &kernel(model, true));
    match forecast.outlook(silence).now? {
        Notice::Within(span) => Some((span.earliest, span.latest)),
        Notice::Never => None,
    }
}

#[test]
fn a_later_run_of_timeouts() {
    let moments = (
        any_options(),
        any_sysctls(),
        any_hz(),
        0_u64..1 << 33,
        200_u64..3000,
        [1_u64..20, 0..20],
    );
    let [bpf, others] = exact(
        moments,
        Silence::InFlight,
        |(mut options, sysctls, hz, phase, rto_ms, parts)| {
            options.thin_linear_timeouts = false;
            let rto = (rto_ms * hz / 1000).min(u64::from(options.rto_max_ms?) * hz / 1000);
            let mut model = Model::established(hz, phase, without_keepalive(options), sysctls, rto);
            for (run, part) in parts.into_iter().enumerate() {
                model.write();
                let death = model.clone().run_to_death(None)?;
                let at = model.now + (death.jiffy - model.now) * part / 20;
                model.silent_until(at.min(death.jiffy - 1));
                if run == 0 {
                    model.acknowledged(true);
                }
            }
            Some(model)
        },
    );
    assert!(bpf * 100 >= MOMENTS * 98, "{bpf} of {MOMENTS}");
    assert!(others < bpf, "{others}, {bpf} by eBPF");
}

#[test]
fn a_closed_window_with_a_user_timeout() {
    let moments = (any_options(), any_hz(), 0_u64..1 << 33, 1_u64..20);
    let [bpf, others] = exact(
        moments,
        Silence::ZeroWindow,
        |(options, hz, phase, part)| {
            options.user_timeout_ms?;
            let options = without_keepalive(options);
            let mut model =
                Model::established(hz, phase, options, Sysctls::DEFAULT, hz.div_ceil(5));
            model.window_closes();
            let death = model.clone().run_to_death(None)?;
            let at = phase + (death.jiffy - phase) * part / 20;
            model.silent_until(at.min(death.jiffy - 1));
            Some(model)
        },
    );
    assert!(bpf * 100 >= MOMENTS * 98, "{bpf} of {MOMENTS}");
    assert!(others < bpf, "{others}, {bpf} by eBPF");
}

#[test]
fn keepalive_armed_before_its_settings_changed() {
    let moments = (
        any_options(),
        any_options(),
        any_hz(),
        0_u64..1 << 33,
        0_u64..100,
    );
    let [bpf, others] = exact(
        moments,
        Silence::Idle,
        |(before, after, hz, phase, part)| {
            let mut model = Model::established(hz, phase, before, Sysctls::DEFAULT, hz.div_ceil(5));
            let death = model.clone().run_to_death(None)?;
            model.silent_until((phase + (death.jiffy - phase) * part / 100).min(death.jiffy - 1));
            model.options = after;
            Some(model)
        },
    );
    assert!(bpf * 100 >= MOMENTS * 98, "{bpf} of {MOMENTS}");
    assert!(others < bpf, "{others}, {bpf} by eBPF");
}
