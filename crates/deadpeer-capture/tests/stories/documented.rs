//! The table of evidence in docs/explain.md is complete and true: each of its rows has an example
//! here.

use std::collections::BTreeMap;

use deadpeer_capture::{Flags, Side};

use crate::builder::Talk;

/// A word of the table, and packets in which it is evidence.
type Example = (&'static str, fn() -> Talk);

const EXAMPLES: [Example; 27] = [
    ("backoff", data_again),
    ("unanswered-probes", || probes(4)),
    ("same-echo", same_echo),
    ("asked-again", asked_again),
    ("rst-on-the-beat", on_the_beat),
    ("disowned", || reset_after(3600.0)),
    ("router", router),
    ("began-after", began_after),
    ("idle", || silent_then_data(350.0)),
    ("outlived", || beside_a_survivor(1, 400.0)),
    ("not-outlived", || beside_a_survivor(1, 300.0)),
    ("outlived-elsewhere", || beside_a_survivor(9, 400.0)),
    ("vain-opening", beside_a_vain_opening),
    ("fin-wait", fin_wait),
    ("other-distance", other_distance),
    ("too-quick", too_quick),
    ("strange-id", strange_id),
    ("forged-before", forged_before),
    ("heard-elsewhere", heard_elsewhere),
    ("holes", || holed(1)),
    ("lossy", || holed(3)),
    ("no-bare-acknowledgments", filtered),
    ("one-sided", one_sided),
    ("replayed", replayed),
    ("cut", cut),
    ("ends-too-soon", ends_too_soon),
    ("spoke-just-before", || reset_after(0.5)),
];

#[test]
fn each_row_of_the_table_has_an_example() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/explain.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, table) = text
        .split_once("| evidence | word | does | example |\n")
        .unwrap();
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let mut documented = BTreeMap::new();
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, word, does, example] = cells[..] else {
            panic!("{row}");
        };
        assert!(!example.is_empty(), "{row}");
        documented.insert(word.trim_matches('`'), does);
    }
    assert!(
        documented
            .keys()
            .copied()
            .eq(BTreeMap::from(EXAMPLES).into_keys())
    );
    for (word, packets) in EXAMPLES {
        let stories = packets().stories();
        let mut found = stories.iter().flat_map(|story| &story.verdict.evidence);
        let Some(evidence) = found.find(|found| found.word() == word) else {
            panic!("{word} is no evidence in {stories:#?}");
        };
        let does = documented[word];
        assert!(does.starts_with(evidence.weight().word()), "{word}: {does}");
    }
}

fn open() -> Talk {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.1, Side::Client, 50);
    talk
}

fn data_again() -> Talk {
    let mut talk = open();
    talk.data(1.0, Side::Client, 50);
    talk.again_doubling(1.0, Side::Client, 50, 4);
    talk.capture_ends(60.0);
    talk
}

fn probes(count: u32) -> Talk {
    let mut talk = open();
    for n in 0..count {
        talk.probe(11.0 + f64::from(n), Side::Client);
    }
    talk.capture_ends(60.0);
    talk
}

/// Nothing that comes to the client was captured, but what it had sent before shows that it asks.
fn same_echo() -> Talk {
    let mut talk = Talk::midway();
    talk.end(Side::Client).timestamps = Some((7000, 9000));
    talk.data(0.0, Side::Client, 50);
    for n in 1..5 {
        talk.end(Side::Client).timestamps = Some((7000 + n * 75_000, 9000));
        talk.probe(f64::from(n) * 75.0, Side::Client);
    }
    talk
}

fn fin_wait() -> Talk {
    let mut talk = open();
    talk.fin(1.0, Side::Client).ack(1.001, Side::Server);
    talk.abort(121.01, Side::Client);
    talk
}

fn asked_again() -> Talk {
    let mut talk = open();
    let mut at = 0.1;
    for n in 0..6 {
        at += 0.2 * f64::from(1 << n);
        talk.again(at, Side::Client, 50)
            .ack(at + 0.001, Side::Server);
    }
    talk.capture_ends(at + 1.0);
    talk
}

fn on_the_beat() -> Talk {
    let mut talk = open();
    talk.data(1.0, Side::Client, 50);
    let last = talk.again_doubling(1.0, Side::Client, 50, 5);
    talk.abort(last + 6.4, Side::Client);
    talk
}

fn reset_after(silence: f64) -> Talk {
    let mut talk = open();
    talk.exchange(0.2, Side::Server, 50);
    talk.data(0.2 + silence, Side::Client, 50)
        .disown(0.201 + silence, Side::Server);
    talk
}

fn forged_before() -> Talk {
    let mut talk = open();
    talk.abort(5.0, Side::Client)
        .data(8.0, Side::Client, 50)
        .disown(8.001, Side::Server);
    talk
}

fn router() -> Talk {
    let mut talk = open();
    talk.data(5.0, Side::Client, 50)
        .unreachable(5.01, Side::Client)
        .capture_ends(30.0);
    talk
}

fn began_after() -> Talk {
    let mut talk = Talk::midway();
    talk.data(0.0, Side::Client, 50);
    talk.again_doubling(0.0, Side::Client, 50, 6);
    talk
}

fn silent_then_data(silence: f64) -> Talk {
    let mut talk = open();
    talk.data(0.1 + silence, Side::Client, 50);
    talk.again_doubling(0.1 + silence, Side::Client, 50, 5);
    talk
}

/// Of the client 10.0.0.`client`.
fn beside_a_survivor(client: u8, silence: f64) -> Talk {
    let mut talk = Talk::new();
    talk.end(Side::Client).port = 41_000;
    talk.open(0.0)
        .exchange(0.1, Side::Client, 50)
        .exchange(0.1 + silence, Side::Client, 50);
    talk.between(client, 2);
    let mut dead = silent_then_data(350.0);
    for (at, _) in &mut dead.packets {
        *at = at.plus(std::time::Duration::from_secs(60));
    }
    talk.with(&dead);
    talk
}

fn beside_a_vain_opening() -> Talk {
    let mut talk = silent_then_data(350.0);
    talk.with(Talk::new().asks_to_open_in_vain(352.0));
    talk
}

fn other_distance() -> Talk {
    let mut talk = open();
    talk.exchange(1.0, Side::Server, 50);
    talk.end(Side::Server).ttl = 59;
    talk.abort(30.0, Side::Server);
    talk
}

fn too_quick() -> Talk {
    let mut talk = Talk::new();
    talk.send(0.0, Side::Client, Flags::SYN, 0)
        .send(0.04, Side::Server, Flags::SYN.and(Flags::ACK), 0)
        .ack(0.041, Side::Client)
        .data(1.0, Side::Client, 50)
        .ack(1.04, Side::Server)
        .data(20.0, Side::Client, 50)
        .abort(20.001, Side::Server);
    talk
}

fn strange_id() -> Talk {
    let mut talk = open();
    for n in 1..5 {
        talk.exchange(f64::from(n), Side::Server, 50);
    }
    talk.end(Side::Server).id = 40_000;
    talk.abort(30.0, Side::Server);
    talk
}

fn another(at: f64, port: u16) -> Talk {
    let mut talk = Talk::new();
    talk.end(Side::Client).port = port;
    talk.open(at).exchange(at + 0.1, Side::Client, 50);
    talk
}

fn heard_elsewhere() -> Talk {
    let mut talk = data_again();
    talk.with(&another(30.0, 41_000));
    talk
}

/// Connections of which each lacks data that was acknowledged, the first one more.
fn holed(connections: u16) -> Talk {
    let mut all = Talk::new();
    for n in 0..connections {
        let mut talk = another(f64::from(n), 41_000 + n);
        talk.data(20.0, Side::Client, 100);
        talk.packets.pop();
        talk.ack(20.1, Side::Server).data(21.0, Side::Client, 50);
        all.with(&talk);
    }
    all.capture_ends(60.0);
    all
}

fn filtered() -> Talk {
    let mut talk = open();
    talk.exchange(1.0, Side::Server, 50)
        .data(2.0, Side::Client, 50);
    talk.packets.retain(|(_, frame)| frame.len() > 54);
    talk.capture_ends(60.0);
    talk
}

fn one_sided() -> Talk {
    let mut talk = open();
    talk.exchange(1.0, Side::Server, 50)
        .data(2.0, Side::Client, 50);
    talk.packets.retain(|(_, frame)| frame[29] == 1);
    talk.capture_ends(60.0);
    talk
}

fn replayed() -> Talk {
    let mut talk = open();
    for n in 0..4 {
        talk.end(Side::Client).id = 77;
        let at = 2.0 + f64::from(n);
        let length = 50;
        match n {
            0 => talk.data(at, Side::Client, length),
            _ => talk.again(at, Side::Client, length),
        };
    }
    talk.capture_ends(60.0);
    talk
}

fn cut() -> Talk {
    let mut talk = open();
    talk.data(1.0, Side::Client, 50).capture_ends(60.0);
    talk
}

fn ends_too_soon() -> Talk {
    let mut talk = open();
    talk.data(1.0, Side::Client, 50)
        .again(1.2, Side::Client, 50)
        .again(1.6, Side::Client, 50)
        .capture_ends(1.8);
    talk
}
