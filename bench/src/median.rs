//! What several runs measured, and what is in the middle of it.

use anyhow::{Result, anyhow};

/// The median of some numbers; of none, it is none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The numbers that a run of a program printed, so many of them.
pub(crate) fn numbers<const N: usize>(text: &str) -> Result<[f64; N]> {
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    numbers
        .try_into()
        .map_err(|_| anyhow!("not {N} numbers: {text}"))
}
