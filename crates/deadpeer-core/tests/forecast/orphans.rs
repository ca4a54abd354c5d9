//! After close(): the forecast against the model's history, and against what was measured.

use std::time::Duration;

use deadpeer_core::forecast::AfterClose;
use deadpeer_core::{
    Effective, Forecast, Kernel, Notice, Snapshot, SocketOptions, Sysctls, TcpState,
};
use proptest::prelude::*;

use crate::cases;
use crate::model::Model;
use crate::moments::{any_hz, any_options};

const HIGHEST_RTO: Duration = Duration::from_secs(3);

prop_compose! {
    fn any_sysctls()(retries2 in 0_u32..16, orphan_retries in prop_oneof![Just(0), 0_u32..16]) -> Sysctls {
        let mut sysctls = Sysctls::DEFAULT;
        sysctls.retries2 = retries2;
        sysctls.orphan_retries = orphan_retries;
        sysctls
    }
}

fn kernel(hz: u64, sysctls: Sysctls) -> Kernel {
    let mut kernel = Kernel::modern(Some(hz as u32));
    kernel.sysctls = sysctls;
    kernel
}

/// What is foretold when the RTO is known, and when it may be anything.
fn foretold(model: &Model) -> [AfterClose; 2] {
    let kernel = kernel(model.hz, model.sysctls);
    let mut known = Snapshot::new(TcpState::Established);
    known.rto = Some(model.time(model.rto));
    [
        Forecast::of(&model.options, &known, &kernel).after_close,
        Forecast::promised(&model.options, HIGHEST_RTO, &kernel).after_close,
    ]
}

fn closed(options: Effective, sysctls: Sysctls, hz: u64, phase: u64, rto_ms: u64) -> Model {
    let cap = u64::from(options.rto_max_ms.unwrap_or(120_000));
    let mut model = Model::established(hz, phase, options, sysctls, rto_ms.min(cap) * hz / 1000);
    model.close();
    model
}

/// When a peer that lives behind a closed window is given up.
fn killed(model: &Model) -> Option<u64> {
    let mut live = model.clone();
    (0..2000)
        .any(|_| live.window_probe_kills())
        .then_some(live.now)
}

/// By what the wheel rounds, which a forecast without its phase takes for possible.
fn a_little_less(rto_ms: u64) -> u64 {
    rto_ms * 96 / 100
}

/// What is told of a live peer that does not read, of its own RTO and of any, is what becomes of
/// it; `sometimes`: at another phase of the wheel and hardly another RTO.
fn holds_of_live_peer(
    model: &Model,
    phase: u64,
    told: [Notice; 2],
    sometimes: impl Fn() -> bool,
) -> Result<(), TestCaseError> {
    match killed(model) {
        Some(at) => {
            for told in told {
                let Notice::Within(span) = told else {
                    panic!("killed at {at}")
                };
                let killed = model.time(at - phase);
                prop_assert!(
                    span.earliest <= killed && killed <= span.latest,
                    "{killed:?} {span:?}"
                );
            }
        }
        None => prop_assert!(told[0] == Notice::Never || sometimes(), "{:?}", told[0]),
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn what_was_written_last(options in any_options(), sysctls in any_sysctls(), hz in any_hz(),
                             phase in 0_u64..1 << 33, rto_ms in 210_u64..3000, part in 0_u64..20) {
        let mut model = closed(options, sysctls, hz, phase, rto_ms);
        model.write();
        let mut dead = model.clone();
        let death = dead.run_to_death(None).expect("data is in flight");
        for told in foretold(&model) {
            let survived = model.time(dead.last_sent - phase);
            prop_assert!(told.outage_survived <= survived, "{survived:?} {told:?}");
            prop_assert!(told.kept >= model.time(death.jiffy - phase), "{death:?} {told:?}");
        }
        model.silent_until(phase + (death.jiffy - phase) * part / 20);
        let Some(Notice::Within(span)) =
            Forecast::of(&options, &model.snapshot(true), &kernel(hz, sysctls)).after_fin.now
        else {
            panic!("an orphan never lives for ever");
        };
        let left = model.time(death.jiffy - model.now);
        prop_assert!(span.earliest <= left && left <= span.latest, "{left:?} {span:?}");
    }

    #[test]
    fn behind_a_closed_window(options in any_options(), sysctls in any_sysctls(), hz in any_hz(),
                              phase in 0_u64..1 << 33, rto_ms in 210_u64..3000, answers in 0_u32..14) {
        let mut model = closed(options, sysctls, hz, phase, rto_ms);
        model.window_closes();
        let told = foretold(&model);
        holds_of_live_peer(&model, phase, told.map(|told| told.slow_reader), || {
            (phase..phase + 64).any(|phase| {
                let mut other = closed(options, sysctls, hz, phase, a_little_less(rto_ms));
                other.window_closes();
                killed(&other).is_some()
            })
        })?;
        for _ in 0..answers {
            let mut next = model.clone();
            if next.window_probe_kills() {
                break;
            }
            model = next;
        }
        let death = model.clone().run_to_death(None).expect("the window is probed");
        for told in told {
            prop_assert!(told.kept >= model.time(death.jiffy - model.now), "{death:?} {told:?}");
        }
    }
}

proptest! {
    #![proptest_config(cases(400))]

    /// The same with a descriptor.
    #[test]
    fn whoever_does_not_read(options in any_options(), retries2 in prop_oneof![0_u32..3, 0_u32..16],
                             hz in any_hz(), phase in 0_u64..1 << 33, rto_ms in 210_u64..3000) {
        let mut sysctls = Sysctls::DEFAULT;
        sysctls.retries2 = retries2;
        let kernel = kernel(hz, sysctls);
        let behind_a_closed_window = |phase, rto_ms| {
            let mut model = Model::established(hz, phase, options, sysctls, rto_ms * hz / 1000);
            model.window_closes();
            model
        };
        let model = behind_a_closed_window(phase, rto_ms);
        let mut known = Snapshot::new(TcpState::Established);
        known.rto = Some(model.time(model.rto));
        let told = [
            Forecast::of(&options, &known, &kernel).slow_reader,
            Forecast::promised(&options, HIGHEST_RTO, &kernel).slow_reader,
        ];
        holds_of_live_peer(&model, phase, told, || {
            (phase..phase + 64)
                .any(|phase| killed(&behind_a_closed_window(phase, a_little_less(rto_ms))).is_some())
        })?;
    }
}

fn over_loopback(options: SocketOptions, orphan_retries: u32) -> AfterClose {
    let mut sysctls = Sysctls::DEFAULT;
    sysctls.orphan_retries = orphan_retries;
    let kernel = kernel(250, sysctls);
    let mut snapshot = Snapshot::new(TcpState::Established);
    snapshot.rto = Some(Duration::from_millis(204));
    Forecast::of(&options.resolve(&sysctls), &snapshot, &kernel).after_close
}

/// Measured on Linux 6.18: the longest outage tried that 5,000 bytes survived, and the shortest
/// that they did not.
#[test]
fn a_small_cap_of_the_rto_loses_what_was_written_last() {
    for (rto_max_ms, survived, lost) in [(1_000, 1.0, 1.5), (3_000, 3.0, 5.0), (10_000, 8.0, 15.0)]
    {
        let options = SocketOptions {
            rto_max_ms: Some(rto_max_ms),
            ..SocketOptions::default()
        };
        let told = over_loopback(options, 0);
        let outage = told.outage_survived.as_secs_f64();
        assert!(
            survived <= outage && outage < lost,
            "{rto_max_ms}: {told:?}"
        );
    }
    assert!(over_loopback(SocketOptions::default(), 0).outage_survived > Duration::from_secs(50));
}

/// What a cap of 1 s takes from the last response, orphan retries give back.
#[test]
fn orphan_retries_count_where_the_cap_is_reached() {
    let options = SocketOptions {
        rto_max_ms: Some(1_000),
        ..SocketOptions::default()
    };
    let outage = |retries| {
        over_loopback(options, retries)
            .outage_survived
            .as_secs_f64()
    };
    assert!(outage(0) < 1.5 && outage(8) > 5.0 && outage(15) > 12.0);
}
