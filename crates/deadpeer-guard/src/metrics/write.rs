//! Metrics as the encoder takes them.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

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
        series: impl IntoIterator<Item = ([String; N], f64)>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let gauge = MetricType::Gauge;
        let mut metric = self.0.encode_descriptor(name, help, unit, gauge)?;
        for (values, value) in series {
            let values = values.iter().map(String::as_str);
            let labels: Labels<'_> = labels.iter().copied().zip(values).collect();
            metric.encode_family(&labels)?.encode_gauge(&value)?;
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
        counts: &Counts<N>,
    ) -> fmt::Result {
        if counts.0.is_empty() {
            return Ok(());
        }
        let counter = MetricType::Counter;
        let mut metric = self.0.encode_descriptor(name, help, None, counter)?;
        for (values, count) in &counts.0 {
            let values = values.iter().map(String::as_str);
            let labels: Labels<'_> = labels.iter().copied().zip(values).collect();
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

/// Counts by the values of labels: what is folded into one is added up.
#[derive(Debug)]
pub(super) struct Counts<const N: usize>(BTreeMap<[String; N], u64>);

impl<const N: usize> FromIterator<([String; N], u64)> for Counts<N> {
    fn from_iter<I: IntoIterator<Item = ([String; N], u64)>>(counts: I) -> Self {
        let mut sums = BTreeMap::default();
        for (values, count) in counts {
            *sums.entry(values).or_default() += count;
        }
        Self(sums)
    }
}
