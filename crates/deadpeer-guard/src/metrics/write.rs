//! Metrics as plain values, and how the encoder takes them.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::deaths::Silences;

/// The labels of one series.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// One metric with all its series.
#[derive(Debug)]
pub(crate) struct Metric {
    /// Without prefix, unit and `_total`.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) unit: Option<Unit>,
    pub(crate) series: Series,
}

#[derive(Debug)]
pub(crate) enum Series {
    Counters(Vec<(Labels, u64)>),
    Gauges(Vec<(Labels, f64)>),
    Histograms(Vec<(Labels, Silences)>),
}

impl Metric {
    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match self.series {
            Series::Counters(_) => MetricType::Counter,
            Series::Gauges(_) => MetricType::Gauge,
            Series::Histograms(_) => MetricType::Histogram,
        };
        let unit = self.unit.as_ref();
        let mut metric = encoder.encode_descriptor(self.name, self.help, unit, kind)?;
        match &self.series {
            Series::Counters(counters) => counters.iter().try_for_each(|(labels, count)| {
                let mut series = metric.encode_family(labels)?;
                series.encode_counter::<NoLabelSet, u64, f64>(count, None)
            }),
            Series::Gauges(gauges) => gauges.iter().try_for_each(|(labels, value)| {
                let mut series = metric.encode_family(labels)?;
                series.encode_gauge(value)
            }),
            Series::Histograms(histograms) => histograms.iter().try_for_each(|(labels, told)| {
                let mut series = metric.encode_family(labels)?;
                let (sum, count) = (told.sum_s, told.total());
                series.encode_histogram::<NoLabelSet>(sum, count, &told.buckets(), None)
            }),
        }
    }
}

/// Collects metrics; one without a series is left out.
#[derive(Debug, Default)]
pub(super) struct Metrics(pub(super) Vec<Metric>);

impl Metrics {
    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str, value: f64) {
        self.push(name, help, None, Series::Gauges(vec![(Vec::new(), value)]));
    }

    pub(super) fn measured(
        &mut self,
        name: &'static str,
        help: &'static str,
        unit: Unit,
        value: f64,
    ) {
        let series = Series::Gauges(vec![(Vec::new(), value)]);
        self.push(name, help, Some(unit), series);
    }

    /// A gauge for each value of a label, in this order.
    pub(super) fn gauges<'a>(
        &mut self,
        name: &'static str,
        help: &'static str,
        label: &'static str,
        series: impl IntoIterator<Item = (&'a str, f64)>,
    ) {
        let series = series.into_iter();
        let series = series.map(|(of, value)| (vec![(label, of.to_owned())], value));
        self.push(name, help, None, Series::Gauges(series.collect()));
    }

    /// A gauge for each set of values; of what is folded into one, one is made.
    pub(super) fn gauges_of<'a, const N: usize>(
        &mut self,
        (name, help, unit): (&'static str, &'static str, Option<Unit>),
        labels: [&'static str; N],
        series: impl Iterator<Item = ([&'a str; N], f64)>,
        fold: impl Fn(f64, f64) -> f64,
    ) {
        let series = Series::Gauges(folded(labels, series, fold));
        self.push(name, help, unit, series);
    }

    pub(super) fn counter(&mut self, name: &'static str, help: &'static str, value: u64) {
        let series = Series::Counters(vec![(Vec::new(), value)]);
        self.push(name, help, None, series);
    }

    /// A counter for each set of values; what is folded into one is added up.
    pub(super) fn counters<'a, const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        counts: impl Iterator<Item = ([&'a str; N], u64)>,
    ) {
        let counts = folded(labels, counts, |before, more| before + more);
        self.push(name, help, None, Series::Counters(counts));
    }

    pub(super) fn silences(
        &mut self,
        name: &'static str,
        help: &'static str,
        by_cause: &BTreeMap<&'static str, Silences>,
    ) {
        let series = by_cause.iter();
        let series = series.map(|(cause, told)| (vec![("cause", (*cause).into())], told.clone()));
        let series = Series::Histograms(series.collect());
        self.push(name, help, Some(Unit::Seconds), series);
    }

    fn push(&mut self, name: &'static str, help: &'static str, unit: Option<Unit>, series: Series) {
        let is_empty = match &series {
            Series::Counters(counters) => counters.is_empty(),
            Series::Gauges(gauges) => gauges.is_empty(),
            Series::Histograms(histograms) => histograms.is_empty(),
        };
        if !is_empty {
            self.0.push(Metric {
                name,
                help,
                unit,
                series,
            });
        }
    }
}

/// What belongs to each set of values of labels, in their order.
fn folded<'a, const N: usize, V: Copy>(
    labels: [&'static str; N],
    all: impl Iterator<Item = ([&'a str; N], V)>,
    fold: impl Fn(V, V) -> V,
) -> Vec<(Labels, V)> {
    let mut known: BTreeMap<[&str; N], V> = BTreeMap::new();
    for (values, value) in all {
        known
            .entry(values)
            .and_modify(|before| *before = fold(*before, value))
            .or_insert(value);
    }
    let labelled = |values: [&str; N]| labels.into_iter().zip(values.map(str::to_owned)).collect();
    known
        .into_iter()
        .map(|(values, value)| (labelled(values), value))
        .collect()
}
