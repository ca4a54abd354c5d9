//! The metrics as OTLP takes them: those that Prometheus is shown, by the same names, read from the
//! same text.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::values::{Attributes, nanoseconds, resource, scope};

/// What all counts count from: the beginning (`AGGREGATION_TEMPORALITY_CUMULATIVE`).
const CUMULATIVE: u8 = 2;

type Labels = Vec<(String, String)>;

/// One metric, as the text has it.
#[derive(Debug)]
struct Metric<'t> {
    name: &'t str,
    help: &'t str,
    kind: &'t str,
    /// What follows the name (`_bucket`), labels, value.
    samples: Vec<(&'t str, Labels, f64)>,
}

/// What the lines of one histogram come to.
#[derive(Debug, Default)]
struct Histogram {
    /// Bounds, and how many are at most each.
    buckets: Vec<(f64, f64)>,
    sum: f64,
    count: f64,
}

/// The request that carries what this text (version 0.0.4) tells.
pub(super) fn request(text: &str, since: SystemTime, now: SystemTime) -> Value {
    let times = [nanoseconds(since), nanoseconds(now)];
    let metrics: Vec<Value> = read(text).iter().map(|it| it.value(&times)).collect();
    json!({ "resourceMetrics": [{
        "resource": resource(),
        "scopeMetrics": [{ "scope": scope(), "metrics": metrics }],
    }]})
}

fn read(text: &str) -> Vec<Metric<'_>> {
    let mut all: Vec<Metric<'_>> = Vec::new();
    let mut help = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((name, kind)) =
            (line.strip_prefix("# TYPE ")).and_then(|rest| rest.split_once(' '))
        {
            all.push(Metric {
                name,
                help: std::mem::take(&mut help),
                kind,
                samples: Vec::new(),
            });
        } else if let Some((metric, (name, labels, value))) = all.last_mut().zip(sample(line)) {
            let after = name.strip_prefix(metric.name).unwrap_or_default();
            metric.samples.push((after, labels, value));
        }
    }
    all
}

/// A line of a sample: its name, its labels, its value.
fn sample(line: &str) -> Option<(&str, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Labels::new(), rest),
    };
    let value = match rest.trim() {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse().ok()?,
    };
    Some((name, labels, value))
}

/// Up to the closing brace, and what follows it.
fn labels(mut text: &str) -> Option<(Labels, &str)> {
    let mut all = Labels::new();
    loop {
        text = text.trim_start_matches(',');
        if let Some(rest) = text.strip_prefix('}') {
            return Some((all, rest));
        }
        let (key, rest) = text.split_once("=\"")?;
        let (mut value, mut escaped, mut end) = (String::new(), false, None);
        for (place, character) in rest.char_indices() {
            match (escaped, character) {
                (true, 'n') => value.push('\n'),
                (false, '\\') => {}
                (false, '"') => {
                    end = Some(place + 1);
                    break;
                }
                (_, other) => value.push(other),
            }
            escaped = !escaped && character == '\\';
        }
        all.push((key.to_owned(), value));
        text = rest.get(end?..)?;
    }
}

impl Metric<'_> {
    fn value(&self, times: &[String; 2]) -> Value {
        let (key, data) = match self.kind {
            "counter" => (
                "sum",
                json!({
                    "dataPoints": self.points(times),
                    "aggregationTemporality": CUMULATIVE,
                    "isMonotonic": true,
                }),
            ),
            "histogram" => (
                "histogram",
                json!({
                    "dataPoints": self.histograms(times),
                    "aggregationTemporality": CUMULATIVE,
                }),
            ),
            _ => ("gauge", json!({ "dataPoints": self.points(times) })),
        };
        json!({
            "name": self.name,
            "description": self.help,
            "unit": match self.name {
                name if name.ends_with("_seconds") => "s",
                name if name.ends_with("_bytes") => "By",
                _ => "1",
            },
            key: data,
        })
    }

    fn points(&self, [since, now]: &[String; 2]) -> Vec<Value> {
        let samples = self.samples.iter();
        samples
            .map(|(_, labels, value)| {
                let mut point = json!({
                    "attributes": attributes(labels),
                    "timeUnixNano": now,
                    "asDouble": double(*value),
                });
                if self.kind == "counter" {
                    point["startTimeUnixNano"] = json!(since);
                }
                point
            })
            .collect()
    }

    /// Prometheus counts what is at most each bound, OTLP what is between two.
    fn histograms(&self, [since, now]: &[String; 2]) -> Vec<Value> {
        let mut of: BTreeMap<Labels, Histogram> = BTreeMap::new();
        for (after, labels, value) in &self.samples {
            let mut labels = labels.clone();
            let bound = labels.iter().position(|(key, _)| key == "le");
            let bound = bound.map(|place| labels.remove(place).1);
            let Histogram {
                buckets,
                sum,
                count,
            } = of.entry(labels).or_default();
            match (*after, bound.as_deref()) {
                ("_bucket", Some("+Inf")) => buckets.push((f64::INFINITY, *value)),
                ("_bucket", Some(bound)) => {
                    buckets.push((bound.parse().unwrap_or(f64::NAN), *value));
                }
                ("_sum", _) => *sum = *value,
                _ => *count = *value,
            }
        }
        let points = of.into_iter().map(
            |(
                labels,
                Histogram {
                    buckets,
                    sum,
                    count,
                },
            )| {
                let before = [0.0]
                    .into_iter()
                    .chain(buckets.iter().map(|(_, upto)| *upto));
                let counts = buckets
                    .iter()
                    .zip(before)
                    .map(|((_, upto), before)| whole(upto - before));
                let bounds = buckets.iter().map(|(bound, _)| *bound);
                let finite = bounds.filter(|bound| bound.is_finite());
                json!({
                    "attributes": attributes(&labels),
                    "startTimeUnixNano": since,
                    "timeUnixNano": now,
                    "count": whole(count),
                    "sum": sum,
                    "bucketCounts": counts.collect::<Vec<_>>(),
                    "explicitBounds": finite.collect::<Vec<_>>(),
                })
            },
        );
        points.collect()
    }
}

fn attributes(labels: &Labels) -> Value {
    let mut attributes = Attributes::default();
    for (key, value) in labels {
        attributes.text(key, value.as_str());
    }
    attributes.end()
}

fn whole(count: f64) -> String {
    format!("{count:.0}")
}

/// Protocol Buffers' JSON has words for what JSON has no number for.
fn double(value: f64) -> Value {
    match value {
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        number => json!(number),
    }
}
