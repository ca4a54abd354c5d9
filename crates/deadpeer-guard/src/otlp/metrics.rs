//! The metrics as OTLP takes them: those that Prometheus is shown, by the same names.

use std::time::SystemTime;

use prometheus_client::registry::Unit;
use serde_json::{Value, json};

use super::values::{Attributes, nanoseconds, resource, scope};
use crate::metrics::{Labels, Metric, PREFIX, Series, Silences};

/// What all counts count from: the beginning (`AGGREGATION_TEMPORALITY_CUMULATIVE`).
const CUMULATIVE: u8 = 2;

/// The request that carries them.
pub(super) fn request(metrics: &[Metric], since: SystemTime, now: SystemTime) -> Value {
    let times = [nanoseconds(since), nanoseconds(now)];
    let metrics: Vec<Value> = metrics.iter().map(|it| value(it, &times)).collect();
    json!({ "resourceMetrics": [{
        "resource": resource(),
        "scopeMetrics": [{ "scope": scope(), "metrics": metrics }],
    }]})
}

fn value(metric: &Metric, times: &[String; 2]) -> Value {
    let (total, key, data) = match &metric.series {
        Series::Counters(counters) => (
            "_total",
            "sum",
            json!({
                "dataPoints": points(counters, |count| counted(*count, times)),
                "aggregationTemporality": CUMULATIVE,
                "isMonotonic": true,
            }),
        ),
        Series::Gauges(gauges) => (
            "",
            "gauge",
            json!({ "dataPoints": points(gauges, |value| measured(*value, times)) }),
        ),
        Series::Histograms(histograms) => (
            "",
            "histogram",
            json!({
                "dataPoints": points(histograms, |told| distributed(told, times)),
                "aggregationTemporality": CUMULATIVE,
            }),
        ),
    };
    let of_unit = metric
        .unit
        .as_ref()
        .map(|unit| format!("_{}", unit.as_str()));
    json!({
        "name": format!("{PREFIX}_{}{}{total}", metric.name, of_unit.unwrap_or_default()),
        "description": metric.help,
        "unit": match &metric.unit {
            Some(Unit::Seconds) => "s",
            Some(Unit::Bytes) => "By",
            _ => "1",
        },
        key: data,
    })
}

/// A point for each series, with its labels.
fn points<T>(series: &[(Labels, T)], point: impl Fn(&T) -> Value) -> Vec<Value> {
    let points = series.iter().map(|(labels, value)| {
        let mut attributes = Attributes::default();
        for (key, value) in labels {
            attributes.text(key, value.as_str());
        }
        let mut point = point(value);
        point["attributes"] = attributes.end();
        point
    });
    points.collect()
}

fn counted(count: u64, [since, now]: &[String; 2]) -> Value {
    json!({ "startTimeUnixNano": since, "timeUnixNano": now, "asDouble": count as f64 })
}

/// JSON has no numbers without end: they are words (the mapping of Protocol Buffers to JSON).
fn measured(value: f64, [_, now]: &[String; 2]) -> Value {
    let value = match value {
        f64::INFINITY => json!("Infinity"),
        number => json!(number),
    };
    json!({ "timeUnixNano": now, "asDouble": value })
}

fn distributed(told: &Silences, [since, now]: &[String; 2]) -> Value {
    let (bounds, counts): (Vec<f64>, Vec<u64>) = told.buckets().into_iter().unzip();
    let finite: Vec<f64> = bounds.into_iter().filter(|it| it.is_finite()).collect();
    json!({
        "startTimeUnixNano": since,
        "timeUnixNano": now,
        "count": told.total().to_string(),
        "sum": told.sum_s,
        "bucketCounts": counts.iter().map(u64::to_string).collect::<Vec<_>>(),
        "explicitBounds": finite,
    })
}
