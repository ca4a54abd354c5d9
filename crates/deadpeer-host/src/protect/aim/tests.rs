//! What is set on sockets with all kinds of settings.

use std::time::Duration;

use deadpeer_core::{Sysctls, TcpState};

use super::*;

fn aim(seconds: u64) -> Aim {
    let policy = Policy::detect_within(Duration::from_secs(seconds));
    Aim::new(&policy, &Kernel::modern(Some(250))).unwrap()
}

fn settings(set: impl FnOnce(&mut SocketOptions)) -> Effective {
    let mut options = SocketOptions::default();
    set(&mut options);
    options.resolve(&Sysctls::DEFAULT)
}

fn idle() -> Snapshot {
    Snapshot::new(TcpState::Established)
}

fn change(aim: &Aim, before: &Effective) -> Change {
    let step = aim.step(before, &idle());
    let Step::Change(change) = step else {
        panic!("{before:?}: {step:?}");
    };
    change
}

#[test]
fn an_untouched_socket_gets_the_whole_plan() {
    let aim = aim(30);
    let change = change(&aim, &settings(|_| {}));
    assert!(change.keeps && !change.own_choice);
    let planned = settings(|_| {}).with(aim.plan().options());
    assert_eq!(
        (change.after.keepalive, change.after.keepidle_s),
        (planned.keepalive, planned.keepidle_s)
    );
    assert_eq!(change.after.rto_max_ms, planned.rto_max_ms);
    // It has no user timeout to take away.
    assert_eq!(change.options.user_timeout_ms, None);
}

#[test]
fn what_was_set_by_a_change_is_fine_afterwards() {
    for seconds in [25, 30, 60, 300, 3600] {
        let aim = aim(seconds);
        let after = change(&aim, &settings(|_| {})).after;
        assert_eq!(aim.step(&after, &idle()), Step::Fine, "{seconds} s");
    }
}

#[test]
fn a_keepalive_that_serves_the_deadline_stays() {
    let before = settings(|set| {
        set.keepalive = Some(true);
        (set.keepidle_s, set.keepintvl_s, set.keepcnt) = (Some(5), Some(1), Some(4));
    });
    let change = change(&aim(30), &before);
    assert!(change.keeps && change.own_choice);
    let keepalive = |of: &Effective| (of.keepidle_s, of.keepintvl_s, of.keepcnt);
    assert_eq!(keepalive(&change.after), keepalive(&before));
    assert!(change.after.rto_max_ms < before.rto_max_ms);
    // Set again to arm the timer anew.
    assert_eq!(change.options.keepidle_s, Some(5));
    assert_eq!(change.options.keepcnt, None);
}

#[test]
fn a_slow_readers_limit_stays_a_limit() {
    let before = settings(|set| set.user_timeout_ms = Some(120_000));
    let change = change(&aim(30), &before);
    assert!(change.keeps);
    assert!(change.after.user_timeout_ms.is_some_and(|ms| ms <= 30_000));
}

#[test]
fn an_applications_choice_can_be_kept() {
    let before = settings(|set| set.keepalive = Some(true));
    let keeping = aim(30).keep_app_settings(true);
    assert_eq!(keeping.step(&before, &idle()), Step::KeptForApplication);
    // Nothing of its own: protected all the same.
    let untouched = settings(|_| {});
    assert!(matches!(keeping.step(&untouched, &idle()), Step::Change(_)));
}

#[test]
fn an_old_kernel_without_a_user_timeout_is_refused_before() {
    let policy = Policy::detect_within(Duration::from_secs(30));
    assert!(Aim::new(&policy, &Kernel::before_rto_max(Some(250))).is_err());
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn any_settings() -> impl Strategy<Value = Effective> {
        let seconds = || 1_u32..=32_767;
        let timeout = prop_oneof![Just(None), (1_u32..=4_000_000).prop_map(Some)];
        let rto_max = prop_oneof![Just(120_000_u32), 1_000_u32..=120_000];
        (
            any::<bool>(),
            seconds(),
            seconds(),
            1_u32..=127,
            timeout,
            rto_max,
        )
            .prop_map(|(keepalive, idle, intvl, cnt, timeout, rto_max)| {
                settings(|set| {
                    set.keepalive = Some(keepalive);
                    set.keepidle_s = Some(idle);
                    set.keepintvl_s = Some(intvl);
                    set.keepcnt = Some(cnt);
                    set.user_timeout_ms = timeout;
                    set.rto_max_ms = Some(rto_max);
                })
            })
    }

    proptest! {
        #[test]
        fn nothing_is_ever_loosened(before in any_settings(), seconds in 25_u64..4_000) {
            let aim = aim(seconds);
            if let Step::Change(change) = aim.step(&before, &idle()) {
                let told = aim.forecast(&before, &idle());
                let then = aim.forecast(&change.after, &idle());
                for silence in LASTING {
                    let (old, new) = (told.outlook(silence).worst, then.outlook(silence).worst);
                    prop_assert!(!new.is_later_than(old), "{silence}: {new:?} after {old:?}");
                }
            }
        }

        #[test]
        fn every_connection_can_be_brought_under_the_deadline(
            before in any_settings(),
            seconds in 25_u64..4_000,
        ) {
            let aim = aim(seconds);
            let step = aim.step(&before, &idle());
            let kept = match step {
                Step::Fine => true,
                Step::Change(change) => change.keeps,
                Step::KeptForApplication | Step::Helpless | Step::Overwritten => false,
            };
            // A user timeout this short would end keepalive after a lost probe or two, and is not
            // made longer.
            prop_assert!(kept || before.user_timeout_ms.is_some(), "{before:?}: {step:?}");
        }

        #[test]
        fn what_is_changed_is_what_is_set(before in any_settings(), seconds in 25_u64..4_000) {
            let aim = aim(seconds);
            if let Step::Change(change) = aim.step(&before, &idle()) {
                prop_assert!(change.options.check().is_ok());
                prop_assert_eq!(before.with(&change.options), change.after);
            }
        }
    }
}
