//! A collector that takes everything, one that refuses, one that hangs, and none.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime};

use deadpeer_core::close_reason::{CloseCause, CloseReason, LastState};
use deadpeer_host::deaths::Death;
use prometheus_client::registry::Unit;

use super::proto::{Any, Data, KeyValue, LogRecord, LogsRequest, MetricsRequest, Number};
use super::*;
use crate::event::Died;
use crate::metrics::{Metric, Series};
use crate::readings::Readings;
use crate::silences::Survived;

const BOUND: Duration = Duration::from_secs(30);

/// A collector that answers everything with this status; what it is asked.
fn collector(answer: &'static str) -> (Endpoint, Receiver<(String, Vec<u8>)>) {
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

fn read(stream: &mut TcpStream, request: &mut Vec<u8>) -> (String, Vec<u8>) {
    loop {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(request));
        request.extend(&part[..length]);
        let Some(end) = request.windows(4).position(|it| it == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
        let body = &request[end + 4..];
        let length = head.split_once("content-length: ").unwrap().1;
        if length.lines().next().unwrap().parse() == Ok(body.len()) {
            assert!(
                head.contains("content-type: application/x-protobuf"),
                "{head}"
            );
            let path = head.split(' ').nth(1).unwrap();
            return (path.to_owned(), body.to_owned());
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
fn attribute(of: &[KeyValue], key: &str) -> Option<Any> {
    let found = of.iter().find(|attribute| attribute.key == key)?;
    found.value.clone()?.value
}

fn text(text: &str) -> Any {
    Any::Text(text.to_owned())
}

#[test]
fn a_collector_hears_of_deaths_and_counts() {
    let (endpoint, asked) = collector("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let exporter = Exporter::start(endpoint, board()).unwrap();
    exporter.hear(&death());
    let mut requests = vec![asked.recv_timeout(BOUND).unwrap()];
    exporter.finish();
    requests.extend(asked.try_iter());
    let of = |wanted: &str| {
        let found = requests.iter().rfind(|(path, _)| path == wanted);
        found.unwrap().1.as_slice()
    };
    let logs = LogsRequest::decode(of("/v1/logs")).unwrap();
    let record = &logs.resource_logs[0].scope_logs[0].log_records[0];
    let record = LogRecord::decode(record.as_slice()).unwrap();
    assert_eq!(record.time_unix_nano, 1_000_000_000);
    assert_eq!(record.event_name, "deadpeer.connection.died");
    for (key, value) in [
        ("network.peer.address", text("10.0.0.2")),
        ("network.peer.port", Any::Number(40_000)),
        ("deadpeer.cause", text("reset")),
        ("deadpeer.silence_ms", Any::Number(30_000)),
    ] {
        assert_eq!(
            attribute(&record.attributes, key),
            Some(value),
            "{record:?}"
        );
    }
    let metrics = MetricsRequest::decode(of("/v1/metrics")).unwrap();
    let metrics = &metrics.resource_metrics[0].scope_metrics[0].metrics;
    let named = |name: &str| {
        let found = metrics.iter().find(|metric| metric.name == name);
        found.unwrap_or_else(|| panic!("{name}")).data.clone()
    };
    let Some(Data::Sum(deaths)) = named("deadpeer_deaths_total") else {
        panic!("no sum")
    };
    assert!(deaths.is_monotonic);
    let point = &deaths.data_points[0];
    assert_eq!(point.value, Some(Number::Int(1)));
    assert_eq!(attribute(&point.attributes, "cause"), Some(text("reset")));
    let Some(Data::Histogram(silences)) = named("deadpeer_death_silence_seconds") else {
        panic!("no histogram")
    };
    let silences = &silences.data_points[0];
    let (counts, bounds) = (&silences.bucket_counts, &silences.explicit_bounds);
    assert_eq!((silences.count, silences.sum), (1, Some(30.0)));
    assert_eq!(counts.len(), bounds.len() + 1);
    assert_eq!((counts[4], bounds[4]), (1, 30.0));
}

/// What opentelemetry-proto 1.45.2 for Python writes for messages with all the fields that ours
/// have.
const LOGS: &str = "\
    0a650a0a0a080a016112030a016212570a060a016e120176124d09010000000000000010091a04494e464f\
    2a030a017832070a01741202100132100a0169120b18feffffffffffffffff01320e0a0164120921000000\
    000000e03f590300000000000000620165";
const METRICS_OF_THREE_KINDS: &str = "\
    0ab2010a0012ad010a030a016e121f0a01671201681a01732a140a12190400000000000000210000000000\
    00e03f12300a01733a2b0a251105000000000000001906000000000000003107000000000000003a080a01\
    6b12030a01761002180112530a01684a4e0a4a110800000000000000190900000000000000210300000000\
    00000029000000000000f83f3210010000000000000002000000000000003a0800000000000004404a080a\
    016b12030a01761002";
const ANSWER: &str = "\
    0a05080212016d";

/// Nothing of them is unknown to us, or at another number.
#[test]
fn messages_are_what_others_write() {
    fn same<M: Message + Default>(hex: &str) -> M {
        let bytes = (0..hex.len()).step_by(2);
        let bytes: Vec<u8> = bytes
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        let message = M::decode(bytes.as_slice()).unwrap();
        assert_eq!(message.encode_to_vec(), bytes);
        message
    }
    let logs: LogsRequest = same(LOGS);
    let record = &logs.resource_logs[0].scope_logs[0].log_records[0];
    let record = LogRecord::decode(record.as_slice()).unwrap();
    let expected = LogRecord {
        time_unix_nano: 1,
        observed_time_unix_nano: 3,
        severity_number: 9,
        severity_text: "INFO".to_owned(),
        body: Some(values::any(text("x"))),
        attributes: record.attributes.clone(),
        event_name: "e".to_owned(),
    };
    assert_eq!(record, expected);
    let attributes = ["t", "i", "d"].map(|key| attribute(&record.attributes, key).unwrap());
    assert_eq!(
        attributes,
        [Any::Truth(true), Any::Number(-2), Any::Share(0.5)]
    );
    let metrics: MetricsRequest = same(METRICS_OF_THREE_KINDS);
    let metrics = &metrics.resource_metrics[0].scope_metrics[0].metrics;
    let numbers: Vec<_> = metrics.iter().map(|metric| metric.data.as_ref()).collect();
    let [
        Some(Data::Gauge(gauge)),
        Some(Data::Sum(sum)),
        Some(Data::Histogram(histogram)),
    ] = numbers[..]
    else {
        panic!("{metrics:?}")
    };
    assert_eq!(gauge.data_points[0].value, Some(Number::Double(0.5)));
    assert_eq!(sum.data_points[0].value, Some(Number::Int(7)));
    let point = &histogram.data_points[0];
    assert_eq!((point.count, point.sum), (3, Some(1.5)));
    assert_eq!(
        (&point.bucket_counts[..], &point.explicit_bounds[..]),
        (&[1, 2][..], &[2.5][..])
    );
    let answer: proto::Answer = same(ANSWER);
    assert_eq!(answer.partial_success.unwrap().rejected, 2);
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
fn a_collector_says_how_long_to_rest() {
    let answer = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nfull\n";
    let (endpoint, _asked) = collector(answer);
    let mut line = Line {
        endpoint,
        path: "/v1/logs",
        agent: endpoint::agent(),
        failing: None,
    };
    let Fate::Later(rest) = line.post(&logs::request(Vec::new())) else {
        panic!("served")
    };
    assert_eq!(rest, Duration::from_secs(7));
}

/// It would be that nothing is guarded, and that there is no eBPF.
#[test]
fn before_the_first_sweep_there_is_nothing_to_say() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (endpoint, asked) = collector(answer);
    let exporter = Exporter::start(endpoint, Board::default()).unwrap();
    thread::sleep(FIRST_REST);
    exporter.finish();
    assert_eq!(asked.try_iter().count(), 0);
}

#[test]
fn names_units_and_never() {
    let named = vec![("service", "x \"y\\".to_owned())];
    let gauge = |name, unit| Metric {
        name,
        help: "When",
        unit,
        series: Series::Gauges(vec![(named.clone(), f64::INFINITY), (Vec::new(), 3.0)]),
    };
    let metrics = [gauge("a", Some(Unit::Seconds)), gauge("b", None)];
    let request = metrics::request(&metrics, SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH);
    let [metric, plain] = &request.resource_metrics[0].scope_metrics[0].metrics[..] else {
        panic!("{request:?}")
    };
    let words = |of: &proto::Metric| (of.name.clone(), of.description.clone(), of.unit.clone());
    let told = |name: &str, unit: &str| (name.to_owned(), "When".to_owned(), unit.to_owned());
    assert_eq!(words(metric), told("deadpeer_a_seconds", "s"));
    assert_eq!(words(plain), told("deadpeer_b", ""));
    let Some(Data::Gauge(gauge)) = &metric.data else {
        panic!("no gauge")
    };
    let points = &gauge.data_points;
    assert_eq!(
        attribute(&points[0].attributes, "service"),
        Some(text("x \"y\\"))
    );
    let values = [points[0].value, points[1].value];
    assert_eq!(
        values,
        [f64::INFINITY, 3.0].map(|value| Some(Number::Double(value)))
    );
}
