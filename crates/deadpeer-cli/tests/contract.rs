//! The JSON lines as somebody else reads them: own structs, every field, none unknown.

mod common;

use std::collections::BTreeMap;
use std::io::Write as _;

use deadpeer_sys::testing::in_private_netns;
use serde::Deserialize;

use common::population::{keepalive, pair};
use common::{deadpeer, ran};

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
enum Line {
    Connection {
        netns: Option<u64>,
        netns_name: Option<String>,
        container: Option<Container>,
        pod: Option<Pod>,
        unit: Option<String>,
        local: String,
        state: String,
        owners: Vec<Owner>,
        uid: u32,
        inode: Option<u32>,
        cookie: u64,
        settings: Option<Options>,
        settings_from: SettingsFrom,
        settings_unknown: Option<String>,
        notices_in: Option<Box<Forecast>>,
        proven: Option<Proven>,
        over_deadline: Option<bool>,
        findings: Vec<Finding>,
        peer: String,
        timer: Option<Timer>,
        idiag_rqueue: u32,
        idiag_wqueue: u32,
        tcpi_unacked: Option<u32>,
        tcpi_retransmits: Option<u8>,
        tcpi_probes: Option<u8>,
        tcpi_backoff: Option<u8>,
        tcpi_rto_us: Option<u32>,
        tcpi_rtt_us: Option<u32>,
        tcpi_last_data_sent_ms: Option<u32>,
        tcpi_last_data_recv_ms: Option<u32>,
        tcpi_last_ack_recv_ms: Option<u32>,
        tcpi_snd_wnd: Option<u32>,
        ends: Option<Notice>,
        waiting: Option<Waiting>,
        unread: Option<Unread>,
        given_up: Option<GivenUp>,
    },
    Listener {
        netns: Option<u64>,
        netns_name: Option<String>,
        container: Option<Container>,
        pod: Option<Pod>,
        unit: Option<String>,
        local: String,
        state: String,
        owners: Vec<Owner>,
        uid: u32,
        inode: Option<u32>,
        cookie: u64,
        settings: Option<Options>,
        settings_from: SettingsFrom,
        settings_unknown: Option<String>,
        notices_in: Option<Box<Forecast>>,
        proven: Option<Proven>,
        over_deadline: Option<bool>,
        findings: Vec<Finding>,
        accept_queue: u32,
        accept_queue_max: u32,
    },
    Service {
        netns: Option<u64>,
        netns_name: Option<String>,
        container: Option<Container>,
        pod: Option<Pod>,
        unit: Option<String>,
        process: Option<String>,
        role: String,
        address: Option<String>,
        port: Option<u16>,
        connections: u64,
        listeners: u64,
        settings: Vec<SettingsCount>,
        worst: Worsts,
        connections_over_deadline: u64,
        listeners_over_deadline: u64,
        undecided: u64,
        closed: u64,
        last_closed_given_up: Option<GivenUp>,
        findings: Vec<FindingCount>,
        remedy: Option<Remedy>,
    },
    Hanging {
        netns: Option<u64>,
        netns_name: Option<String>,
        container: Option<Container>,
        pod: Option<Pod>,
        unit: Option<String>,
        process: Option<String>,
        role: String,
        address: Option<String>,
        port: u16,
        peer: Option<String>,
        awaited: String,
        connections: u64,
        longest_ms: u64,
        last_ends: Option<Notice>,
        unread_bytes: u64,
    },
    Leak {
        netns: Option<u64>,
        netns_name: Option<String>,
        container: Option<Container>,
        pod: Option<Pod>,
        unit: Option<String>,
        process: Option<String>,
        role: Option<String>,
        address: Option<String>,
        port: Option<u16>,
        close_wait: u64,
        oldest_ms: u64,
        last_minute: u64,
        last_hour: u64,
        over: u64,
    },
    Warning {
        code: String,
        count: Option<u64>,
        text: String,
    },
    Summary {
        namespaces: u64,
        namespaces_unread: u64,
        within_ms: Option<u64>,
        connections: u64,
        listeners: u64,
        connections_over_deadline: u64,
        listeners_over_deadline: u64,
        undecided: u64,
        supervised: u64,
        own_timeouts: u64,
        over_middlebox: u64,
        few_lost_survived: u64,
        read_by: Option<String>,
    },
    Plan {
        within_ms: u64,
        survive_lost_probes: u32,
        keep_slow_readers: bool,
        except: Vec<String>,
        after_close_ms: u64,
        middlebox_ms: Option<u64>,
        sysctls: BTreeMap<String, u32>,
        options: Options,
        notices_in: Forecast,
        assumed_rto_ms: Option<u64>,
    },
    Refusal {
        within_ms: u64,
        reason: String,
        nearest_ms: Option<u64>,
        possible_if_you: Vec<String>,
    },
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum SettingsFrom {
    Socket,
    Listener,
    Unknown,
    Nobody,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Container {
    id: Option<String>,
    name: Option<String>,
    runtime: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Pod {
    uid: String,
    namespace: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Owner {
    process: String,
    pid: u32,
    fd: i32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Options {
    so_keepalive: Option<bool>,
    tcp_keepidle_s: Option<u32>,
    tcp_keepintvl_s: Option<u32>,
    tcp_keepcnt: Option<u32>,
    tcp_user_timeout_ms: Option<u32>,
    tcp_rto_max_ms: Option<u32>,
    tcp_syncnt: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case", deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
enum Notice {
    Within { earliest_ms: u64, latest_ms: u64 },
    Never,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct AfterClose {
    outage_survived_ms: u64,
    slow_reader: Option<Notice>,
    kept_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Outlook {
    now: Option<Notice>,
    worst: Option<Notice>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Forecast {
    idle: Outlook,
    in_flight: Outlook,
    late_write: Outlook,
    zero_window: Outlook,
    connecting: Outlook,
    after_fin: Outlook,
    after_close: AfterClose,
    slow_reader: Option<Notice>,
    lost_probes_survived: Option<u32>,
    packets_per_idle_hour: f64,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case", deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
enum Answer {
    Never,
    Within { latest_ms: u64 },
    NotBefore { earliest_ms: u64 },
    Unknown,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Proven {
    idle: Answer,
    in_flight: Answer,
    late_write: Answer,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case", deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
enum Worst {
    Never {
        some_unknown: bool,
    },
    Within {
        latest_ms: u64,
        some_unknown: bool,
    },
    NotBefore {
        earliest_ms: u64,
        some_unknown: bool,
    },
    Unknown {
        some_unknown: bool,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Worsts {
    idle: Worst,
    in_flight: Worst,
    late_write: Worst,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Timer {
    kind: String,
    expires_in_ms: u32,
    unanswered: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Finding {
    code: String,
    text: String,
    options: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct GivenUp {
    within_ms: u64,
    settings_assumed: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct FindingCount {
    count: u64,
    code: String,
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct SettingsCount {
    count: u64,
    settings: Option<Options>,
    settings_from: SettingsFrom,
    settings_unknown: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Waiting {
    awaited: String,
    since_ms: u64,
    unanswered: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Remedy {
    program: String,
    file: Option<String>,
    lines: Vec<String>,
    live: Vec<String>,
    apply: String,
    keeps: Vec<String>,
    misses: Vec<String>,
    in_force: bool,
    since: Option<String>,
    own: Vec<serde_json::Value>,
    own_unknown: Option<String>,
    command: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "what counts is that the lines can be read into it"
)]
struct Unread {
    bytes: u32,
    since_ms: u64,
}

/// How many lines of each kind came, every one of them readable.
fn kinds(args: &[&str]) -> BTreeMap<&'static str, usize> {
    let ran = ran(deadpeer(args).output());
    let mut kinds = BTreeMap::new();
    for line in ran.stdout.lines() {
        let line: Line =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{args:?}: {error}: {line}"));
        let kind = match line {
            Line::Connection { .. } => "connection",
            Line::Listener { .. } => "listener",
            Line::Service { .. } => "service",
            Line::Hanging { .. } => "hanging",
            Line::Leak { .. } => "leak",
            Line::Warning { .. } => "warning",
            Line::Summary { .. } => "summary",
            Line::Plan { .. } => "plan",
            Line::Refusal { .. } => "refusal",
        };
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}

#[test]
fn plans_and_refusals() {
    let drop = [
        "plan",
        "--json",
        "--within",
        "60s",
        "--slow-readers",
        "drop",
    ];
    assert_eq!(kinds(&drop), BTreeMap::from([("plan", 1)]));
    let refused = ["plan", "--json", "--within", "1s"];
    assert_eq!(kinds(&refused), BTreeMap::from([("refusal", 1)]));
}

#[test]
fn audits_of_every_kind() {
    in_private_netns(|| {
        let mut odd = keepalive(15, 15, 3);
        odd.user_timeout_ms = Some(30_000);
        let mut probed = pair(&odd);
        let untouched = pair(&deadpeer::SocketOptions::default());
        probed.client.write_all(b"x").unwrap();

        let each = kinds(&[
            "audit",
            "--json",
            "--each",
            "--within",
            "10s",
            "--middlebox",
            "10s",
        ]);
        let expected = [("connection", 4), ("listener", 2), ("summary", 1)];
        assert_eq!(each, BTreeMap::from(expected));

        // Both listeners with what they accepted, and two times a client.
        let grouped = kinds(&["audit", "--json"]);
        assert_eq!(grouped, BTreeMap::from([("service", 4), ("summary", 1)]));

        let blind = kinds(&["audit", "--json", "--each", "--no-owners"]);
        assert_eq!(blind, BTreeMap::from(expected));
        drop((probed, untouched));
    });
}

#[test]
fn null_is_unknown_and_never_is_a_word() {
    in_private_netns(|| {
        let pair = pair(&deadpeer::SocketOptions::default());
        let lines = common::json(&["audit", "--json", "--each", "--port", &pair.port()]);
        for line in common::of_type(&lines, "connection") {
            assert_eq!(
                line["notices_in"]["idle"]["worst"]["notice"], "never",
                "{line}"
            );
            assert!(line["proven"].is_null());
            assert!(line["over_deadline"].is_null());
        }
        let blind = common::json(&[
            "audit",
            "--json",
            "--each",
            "--no-owners",
            "--port",
            &pair.port(),
        ]);
        for line in common::of_type(&blind, "connection") {
            assert!(line["settings"].is_null() && line["notices_in"].is_null());
            assert_eq!(line["settings_unknown"], "not looked for");
            assert_eq!(line["proven"]["idle"]["notice"], "never");
            assert_eq!(line["proven"]["in_flight"]["notice"], "unknown");
        }
    });
}
