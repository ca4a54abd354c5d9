//! Every plan keeps its promise: in the forecast, and in histories played on the model with any
//! phase.

use std::time::Duration;

use deadpeer_core::policy::{Reason, Relaxation, SysctlSettings};
use deadpeer_core::{Finding, Kernel, KernelVersion, Notice, Plan, Policy, Silence, SlowReaders};
use proptest::prelude::*;

use crate::cases;
use crate::model::Model;
use crate::moments::without_keepalive;

fn any_policy() -> impl Strategy<Value = Policy> {
    let deadline = prop_oneof![1_u64..60_000, 1_000_u64..3_600_000, 1_000_u64..=86_400_000];
    let slow_readers = prop_oneof![Just(SlowReaders::Keep), Just(SlowReaders::Drop)];
    let after_close = prop_oneof![Just(0), 0_u64..30_000];
    (
        deadline,
        0_u32..=127,
        slow_readers,
        200_u64..3_000,
        after_close,
        any::<bool>(),
    )
        .prop_map(
            |(ms, survive, slow_readers, rto_ms, after_close_ms, sysctls)| {
                Policy::detect_within(Duration::from_millis(ms))
                    .after_close(Duration::from_millis(after_close_ms))
                    .sysctls(sysctls)
                    .survive_lost_probes(if ms % 3 == 0 { survive } else { survive % 6 })
                    .slow_readers(slow_readers)
                    .path_rto(Duration::from_millis(rto_ms))
            },
        )
}

fn any_kernel() -> impl Strategy<Value = Kernel> {
    let hz = prop_oneof![
        Just(None),
        Just(Some(100)),
        Just(Some(250)),
        Just(Some(300)),
        Just(Some(1000))
    ];
    let version = prop_oneof![Just((6, 18)), Just((6, 1)), Just((4, 18))];
    let rto_min_us = prop_oneof![Just(200_000), 1_000_u32..1_000_000];
    (hz, version, 0_u32..=15, rto_min_us).prop_map(|(hz, (major, minor), retries2, rto_min_us)| {
        let mut kernel = Kernel::of_version(KernelVersion::new(major, minor), hz);
        kernel.sysctls.retries2 = retries2;
        if let Some(rto_min) = &mut kernel.sysctls.rto_min_us {
            *rto_min = rto_min_us;
        }
        kernel
    })
}

fn policy_of(plan: &Plan) -> (Duration, SlowReaders) {
    let kept = plan.forecast().slow_reader.latest().is_none();
    (
        plan.policy().within(),
        if kept {
            SlowReaders::Keep
        } else {
            SlowReaders::Drop
        },
    )
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_plan_keeps_its_deadline_in_every_silence(policy in any_policy(), kernel in any_kernel()) {
        let Ok(plan) = policy.plan(&kernel) else { return Ok(()); };
        plan.options().check().expect("within the kernel's ranges");
        for silence in Silence::ALL {
            let worst = plan.forecast().outlook(silence).worst;
            prop_assert!(worst.meets(policy.within()), "{silence}: {worst:?} {plan}");
        }
        prop_assert!(kernel.rto_max_option || plan.options().rto_max_ms.is_none());
        prop_assert!(plan.forecast().after_close.outage_survived >= policy.outage_after_close(), "{plan}");
        let kernel = plan.sysctls().on(&kernel);
        let options = plan.options().resolve(&kernel.sysctls);
        let fights: Vec<_> = Finding::of_settings(&options, plan.forecast(), 0).collect();
        prop_assert!(
            fights.iter().all(|f| matches!(f, Finding::OneLostProbeKills { .. })) && (fights.is_empty() || policy.survives() == 0),
            "{fights:?} {plan}"
        );
    }

    /// The same on the model: phases, round trips and the moment of a late write are random.
    #[test]
    fn a_plan_keeps_its_deadline_in_any_history(
        policy in any_policy(), kernel in any_kernel(), phase in 0_u64..1 << 33,
        alive_ms in 0_u64..100_000_000, rto_share in 1_u64..=100, write_share in 0_u64..=100,
    ) {
        let Ok(plan) = policy.plan(&kernel) else { return Ok(()); };
        let hz = u64::from(kernel.hz.unwrap_or(1000));
        let kernel = plan.sysctls().on(&kernel);
        let options = plan.options().resolve(&kernel.sysctls);
        let capped = Duration::from_millis(u64::from(options.rto_max_ms.unwrap_or(120_000)));
        let rto_ms = plan.assumed_rto().unwrap_or(capped).as_millis() as u64;
        let floor_ms = u64::from(kernel.sysctls.rto_min_us.unwrap_or(200_000)) / 1000 + 10;
        let rto = ((floor_ms + rto_ms.saturating_sub(floor_ms) * rto_share / 100) * hz / 1000).max(1);
        let mut model = Model::established(hz, phase, options, kernel.sysctls, rto);
        model.cuts_waits = kernel.cuts_waits;
        model.alive_until(phase + alive_ms * hz / 1000, &[]);
        let vanished = model.now;
        let (within, _) = policy_of(&plan);
        let idle = model.clone().run_to_death(None).expect("keepalive is on");
        prop_assert!(model.time(idle.jiffy - vanished) <= within, "idle: {plan}");
        prop_assert!(idle.keepalive_probes > u64::from(policy.survives()), "{idle:?} {plan}");
        let write = vanished + ((idle.jiffy - vanished) * write_share / 100).min(idle.jiffy - vanished - 1);
        let late = model.clone().run_to_death(Some(write)).expect("keepalive is on");
        prop_assert!(model.time(late.jiffy - vanished) <= within, "late write: {plan}");
        // Keepalive has no part in it.
        let mut closed = Model::established(hz, vanished, without_keepalive(options), kernel.sysctls, rto);
        closed.cuts_waits = kernel.cuts_waits;
        closed.window_closes();
        for answers in 0..16 {
            let death = closed.clone().run_to_death(None).expect("the window is probed");
            prop_assert!(closed.time(death.jiffy - closed.now) <= within, "after {answers} answers: {plan}");
            if closed.window_probe_kills() {
                prop_assert!(!policy.keeps_slow_readers(), "a live peer that does not read: {plan}");
                break;
            }
        }
    }

}

fn with_retries2(kernel: &Kernel, retries2: u32) -> Kernel {
    let mut lowered = SysctlSettings::default();
    lowered.retries2 = Some(retries2);
    lowered.on(kernel)
}

proptest! {
    // Each plans many times over.
    #![proptest_config(cases(20))]

    #[test]
    fn a_refusal_names_a_deadline_that_can_be_kept(policy in any_policy(), kernel in any_kernel()) {
        let Err(refusal) = policy.plan(&kernel) else { return Ok(()); };
        prop_assert!(!refusal.to_string().is_empty());
        if let Some(nearest) = refusal.nearest {
            prop_assert!(nearest >= policy.within());
            prop_assert!(policy.detect_in(nearest).plan(&kernel).is_ok(), "{refusal}");
            let sooner = nearest.saturating_sub(Duration::from_millis(150));
            prop_assert!(sooner <= policy.within() || policy.detect_in(sooner).plan(&kernel).is_err(), "{refusal}");
        }
        for relaxation in refusal.relaxations {
            let (relaxed, kernel) = match relaxation {
                Relaxation::DropSlowReaders => (policy.slow_readers(SlowReaders::Drop), kernel),
                Relaxation::Except(silence) => (policy.except(silence), kernel),
                Relaxation::SurviveLostProbes(n) => (policy.survive_lost_probes(n), kernel),
                Relaxation::AfterClose(outage) => (policy.after_close(outage), kernel),
                Relaxation::SetRetries2(retries2) => (policy, with_retries2(&kernel, retries2)),
                Relaxation::SetRetries2Except(retries2, silence) => (policy.except(silence), with_retries2(&kernel, retries2)),
                Relaxation::NewerKernel | _ => (policy, Kernel::modern(kernel.hz)),
            };
            prop_assert!(relaxed.plan(&kernel).is_ok() || matches!(relaxation, Relaxation::NewerKernel), "{relaxation}");
        }
    }
}

/// Linux itself ends a connection then whose live peer does not read: nobody can promise not to.
#[test]
fn slow_readers_cannot_be_kept_where_tcp_retries2_is_0_or_1() {
    for (retries2, kept) in [(0, false), (1, false), (2, true)] {
        for kernel in [Kernel::modern(Some(250)), Kernel::before_rto_max(None)] {
            let kernel = with_retries2(&kernel, retries2);
            let policy = Policy::detect_within(Duration::from_secs(60));
            let plan = policy.plan(&kernel);
            assert_eq!(plan.is_ok(), kept, "{retries2}");
            let Err(refusal) = plan else { continue };
            assert!(
                matches!(refusal.reason, Reason::DropsSlowReaders(_)),
                "{refusal}"
            );
            assert_eq!(refusal.nearest, None);
            assert!(
                refusal.relaxations.contains(&Relaxation::DropSlowReaders),
                "{refusal}"
            );
        }
    }
}

/// What nobody need notice can be had in no time.
#[test]
fn a_deadline_of_less_than_a_second_that_nothing_has_to_keep() {
    let policy = Policy::detect_within(Duration::from_millis(500));
    let policy = Silence::ALL.into_iter().fold(policy, Policy::except);
    assert!(policy.plan(&Kernel::modern(None)).is_ok());
}

/// What people ask for can be had: these deadlines are kept, and longer ones need fewer packets.
#[test]
fn common_deadlines() {
    let kernel = Kernel::modern(Some(250));
    for slow_readers in [SlowReaders::Keep, SlowReaders::Drop] {
        let mut packets = f64::INFINITY;
        for seconds in [30, 60, 120, 300, 600, 3600] {
            let policy =
                Policy::detect_within(Duration::from_secs(seconds)).slow_readers(slow_readers);
            let plan = policy.plan(&kernel).expect("a common deadline");
            assert!(plan.forecast().packets_per_idle_hour < packets, "{plan}");
            packets = plan.forecast().packets_per_idle_hour;
            assert_eq!(
                policy_of(&plan),
                (
                    policy.within(),
                    if seconds == 3600 {
                        SlowReaders::Keep
                    } else {
                        slow_readers
                    }
                )
            );
        }
    }
}

#[test]
fn an_older_kernel_cannot_keep_slow_readers_and_a_short_deadline() {
    let policy = Policy::detect_within(Duration::from_secs(30));
    let refusal = policy
        .plan(&Kernel::before_rto_max(Some(250)))
        .expect_err("15 minutes in flight");
    assert!(
        refusal.relaxations.contains(&Relaxation::NewerKernel),
        "{refusal}"
    );
    assert!(
        refusal.relaxations.contains(&Relaxation::DropSlowReaders),
        "{refusal}"
    );
    assert!(
        refusal.nearest > Some(Duration::from_secs(900)),
        "{refusal}"
    );
    // A dead peer behind a closed window is noticed late even so: its probes are far apart.
    let but_for_closed_windows = Relaxation::SetRetries2Except(4, Silence::ZeroWindow);
    assert!(
        refusal.relaxations.contains(&but_for_closed_windows),
        "{refusal}"
    );
}

/// `tcp_retries2` does what `TCP_RTO_MAX_MS` does, and lets slow readers live.
#[test]
fn an_older_kernel_can_with_a_sysctl() {
    let policy = Policy::detect_within(Duration::from_secs(30))
        .sysctls(true)
        .except(Silence::ZeroWindow);
    let plan = policy
        .plan(&Kernel::before_rto_max(Some(250)))
        .expect("tcp_retries2 bounds data in flight");
    assert_eq!(plan.sysctls().retries2, Some(4));
    assert_eq!(plan.forecast().slow_reader, Notice::Never);
    assert!(plan.forecast().late_write.worst.meets(policy.within()));
    let named: Vec<_> = plan.sysctls().iter().collect();
    assert_eq!(named, [("net.ipv4.tcp_retries2", 4)]);
    // On short paths, where less is uncertain, five are few enough; and four notice a dead peer
    // behind a closed window, too.
    let short = policy.path_rto(Duration::from_millis(250));
    let retries2 = |policy: Policy| {
        let plan = policy.plan(&Kernel::before_rto_max(Some(250)));
        plan.expect("a short path").sysctls().retries2
    };
    assert_eq!(retries2(short), Some(5));
    let every_silence = Policy::detect_within(Duration::from_secs(30)).sysctls(true);
    assert_eq!(
        retries2(every_silence.path_rto(Duration::from_millis(250))),
        Some(4)
    );
    // Nobody else's connections are touched where the socket's own options do.
    let modern = policy
        .plan(&Kernel::modern(Some(250)))
        .expect("a cap of the RTO");
    assert_eq!(*modern.sysctls(), SysctlSettings::default());
}

/// The wish costs probes, or is refused with what can be had.
#[test]
fn what_is_written_last_can_be_asked_to_survive() {
    let kernel = Kernel::modern(Some(250));
    let policy = Policy::detect_within(Duration::from_secs(120));
    let outage = |policy: Policy| {
        let plan = policy.plan(&kernel).expect("a plan");
        plan.forecast().after_close.outage_survived
    };
    let usual = outage(policy);
    let wished = usual + Duration::from_millis(500);
    assert!(outage(policy.after_close(wished)) >= wished);

    let far = policy.after_close(Duration::from_secs(40));
    let refusal = far.plan(&kernel).expect_err("the cap is too small");
    let Reason::LostAfterClose(longest) = refusal.reason else {
        panic!("{refusal}")
    };
    assert!(longest >= wished && outage(policy.after_close(longest)) >= longest);
    assert!(
        refusal
            .relaxations
            .contains(&Relaxation::AfterClose(longest))
    );
    let nearest = refusal.nearest.expect("some deadline");
    assert!(outage(far.detect_in(nearest)) >= Duration::from_secs(40));

    // A user timeout carries over longer outages.
    let dropping = policy.slow_readers(SlowReaders::Drop);
    let wished = Duration::from_secs(25);
    assert!(outage(dropping.after_close(wished)) >= wished);
}

/// A cap of 1 s would do for each, and a gentler one is chosen as soon as it fits beside an idle
/// time that is no sixth.
#[test]
fn the_gentlest_bound_is_chosen() {
    for (seconds, rto_max_ms) in [(30, 1_000), (60, 2_000), (120, 5_000), (300, 15_000)] {
        let policy = Policy::detect_within(Duration::from_secs(seconds));
        let plan = policy.plan(&Kernel::modern(Some(250))).expect("a plan");
        assert!(plan.options().rto_max_ms >= Some(rto_max_ms), "{plan}");
    }
}

/// `TCP_RTO_MAX_MS` bounds the RTO of every path.
#[test]
fn a_capped_rto_keeps_the_promise_on_any_path() {
    let policy = Policy::detect_within(Duration::from_secs(60)).path_rto(Duration::MAX);
    let plan = policy.plan(&Kernel::modern(None)).expect("a capped RTO");
    assert!(plan.assumed_rto().is_none() && plan.forecast().in_flight.worst.meets(policy.within()));
    assert!(policy.plan(&Kernel::before_rto_max(None)).is_err());
}

#[test]
fn absurd_wishes_are_refused_in_words() {
    let kernel = Kernel::modern(None);
    for (policy, word) in [
        (Policy::detect_within(Duration::ZERO), "soonest"),
        (Policy::detect_within(Duration::MAX), "longest"),
        (
            Policy::detect_within(Duration::from_secs(60)).survive_lost_probes(u32::MAX),
            "probes",
        ),
    ] {
        let refusal = policy.plan(&kernel).expect_err("absurd");
        assert!(refusal.to_string().contains(word), "{refusal}");
    }
}

/// The deadline and the middlebox's limit are both kept, whichever is the shorter.
#[test]
fn a_middlebox_hears_a_probe_before_it_forgets() {
    for kernel in [Kernel::modern(Some(100)), Kernel::modern(None)] {
        for (within, limit) in [(900, 350), (900, 60), (3_600, 900), (60, 350), (30, 2)] {
            let (within, limit) = (Duration::from_secs(within), Duration::from_secs(limit));
            let policy = Policy::detect_within(within).middlebox(limit);
            let plan = policy.plan(&kernel).expect("it can be kept");
            let options = plan.options().resolve(&kernel.sysctls);
            assert!(plan.forecast().worst().meets(within), "{within:?}");
            assert!(policy.passes_middlebox(&options, &kernel), "{within:?}");
            // A timer of that length is an eighth late at most, and was not made shorter than that.
            let idle = f64::from(options.keepidle_s);
            assert!(idle < limit.as_secs_f64(), "{idle} s, {limit:?}");
            let free = Policy::detect_within(within).plan(&kernel).unwrap();
            let longest = f64::from(free.options().keepidle_s.unwrap());
            let room = (limit.as_secs_f64() * 7.0 / 8.0 - 2.0).min(longest);
            assert!(idle >= room, "{idle} s, {limit:?}, {longest} s");
        }
        let impossible = Policy::detect_within(Duration::from_secs(60));
        let refusal = impossible.middlebox(Duration::from_secs(1)).plan(&kernel);
        let refusal = refusal.unwrap_err();
        let limit = Duration::from_secs(1);
        assert_eq!(refusal.reason, Reason::ForgottenByMiddlebox(limit));
        assert_eq!(refusal.nearest, None);
    }
}
