//! What is said of deadlines that supervision does not keep.

use std::time::Duration;

use deadpeer_core::Supervision;
use deadpeer_core::verdict::{Keeps, Loss};
use deadpeer_report::duration::{self, Lower, Upper};

/// What has to be said about the deadline, if anything.
pub(crate) fn reservation(keeps: Keeps, within: Duration) -> Option<String> {
    let within = duration::typed(within);
    match keeps {
        Keeps::FromTheStart => None,
        Keeps::OnceMeasured(at_first) => Some(format!(
            "before the path's loss has been measured, an idle peer is given up after {}, not {within}",
            Upper(at_first)
        )),
        Keeps::Not(nearest) => {
            const { assert!(Loss::FEWEST == 4, "the sentence says four") };
            Some(format!(
                "supervision cannot notice an idle peer within {within}: probes are a second apart, and four must go unanswered; the nearest deadline is {}",
                duration::typed(nearest)
            ))
        }
    }
}

/// What loss that begins suddenly may do, for no deadline and no connection is safe from it.
pub(crate) fn sudden_loss(supervision: &Supervision) -> String {
    let chance = supervision.sudden_loss(deadpeer::Slip::LOSS);
    format!(
        "if the path begins to lose 40 of 100 packets each way, a live peer may be called lost before that is measured: at most one in {:.0}",
        (1.0 / chance).floor()
    )
}

/// What Linux does to peers that don't read where `tcp_retries2` is 0 or 1.
pub(crate) fn slow_reader_ended(after: Duration) -> String {
    format!(
        "tcp_retries2 is so small here that Linux itself ends a peer that lives but does not read, as soon as {} after its window closed",
        Lower(after)
    )
}
