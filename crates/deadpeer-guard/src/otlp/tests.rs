//! A collector that takes everything, one that refuses, one that hangs, and none.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime};

use deadpeer_core::close_reason::{CloseCause, CloseReason, LastState};
use deadpeer_host::deaths::Death;
use prometheus_client::registry::Unit;
use serde_json::{Value, json};

use super::*;
use crate::event::Died;
use crate::metrics::{Metric, Series};
use crate::readings::Readings;
use crate::silences::Survived;

const BOUND: Duration = Duration::from_secs(30);

/// A collector that answers everything with this status; what it is asked.
fn collector(answer: &'static str) -> (Endpoint, Receiver<(String, Value)>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.unwrap(), Vec::new());
            let (path, body) = read(&mut stream, &mut request);
            stream.write_all(answer.as_bytes()).unwrap();
            if sender.send((path, body)).is_err() {
                return;
            }
        }
    });
    (endpoint.parse().unwrap(), asked)
}

fn read(stream: &mut TcpStream, request: &mut Vec<u8>) -> (String, Value) {
    loop {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(request));
        request.extend(&part[..length]);
        let text = String::from_utf8_lossy(request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_lowercase();
        let length = head.split_once("content-length: ").unwrap().1;
        if length.lines().next().unwrap().parse() == Ok(body.len()) {
            let path = head.split(' ').nth(1).unwrap();
            return (path.to_owned(), serde_json::from_str(body).unwrap());
        }
    }
}

fn death() -> Event {
    let (local, peer) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let ends = (
        SocketAddr::from((local, 6379)),
        SocketAddr::from((peer, 40_000)),
    );
    let mut reason = CloseReason::of(&LastState::default());
    reason.cause = CloseCause::Reset;
    let mut death = Death::new(
        SystemTime::UNIX_EPOCH + Duration::from_secs(1),
        7,
        ends,
        reason,
    );
    death.last.silence = Some(Duration::from_secs(30));
    Event::Died(Box::new(Died::new(death)))
}

fn survived() -> Event {
    Event::Survived(Survived {
        peer: Ipv4Addr::LOCALHOST.into(),
        silence: Duration::from_secs(30),
    })
}

fn board() -> Board {
    let board = Board::default();
    board.count(&death());
    board.show(&Readings::default(), None, Instant::now());
    board
}

/// The value of an attribute, whatever it is of.
fn attribute<'v>(of: &'v Value, key: &str) -> Option<&'v Value> {
    let all = of["attributes"].as_array()?;
    let found = all.iter().find(|attribute| attribute["key"] == key)?;
    found["value"].as_object()?.values().next()
}

#[test]
fn a_collector_hears_of_deaths_and_counts() {
    let (endpoint, asked) = collector("HTTP/1.1 200 OK\r\n\r\n{}");
    let exporter = Exporter::start(endpoint, board()).unwrap();
    exporter.hear(&death());
    let mut requests = vec![asked.recv_timeout(BOUND).unwrap()];
    exporter.finish();
    requests.extend(asked.try_iter());
    let of = |wanted: &str| {
        let found = requests.iter().rfind(|(path, _)| path == wanted);
        found.map(|(_, body)| body.clone()).unwrap()
    };
    let logs = of("/v1/logs");
    let record = &logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["timeUnixNano"], "1000000000");
    for (key, value) in [
        ("network.peer.address", json!("10.0.0.2")),
        ("network.peer.port", json!("40000")),
        ("deadpeer.cause", json!("reset")),
        ("deadpeer.silence_ms", json!("30000")),
    ] {
        assert_eq!(attribute(record, key), Some(&value), "{record}");
    }
    let metrics = of("/v1/metrics");
    let metrics = &metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    let named = |name: &str| {
        let mut metrics = metrics.as_array().unwrap().iter();
        metrics
            .find(|metric| metric["name"] == name)
            .unwrap_or_else(|| panic!("{name}"))
    };
    let deaths = &named("deadpeer_deaths_total")["sum"];
    assert_eq!(deaths["isMonotonic"], true);
    let point = &deaths["dataPoints"][0];
    assert_eq!(point["asDouble"], 1.0);
    assert_eq!(attribute(point, "cause"), Some(&json!("reset")));
    let silences = &named("deadpeer_death_silence_seconds")["histogram"]["dataPoints"][0];
    let (counts, bounds) = (&silences["bucketCounts"], &silences["explicitBounds"]);
    assert_eq!(
        (silences["count"].as_str(), silences["sum"].as_f64()),
        (Some("1"), Some(30.0))
    );
    assert_eq!(
        counts.as_array().unwrap().len(),
        bounds.as_array().unwrap().len() + 1
    );
    assert_eq!((&counts[4], &bounds[4]), (&json!("1"), &json!(30.0)));
}

#[test]
fn what_a_collector_refuses_is_lost_and_counted() {
    let (endpoint, _asked) = collector("HTTP/1.1 400 Bad Request\r\n\r\n");
    let exporter = Exporter::start(endpoint, board()).unwrap();
    exporter.hear(&death());
    let bound = Instant::now() + BOUND;
    while exporter.reading()
        != (ExportReading {
            accepted: 0,
            lost: 1,
        })
    {
        assert!(Instant::now() < bound, "{:?}", exporter.reading());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Nobody is kept by a collector that takes a connection and says nothing, nor by one that is not
/// there.
#[test]
fn nobody_waits_for_a_collector() {
    let hanging = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addresses = [&hanging, &gone].map(|one| one.local_addr().unwrap());
    drop(gone);
    for address in addresses {
        let endpoint = format!("http://{address}").parse().unwrap();
        let exporter = Exporter::start(endpoint, board()).unwrap();
        for _ in 0..20_000 {
            exporter.hear(&death());
        }
        // It has taken a batch at most, and has place for ten thousand.
        let lost = exporter.reading().lost;
        assert!((8_000..=10_000).contains(&lost), "{lost}");
        // What is no news has no place to miss.
        exporter.hear(&survived());
        assert_eq!(exporter.reading().lost, lost);
        let begun = Instant::now();
        exporter.finish();
        assert!(begun.elapsed() < Duration::from_secs(8));
    }
}

#[test]
fn names_with_quotes_and_never() {
    let named = vec![("service", "x \"y\\".to_owned())];
    let metric = Metric {
        name: "a",
        help: "When",
        unit: Some(Unit::Seconds),
        series: Series::Gauges(vec![(named, f64::INFINITY), (Vec::new(), 3.0)]),
    };
    let request = metrics::request(&[metric], SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH);
    let metric = &request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0];
    assert_eq!(
        (&metric["description"], &metric["unit"]),
        (&json!("When"), &json!("s"))
    );
    let points = &metric["gauge"]["dataPoints"];
    assert_eq!(attribute(&points[0], "service"), Some(&json!("x \"y\\")));
    assert_eq!(
        (&points[0]["asDouble"], &points[1]["asDouble"]),
        (&json!("Infinity"), &json!(3.0))
    );
}
