//! The metrics as OTLP takes them: those that Prometheus is shown, by the same names.

use std::time::SystemTime;

use prometheus_client::registry::Unit;

use super::proto::{
    Data, Gauge, Histogram, HistogramPoint, KeyValue, Metric, MetricsRequest, Number, NumberPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use super::values::{Attributes, nanoseconds, resource, scope};
use crate::metrics::{self, Labels, PREFIX, Series, Silences};

/// What all counts count from: the beginning (`AGGREGATION_TEMPORALITY_CUMULATIVE`).
const CUMULATIVE: i32 = 2;

/// The request that carries them.
pub(super) fn request(
    metrics: &[metrics::Metric],
    since: SystemTime,
    now: SystemTime,
) -> MetricsRequest {
    let times = Times {
        since: nanoseconds(since),
        now: nanoseconds(now),
    };
    MetricsRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource()),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope()),
                metrics: metrics.iter().map(|it| times.metric(it)).collect(),
            }],
        }],
    }
}

/// When counting began, and when it was looked at.
#[derive(Debug, Clone, Copy)]
struct Times {
    since: u64,
    now: u64,
}

impl Times {
    fn metric(self, metric: &metrics::Metric) -> Metric {
        let (total, data) = match &metric.series {
            Series::Counters(counters) => ("_total", self.sum(counters)),
            Series::Gauges(gauges) => ("", self.gauge(gauges)),
            Series::Histograms(histograms) => ("", self.histogram(histograms)),
        };
        let unit = metric.unit.as_ref();
        let of_unit = unit.map(|unit| format!("_{}", unit.as_str()));
        Metric {
            name: format!(
                "{PREFIX}_{}{}{total}",
                metric.name,
                of_unit.unwrap_or_default()
            ),
            description: metric.help.to_owned(),
            // Not "1": who translates names for Prometheus takes such a gauge for a ratio, and
            // says so in its name.
            unit: match unit {
                Some(Unit::Seconds) => "s",
                Some(Unit::Bytes) => "By",
                _ => "",
            }
            .to_owned(),
            data: Some(data),
        }
    }

    fn sum(self, counters: &[(Labels, u64)]) -> Data {
        let point = |(labels, count): &(Labels, u64)| NumberPoint {
            attributes: attributes(labels),
            start_time_unix_nano: self.since,
            time_unix_nano: self.now,
            value: Some(Number::Int(i64::try_from(*count).unwrap_or(i64::MAX))),
        };
        Data::Sum(Sum {
            data_points: counters.iter().map(point).collect(),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        })
    }

    fn gauge(self, gauges: &[(Labels, f64)]) -> Data {
        let point = |(labels, value): &(Labels, f64)| NumberPoint {
            attributes: attributes(labels),
            start_time_unix_nano: 0,
            time_unix_nano: self.now,
            value: Some(Number::Double(*value)),
        };
        Data::Gauge(Gauge {
            data_points: gauges.iter().map(point).collect(),
        })
    }

    fn histogram(self, histograms: &[(Labels, Silences)]) -> Data {
        let point = |(labels, told): &(Labels, Silences)| {
            let (bounds, counts): (Vec<f64>, _) = told.buckets().into_iter().unzip();
            HistogramPoint {
                attributes: attributes(labels),
                start_time_unix_nano: self.since,
                time_unix_nano: self.now,
                count: told.total(),
                sum: Some(told.sum_s),
                bucket_counts: counts,
                explicit_bounds: bounds.into_iter().filter(|it| it.is_finite()).collect(),
            }
        };
        Data::Histogram(Histogram {
            data_points: histograms.iter().map(point).collect(),
            aggregation_temporality: CUMULATIVE,
        })
    }
}

fn attributes(labels: &Labels) -> Vec<KeyValue> {
    let mut attributes = Attributes::default();
    for (key, value) in labels {
        attributes.text(key, value.as_str());
    }
    attributes.end()
}
