//! The text that is scraped, and who scrapes.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::SystemTime;

use deadpeer_core::Silence;
use deadpeer_core::close_reason::{CloseCause, CloseReason, LastState};
use deadpeer_host::deaths::{Death, KnownBy, LastOwner, ServiceName};
use deadpeer_host::{Process, Role};

use super::*;
use crate::event::{Died, KillResult, Mode, WhySpared};
use crate::readings::{
    HoldReason, Holding, Noticed, Protection, QuestionResult, ServiceReading, What,
};

fn died(process: &[u8], cause: CloseCause, silence: Duration) -> Event {
    let end = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let mut reason = CloseReason::of(&LastState::default());
    reason.cause = cause;
    let mut death = Death::new(SystemTime::UNIX_EPOCH, 1, (end, end), reason);
    let process = Arc::new(Process::named(1, process));
    death.owner = Some(LastOwner {
        process,
        known_by: KnownBy::Holding,
    });
    death.role = Role::Accepted(6379);
    death.last.silence = Some(silence);
    Event::Died(Box::new(Died::new(death)))
}

fn redis() -> ServiceName {
    ServiceName::new(Some(b"redis".as_slice().into()), Role::Accepted(6379))
}

/// One of everything.
fn full() -> Board {
    let board = Board::default();
    let mut readings = Readings::default();
    readings
        .kills
        .insert(("redis".into(), Mode::Enforce, KillResult::Destroyed), 2);
    readings
        .spared
        .insert(("redis".into(), WhySpared::RateLimit), 3);
    readings.changes.insert(("redis".into(), What::Protect), 4);
    readings
        .questions
        .insert((redis(), QuestionResult::Answered), 5);
    readings.overwritten.insert(redis(), 6);
    readings.deaths_lost = Some(7);
    for (kept, missed, noticed) in [
        (20, 1, Noticed::By(Duration::from_millis(29_500))),
        (1, 0, Noticed::Never),
    ] {
        readings.services.push(ServiceReading {
            service: redis(),
            connections: [(Protection::Kept, kept), (Protection::Missed, missed)].into(),
            notice: [(Silence::Idle, noticed)].into(),
        });
    }
    (readings.swept.namespaces, readings.swept.namespaces_closed) = (2, 1);
    readings.swept.sweeps = 8;
    readings.swept.took = Duration::from_millis(12);
    readings.swept.connections = 9;
    readings.holding.push(Holding {
        reason: HoldReason::Network,
        netns: None,
        service: None,
        since: SystemTime::UNIX_EPOCH,
    });
    readings.configured.last_reload_ok = true;
    readings.configured.since = Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1500));
    let history = HistoryReading {
        records: 10,
        bytes: 11,
        lost: 12,
        is_unwritable: true,
    };
    board.count(&died(b"redis", CloseCause::Reset, Duration::from_secs(6)));
    board.count(&died(b"redis", CloseCause::Reset, Duration::from_hours(3)));
    board.show(&readings, Some(history), Instant::now());
    board
}

#[test]
fn everything_is_shown_with_its_unit_and_labels() {
    let text = full().text();
    let values: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        r#"deadpeer_build_info{{version="{version}"}} 1.0
deadpeer_sweeps_total 8
deadpeer_sweeps_failed_total 0
deadpeer_sweep_duration_seconds 0.012
deadpeer_sweep_connections 9.0
deadpeer_namespaces{{state="guarded"}} 2.0
deadpeer_namespaces{{state="closed"}} 1.0
deadpeer_ebpf 0.0
deadpeer_events_lost_total 7
deadpeer_holding{{reason="many-silent"}} 0.0
deadpeer_holding{{reason="network"}} 1.0
deadpeer_holding{{reason="slept"}} 0.0
deadpeer_holding{{reason="asked"}} 0.0
deadpeer_config_last_reload_successful 1.0
deadpeer_config_last_reload_success_timestamp_seconds 1.5
deadpeer_kills_total{{policy="redis",mode="enforce",result="destroyed"}} 2
deadpeer_spared_total{{policy="redis",why="rate-limit"}} 3
deadpeer_changes_total{{policy="redis",what="protect"}} 4
deadpeer_connections{{service="redis :6379",direction="accepted",protection="kept"}} 21.0
deadpeer_connections{{service="redis :6379",direction="accepted",protection="missed"}} 1.0
deadpeer_notice_seconds{{service="redis :6379",silence="idle"}} +Inf
deadpeer_questions_total{{service="redis :6379",result="answered"}} 5
deadpeer_overwritten_total{{service="redis :6379"}} 6
deadpeer_deaths_total{{service="redis :6379",cause="reset"}} 2
deadpeer_ordinary_closes_total 0
deadpeer_death_silence_seconds_bucket{{cause="reset",le="1"}} 0
deadpeer_death_silence_seconds_bucket{{cause="reset",le="5"}} 0
deadpeer_death_silence_seconds_bucket{{cause="reset",le="10"}} 1
deadpeer_death_silence_seconds_bucket{{cause="reset",le="20"}} 1
deadpeer_death_silence_seconds_bucket{{cause="reset",le="30"}} 1
deadpeer_death_silence_seconds_bucket{{cause="reset",le="60"}} 1
deadpeer_death_silence_seconds_bucket{{cause="reset",le="120"}} 1
deadpeer_death_silence_seconds_bucket{{cause="reset",le="300"}} 1
deadpeer_death_silence_seconds_bucket{{cause="reset",le="900"}} 1
deadpeer_death_silence_seconds_bucket{{cause="reset",le="7200"}} 1
deadpeer_death_silence_seconds_bucket{{cause="reset",le="+Inf"}} 2
deadpeer_death_silence_seconds_sum{{cause="reset"}} 10806.0
deadpeer_death_silence_seconds_count{{cause="reset"}} 2
deadpeer_history_records 10.0
deadpeer_history_bytes 11.0
deadpeer_history_lost_total 12
deadpeer_history_unwritable 1.0
deadpeer_services_folded 0.0"#
    );
    assert_eq!(values.join("\n"), expected);
}

/// What is not known is not shown as nothing.
#[test]
fn what_nobody_knows_is_left_out() {
    let text = Board::default().text();
    for name in [
        "events_lost",
        "history",
        "deaths_total",
        "death_silence",
        "notice",
    ] {
        assert!(
            !text.contains(&format!("deadpeer_{name}")),
            "{name}\n{text}"
        );
    }
}

#[test]
fn services_without_end_are_folded_and_their_names_stay_in_their_quotes() {
    let board = Board::default();
    let silence = Duration::from_secs(1);
    board.count(&died(b"a\"\n\x1b[2J\\", CloseCause::Reset, silence));
    for number in 0..10_000 {
        let name = format!("service{number}");
        board.count(&died(name.as_bytes(), CloseCause::Reset, silence));
    }
    let text = board.text();
    assert!(text.lines().all(|line| !line.contains('\x1b')));
    let deaths = |line: &&str| line.starts_with("deadpeer_deaths_total{");
    assert_eq!(text.lines().filter(deaths).count(), 101);
    for line in [
        r#"deadpeer_deaths_total{service="other",cause="reset"} 9901"#,
        "deadpeer_services_folded 9900.0",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
}

#[test]
fn a_guard_that_does_not_sweep_is_not_alive() {
    let board = Board::default();
    assert!(!board.is_alive());
    let now = Instant::now();
    board.show(&Readings::default(), None, now);
    assert!(board.is_alive());
    let long_ago = now.checked_sub(OVERDUE).unwrap();
    board.show(&Readings::default(), None, long_ago);
    assert!(!board.is_alive());
}

/// More clients than are served at once connect and say nothing: who comes after them is answered
/// all the same.
#[test]
fn who_hangs_is_not_waited_for() {
    let server = Server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = server.address();
    server.start(full()).unwrap();
    let hanging: Vec<_> = (0..100).map(|_| TcpStream::connect(address)).collect();
    let begun = Instant::now();
    let shown = get(address, "/metrics").unwrap();
    assert!(shown.starts_with("HTTP/1.1 200 OK\r\n"), "{shown}");
    assert!(begun.elapsed() < Duration::from_secs(4), "{begun:?}");
    assert!(hanging.iter().all(Result::is_ok));
    let missing = get(address, "/").unwrap();
    assert!(
        missing.starts_with("HTTP/1.1 404 Not Found\r\n"),
        "{missing}"
    );
}

fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut client = TcpStream::connect(address)?;
    client.write_all(format!("GET {path} HTTP/1.1\r\nHost: guard\r\n\r\n").as_bytes())?;
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    Ok(answer)
}

/// An alert on a metric that does not exist never fires.
#[test]
fn alerts_are_about_metrics_that_exist() {
    let text = full().text();
    let rules = include_str!("../../../../dist/prometheus/deadpeer.rules.yaml");
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = rules.split(|c| !is_part(c));
    let metrics: Vec<&str> = words.filter(|word| word.starts_with("deadpeer_")).collect();
    assert!(metrics.len() >= 5, "{metrics:?}");
    for metric in metrics {
        let named = format!("# TYPE {metric} ");
        assert!(text.contains(&named), "{metric}\n{text}");
    }
}
