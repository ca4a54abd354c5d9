//! Metrics as the encoder takes them.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use rustc_hash::FxHashMap;

use super::deaths::Silences;

/// The labels of one series.
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;

pub(super) struct Writer<'a>(pub(super) DescriptorEncoder<'a>);

impl Writer<'_> {
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.gauges(name, help, None, [(vec![], value)])
    }

    pub(super) fn measured(
        &mut self,
        name: &str,
        help: &str,
        unit: &Unit,
        value: f64,
    ) -> fmt::Result {
        self.gauges(name, help, Some(unit), [(vec![], value)])
    }

    pub(super) fn gauges<'l>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        series: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> fmt::Result {
        let gauge = MetricType::Gauge;
        let mut metric = self.0.encode_descriptor(name, help, unit, gauge)?;
        for (labels, value) in series {
            match labels.is_empty() {
                true => metric.encode_gauge(&value)?,
                false => metric.encode_family(&labels)?.encode_gauge(&value)?,
            }
        }
        Ok(())
    }

    /// A gauge for each set of values; nothing at all if there is none.
    pub(super) fn gauges_of<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        labels: [&'static str; N],
        series: &ByLabels<'_, N, f64>,
    ) -> fmt::Result {
        if series.0.is_empty() {
            return Ok(());
        }
        let gauge = MetricType::Gauge;
        let mut metric = self.0.encode_descriptor(name, help, unit, gauge)?;
        for (values, value) in &series.0 {
            let labels: Labels<'_> = labels.into_iter().zip(*values).collect();
            metric.encode_family(&labels)?.encode_gauge(value)?;
        }
        Ok(())
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let counter = MetricType::Counter;
        let mut metric = self.0.encode_descriptor(name, help, None, counter)?;
        metric.encode_counter::<NoLabelSet, u64, f64>(&value, None)
    }

    /// A counter for each set of values; nothing at all if there is none.
    pub(super) fn counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
        counts: &ByLabels<'_, N, u64>,
    ) -> fmt::Result {
        if counts.0.is_empty() {
            return Ok(());
        }
        let counter = MetricType::Counter;
        let mut metric = self.0.encode_descriptor(name, help, None, counter)?;
        for (values, count) in &counts.0 {
            let labels: Labels<'_> = labels.into_iter().zip(*values).collect();
            let mut series = metric.encode_family(&labels)?;
            series.encode_counter::<NoLabelSet, u64, f64>(count, None)?;
        }
        Ok(())
    }

    pub(super) fn silences(
        &mut self,
        name: &str,
        help: &str,
        by_cause: &BTreeMap<&'static str, Silences>,
    ) -> fmt::Result {
        if by_cause.is_empty() {
            return Ok(());
        }
        let histogram = MetricType::Histogram;
        let mut metric = (self.0).encode_descriptor(name, help, Some(&Unit::Seconds), histogram)?;
        for (cause, silences) in by_cause {
            let labels = [("cause", *cause)];
            let mut series = metric.encode_family(&labels)?;
            let (sum, count) = (silences.sum_s, silences.total());
            series.encode_histogram::<NoLabelSet>(sum, count, &silences.buckets(), None)?;
        }
        Ok(())
    }
}

/// What belongs to each set of values of labels, in their order.
#[derive(Debug)]
pub(super) struct ByLabels<'a, const N: usize, V>(Vec<([&'a str; N], V)>);

impl<'a, const N: usize, V: Copy> ByLabels<'a, N, V> {
    /// Of what is folded into one, one is made.
    pub(super) fn folded(
        all: impl Iterator<Item = ([&'a str; N], V)>,
        fold: impl Fn(V, V) -> V,
    ) -> Self {
        let mut known: FxHashMap<[&str; N], V> = FxHashMap::default();
        for (values, value) in all {
            known
                .entry(values)
                .and_modify(|before| *before = fold(*before, value))
                .or_insert(value);
        }
        let mut folded: Vec<_> = known.into_iter().collect();
        folded.sort_unstable_by_key(|(values, _)| *values);
        Self(folded)
    }
}

/// What is folded into one is added up.
impl<'a, const N: usize> FromIterator<([&'a str; N], u64)> for ByLabels<'a, N, u64> {
    fn from_iter<I: IntoIterator<Item = ([&'a str; N], u64)>>(counts: I) -> Self {
        Self::folded(counts.into_iter(), |before, more| before + more)
    }
}
