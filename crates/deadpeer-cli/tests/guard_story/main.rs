//! A machine with programs in containers under guard, from the first connection to what the
//! history and Prometheus say of it.

#[path = "../common/mod.rs"]
mod common;

mod clients;
mod containers;
mod prometheus;
mod scene;
mod story;

use deadpeer_lab::testing::inside;

use story::{observed_and_enforced, power_off};

/// One program and one fault.
#[test]
fn a_client_of_nginx_loses_its_power() {
    inside(|| power_off("off", &["one", "two", "three"]));
}

/// Four programs and every fault, first under a guard that observes, then under one that enforces.
#[test]
#[ignore = "takes its time: cargo xtask guard-story"]
fn four_programs_in_all_weathers() {
    inside(|| observed_and_enforced(std::env::var_os("DEADPEER_STORY")));
}
