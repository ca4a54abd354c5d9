//! Each story is the true one.

use std::path::Path;
use std::time::Duration;

use deadpeer_capture::{Moment, Side, Story};
use serde::Deserialize;

/// What stands beside a capture.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Truth {
    #[serde(rename = "about")]
    _about: String,
    #[serde(rename = "kernel")]
    _kernel: String,
    connections: Vec<Connection>,
}

/// What is true of a connection. Absent: this scene has nothing to say about it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Connection {
    gone: Option<String>,
    ending: String,
    noticed: Option<String>,
    silence: Option<String>,
    /// When the application was told, seconds since 1970.
    noticed_at: Option<f64>,
    errno: Option<i32>,
    cause: Option<i32>,
    by: Option<String>,
    idle_s: Option<u32>,
    interval_s: Option<u32>,
    count: Option<u32>,
    user_timeout_ms: Option<u64>,
    probes_of_client: Option<[u32; 2]>,
    #[serde(default)]
    retransmissions_of_client: bool,
    #[serde(default)]
    window_probes_of_server: bool,
    #[serde(default)]
    all_probes_answered: bool,
    #[serde(default)]
    twice: bool,
}

#[test]
fn every_story_is_true() {
    for path in crate::captures() {
        let truth = std::fs::read_to_string(path.with_extension("json")).expect("readable");
        let truth: Truth = serde_json::from_str(&truth)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (stories, conversations) = crate::told(&path);
        assert_eq!(stories.len(), truth.connections.len(), "{}", path.display());
        assert_eq!(conversations.totals().clock_steps, 0);
        for (story, truth) in stories.iter().zip(&truth.connections) {
            compare(&path, story, truth);
        }
    }
}

fn compare(path: &Path, story: &Story, truth: &Connection) {
    let verdict = &story.verdict;
    let name = format!("{} {}: {verdict:#?}", path.display(), story.number);
    assert_eq!(verdict.gone.word(), truth.gone.as_deref(), "{name}");
    assert_eq!(verdict.ending.word(), truth.ending, "{name}");
    assert_eq!(verdict.noticed.word(), truth.noticed.as_deref(), "{name}");
    if truth.silence.is_some() {
        assert_eq!(
            verdict.silence.map(|silence| silence.name()),
            truth.silence.as_deref(),
            "{name}"
        );
    }
    if let Some(by) = &truth.by {
        assert!(
            format!("{:?}", verdict.ending).to_lowercase().contains(by),
            "{name}"
        );
    }
    if let (Some(at), Some((from, to))) = (truth.noticed_at, verdict.noticed_at) {
        // The application is told within some milliseconds of the packet, on a busy machine a
        // little more.
        let slack = Duration::from_millis(100);
        let at = Moment::from_nanos((at * 1e9) as u64);
        assert!(
            at.plus(slack) >= from && at <= to.plus(slack),
            "{name}: told at {at:?}"
        );
    }
    if let Some(errno) = truth.errno.or(truth.cause) {
        let cause = deadpeer_core::Cause::from_errno(errno, None);
        assert_eq!(verdict.cause, cause, "{name}");
    }
    settings(story, truth, &name);
    counts(story, truth, &name);
}

/// The settings of the side that was left, as its timers show them.
fn settings(story: &Story, truth: &Connection, name: &str) {
    let left = match truth.gone.as_deref() {
        Some("client") => Side::Server,
        Some("connection") if truth.by.as_deref() == Some("server") => Side::Server,
        _ => Side::Client,
    };
    let seen = story.settings(left);
    if truth.idle_s.is_some() {
        assert_eq!(
            seen.idle.map(|guess| guess.seconds),
            truth.idle_s,
            "{name} {seen:?}"
        );
    }
    if truth.interval_s.is_some() {
        assert_eq!(
            seen.interval.map(|guess| guess.seconds),
            truth.interval_s,
            "{name} {seen:?}"
        );
    }
    if let Some(timeout) = truth.user_timeout_ms.map(Duration::from_millis) {
        let (least, most) = seen.gave_up_after.expect("it gave up");
        assert!(least <= timeout && timeout <= most, "{name} {seen:?}");
    }
    if truth.count.is_some() {
        assert_eq!(seen.count, truth.count, "{name}");
    }
}

fn counts(story: &Story, truth: &Connection, name: &str) {
    let (client, server) = (story.counts(Side::Client), story.counts(Side::Server));
    if let Some([least, most]) = truth.probes_of_client {
        assert!((least..=most).contains(&client.probes), "{name} {client:?}");
    }
    if truth.retransmissions_of_client {
        assert!(client.retransmissions > 0, "{name}");
    }
    if truth.window_probes_of_server {
        assert!(server.window_probes > 2, "{name} {server:?}");
        // Linux answers at most one in half a second (net/ipv4/tcp_input.c, tcp_oow_rate_limited).
        assert!(
            server.window_probes <= server.window_probes_answered + 1,
            "{name} {server:?}"
        );
        assert_eq!((server.probes, client.probes), (0, 0), "{name}");
    }
    if truth.all_probes_answered {
        assert!(client.probes + server.probes >= 5, "{name}");
        assert_eq!(client.probes, client.probes_answered, "{name}");
        assert_eq!(server.probes, server.probes_answered, "{name}");
    }
    if truth.twice {
        assert!(
            u64::from(client.seen_twice) >= client.packets - 1,
            "{name} {client:?}"
        );
        assert!(server.seen_twice > 0, "{name} {server:?}");
        assert_eq!(
            (client.retransmissions, server.retransmissions),
            (0, 0),
            "{name}"
        );
    }
}
