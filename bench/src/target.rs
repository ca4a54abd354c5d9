//! Figures, and what was promised of them.

/// Tells a figure and what it may be at most; `true` if that is met.
pub(crate) fn at_most(what: &str, measured: f64, most: f64) -> bool {
    tell(what, measured, "at most", most, measured <= most)
}

/// Tells a figure and what it must be at least; `true` if that is met.
pub(crate) fn at_least(what: &str, measured: f64, least: f64) -> bool {
    tell(what, measured, "at least", least, measured >= least)
}

fn tell(what: &str, measured: f64, bound: &str, limit: f64, met: bool) -> bool {
    println!(
        "  {what:<62} {measured:>9.3}, {bound} {limit:>8.3}: {}",
        word(met)
    );
    met
}

/// How a target that was told in other words was met.
pub(crate) fn word(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
