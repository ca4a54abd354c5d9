//! The forecast and the policy, held against measurements and against a model of the kernel's
//! timers.
//!
//! `PROPTEST_CASES=5000 cargo test -p deadpeer-core --test forecast` tries more than the few cases
//! of a quick run.

use proptest::prelude::ProptestConfig;

mod bpf;
mod lossy;
mod measured;
mod model;
mod moments;
mod orphans;
mod promises;
mod rtos;
mod worst;

/// So many cases of a property, unless PROPTEST_CASES asks for another number.
fn cases(quick: u32) -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(quick),
    }
}
