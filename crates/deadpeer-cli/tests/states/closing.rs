//! After our FIN, or the peer's.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use deadpeer::{Apply as _, SocketOptions};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;
use serde_json::Value;

use crate::common::population::{keepalive, pair};
use crate::common::{json, of_type, run};

/// The connection with this local end, once it is in this state.
fn line_in(state: &str, local: &str) -> Value {
    let bound = Instant::now() + Duration::from_secs(30);
    loop {
        let lines = json(&[
            "audit", "--each", "--json", "--local", local, "--state", state,
        ]);
        if let Some(line) = of_type(&lines, "connection").into_iter().next() {
            return line;
        }
        assert!(
            Instant::now() < bound,
            "{local} does not come to be {state}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn local(socket: &TcpStream) -> String {
    socket.local_addr().unwrap().to_string()
}

fn within(notice: &Value) -> std::ops::RangeInclusive<u64> {
    let of = |field: &str| notice[field].as_u64().unwrap_or_else(|| panic!("{notice}"));
    of("earliest_ms")..=of("latest_ms")
}

/// The peer acknowledges our FIN and never sends its own: without keepalive nothing ends that.
#[test]
fn fin_wait_2_with_a_descriptor_has_no_fin_timeout() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        pair.client.shutdown(Shutdown::Write).unwrap();
        let local = local(&pair.client);
        let line = line_in("fin-wait-2", &local);
        assert_eq!(line["ends"]["notice"], "never", "{line}");
        assert_eq!(line["findings"][0]["code"], "waits-for-fin", "{line}");
        let ran = run(&["audit", "--within", "1h", "--local", &local]);
        assert_eq!(ran.code, 1, "{}", ran.stdout);
        // Data is never in flight there, so that neither retransmissions nor a late write count.
        let row = ran
            .stdout
            .lines()
            .find(|row| row.contains("! never"))
            .unwrap();
        assert!(row.contains("! never          -           -"), "{row}");

        // Keepalive ends it, in time.
        keepalive(5, 1, 3).apply(&pair.client).unwrap();
        let line = line_in("fin-wait-2", &local);
        assert!(within(&line["ends"]).end() < &10_000, "{line}");
        assert_eq!(
            run(&["audit", "--within", "10s", "--local", &local]).code,
            0
        );
    });
}

/// What is closed while the peer is gone: the kernel's own retransmissions are the questions.
#[test]
fn fin_wait_1_with_and_without_a_descriptor() {
    in_private_netns(|| {
        let (mut orphan, held) = (
            pair(&SocketOptions::default()),
            pair(&SocketOptions::default()),
        );
        for pair in [&orphan, &held] {
            sockopt::mute(&pair.server).unwrap();
        }
        let (orphaned, kept) = (local(&orphan.client), local(&held.client));
        orphan.client.write_all(b"bye").unwrap();
        drop(orphan.client);
        held.client.shutdown(Shutdown::Write).unwrap();

        let line = line_in("fin-wait-1", &orphaned);
        assert_eq!(
            (&line["inode"], &line["settings_from"]),
            (&Value::Null, &"nobody".into())
        );
        let given_up = line["given_up"]["within_ms"].as_u64().unwrap();
        // tcp_orphan_retries of 0 stands for 8.
        assert!((90_000..120_000).contains(&given_up), "{line}");
        let line = line_in("fin-wait-1", &kept);
        let ends = within(&line["ends"]);
        assert!(*ends.start() > 900_000 && *ends.end() < 1_000_000, "{line}");
        let ran = run(&["audit", "--each", "--local", &kept]);
        assert!(ran.stdout.contains("FIN unacknowledged"), "{}", ran.stdout);
        // After three seconds it hangs.
        let bound = Instant::now() + Duration::from_secs(30);
        while line_in("fin-wait-1", &kept)["waiting"]["awaited"] != "fin-acknowledgement" {
            assert!(Instant::now() < bound);
            std::thread::sleep(Duration::from_millis(100));
        }
        let said = run(&["audit"]).stdout;
        assert!(
            said.contains("for the acknowledgement of the close"),
            "{said}"
        );
        // Nobody waits for the orphan.
        assert_eq!(said.matches("HUNG NOW").count(), 1, "{said}");
    });
}

/// The peer's FIN first, then ours, which nobody acknowledges.
#[test]
fn last_ack_and_closing() {
    in_private_netns(|| {
        let (last, both) = (
            pair(&SocketOptions::default()),
            pair(&SocketOptions::default()),
        );
        last.client.shutdown(Shutdown::Write).unwrap();
        let server = local(&last.server);
        line_in("close-wait", &server);
        sockopt::mute(&last.client).unwrap();
        last.server.shutdown(Shutdown::Write).unwrap();
        let line = line_in("last-ack", &server);
        assert!(*within(&line["ends"]).start() > 900_000, "{line}");
        // Only that: it is neither idle nor written to any more.
        let bounds = ["idle", "in_flight", "late_write"].map(|silence| {
            let lines = json(&["audit", "--json", "--local", &server, "--state", "last-ack"]);
            of_type(&lines, "service")[0]["worst"][silence]["notice"].clone()
        });
        assert_eq!(bounds, ["ruled_out", "within", "ruled_out"]);

        // Both FINs cross: neither hears the other's until both are sent.
        let [one, other] = [&both.client, &both.server];
        for end in [one, other] {
            sockopt::mute(end).unwrap();
        }
        for end in [one, other] {
            end.shutdown(Shutdown::Write).unwrap();
        }
        sockopt::unmute(one).unwrap();
        // The other's FIN is sent again and heard; what acknowledges ours is not sent by it.
        let line = line_in("closing", &local(one));
        assert!(*within(&line["ends"]).start() > 900_000, "{line}");
    });
}

#[test]
fn time_wait_ends_within_its_minute() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let address = local(&pair.client);
        drop(pair.client);
        drop(pair.server);
        let line = line_in("time-wait", &address);
        let given_up = line["given_up"]["within_ms"].as_u64().unwrap();
        assert!((50_000..70_000).contains(&given_up), "{line}");
        assert_eq!(line["over_deadline"], Value::Null);
        let ran = run(&["audit", "--each", "--state", "time-wait"]);
        assert!(ran.stdout.contains("ends in "), "{}", ran.stdout);
    });
}
