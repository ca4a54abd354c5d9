//! One socket, and what was recorded of it.

use deadpeer_core::Sysctls;

use super::*;

fn group(before: SocketOptions, after: SocketOptions) -> Group {
    Group::new(before, after, vec![1])
}

fn keepalive(on: bool, idle: u32) -> SocketOptions {
    SocketOptions::new().keepalive(on).keepidle_s(idle)
}

fn back(now: &SocketOptions, groups: &[Group]) -> (SocketOptions, bool) {
    let groups: Vec<&Group> = groups.iter().collect();
    let back = WayBack::of(&now.resolve(&Sysctls::DEFAULT), &groups);
    (back.options, back.overtaken)
}

const NOTHING: SocketOptions = SocketOptions::new();

#[test]
fn what_was_set_goes_back_to_what_was() {
    let way = [group(keepalive(false, 7200), keepalive(true, 9))];
    assert_eq!(
        back(&keepalive(true, 9), &way),
        (keepalive(false, 7200), false)
    );
    // Undone before, or never done.
    assert_eq!(back(&keepalive(false, 7200), &way), (NOTHING, false));
    // Killed halfway.
    let half = NOTHING.keepalive(true);
    assert_eq!(back(&half, &way), (NOTHING.keepalive(false), false));
}

#[test]
fn what_the_application_set_since_is_its_own() {
    let way = [group(keepalive(false, 7200), keepalive(true, 9))];
    let (rest, overtaken) = back(&keepalive(true, 60), &way);
    assert!(overtaken);
    assert_eq!(rest, NOTHING.keepalive(false));
}

#[test]
fn two_changes_are_undone_in_reverse() {
    let ways = [
        group(keepalive(false, 7200), keepalive(true, 60)),
        group(keepalive(true, 60), keepalive(true, 9)),
    ];
    assert_eq!(
        back(&keepalive(true, 9), &ways),
        (keepalive(false, 7200), false)
    );
}

#[test]
fn what_the_kernel_rounded_is_known_again() {
    let rto_max = |ms| NOTHING.rto_max_ms(ms);
    let way = [group(rto_max(120_000), rto_max(1001))];
    assert_eq!(back(&rto_max(1004), &way), (rto_max(120_000), false));
}

#[test]
fn a_loan_goes_back_as_a_whole_or_not_at_all() {
    let mut loan = group(keepalive(false, 7200), keepalive(true, 1));
    loan.lent = true;
    let back = |now| back(&now, std::slice::from_ref(&loan));
    assert_eq!(back(keepalive(true, 1)), (keepalive(false, 7200), false));
    // Killed between its steps, in taking or in giving back.
    assert_eq!(back(keepalive(false, 1)), (NOTHING.keepidle_s(7200), false));
    // Given back, and then protected or set by its program.
    for now in [keepalive(true, 9), keepalive(true, 7200)] {
        assert_eq!(back(now), (NOTHING, false));
    }
}
