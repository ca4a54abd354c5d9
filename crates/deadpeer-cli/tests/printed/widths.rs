//! Tables between 60 and 120 columns: nothing is wider than asked for unless a word is, and neither
//! an address nor what is about to change is cut.

use std::collections::BTreeSet;

use crate::stage::{Stage, line};

/// Every verb that prints a table, without what changes between two runs.
const VERBS: [&str; 14] = [
    "audit",
    "audit --within 30s",
    "audit --each --within 30s",
    "audit --middlebox aws-nlb --survive-lost 3",
    "ping -c 1 --all",
    "kill --all --silent-for 1ms --dry-run",
    "protect --all --within 30s --dry-run",
    "protect --all --within 30s --sysctl --except zero-window --dry-run",
    "protect --undo PROTECTED --dry-run",
    "history --file deaths.db",
    "history --file deaths.db --by peer",
    "explain capture.pcap",
    "explain capture.pcap --conn 1",
    "lab list",
];
const WIDTHS: [usize; 7] = [60, 70, 80, 90, 100, 110, 120];
/// Those that take seconds run beside the others, and not at every width.
const SLOW: [(&str, &str); 2] = [
    (
        "tested",
        "test --within 1s --fault close --port 8080 -- ./my-server",
    ),
    ("watched", "watch --stats --count 3 --record RECORD"),
];
const FEW_WIDTHS: [usize; 2] = [60, 90];

/// Connections with the longest addresses that there are, protected once so that there is something
/// to undo, and deaths to be remembered.
const SCENE: &str = r#"
long=2001:db8:1111:2222:3333:4444:5555
ip addr add $long:6666/64 dev eth0 nodad
python3 -c '
import socket, sys, time
def pairs(port):
    l = socket.create_server((sys.argv[1], port), family=socket.AF_INET6)
    return [(socket.create_connection((sys.argv[1], port)), l.accept()) for _ in range(3)]
live, doomed = pairs(18080), pairs(18081)
print("connected", flush=True)
time.sleep(3600)' $long:6666 >long.log &
while ! grep -q connected long.log; do sleep 0.1; done
deadpeer protect --all --within 60s --yes --undo-file undo.json >/dev/null 2>&1
deadpeer watch --record deaths.db >watch.log 2>&1 & watching=$!
while ! [[ -e deaths.db ]]; do sleep 0.1; done
tested() { (cd nobody && as_nobody timeout -k 5 100 bash -c "$2" >"../$1.said" 2>&1 </dev/null; told "$1" $?) & tests+=($!); }
watched() {
  (plain "$@") & tests+=($!)
  while ! [[ -e $1.db ]]; do sleep 0.1; done
}
plain() {
  timeout -k 5 60 bash -c "$2" >"$1.said" 2>&1 </dev/null
  told "$1" $?
}
"#;
const DEATHS: &str = r#"
deadpeer kill --port 18081 --all-matching --force --yes >/dev/null 2>&1
sleep 1; kill $watching; wait $watching
"#;

#[test]
fn no_table_is_too_wide_and_none_cuts_an_address_or_a_change() {
    let slow = SLOW.map(|(how, verb)| (how, verb, FEW_WIDTHS.as_slice()));
    let quick = VERBS.map(|verb| ("plain", verb, WIDTHS.as_slice()));
    let mut runs = Vec::new();
    for (how, verb, widths) in slow.into_iter().chain(quick) {
        let widths = std::iter::once(None).chain(widths.iter().copied().map(Some));
        runs.extend(widths.map(|width| (how, verb, width)));
    }
    let mut script = SCENE.to_owned();
    // Whoever watches is there before anything dies, and whoever remembers comes after it.
    let deaths = runs.iter().position(|(how, ..)| *how == "plain");
    for (number, (how, verb, width)) in runs.iter().enumerate() {
        if Some(number) == deaths {
            script += DEATHS;
        }
        let width = width.map(|width| format!("--width {width} "));
        let verb = verb.replace("PROTECTED", "undo.json");
        let verb = verb.replace("RECORD", &format!("{number}.db"));
        let typed = format!("deadpeer {}{verb}", width.unwrap_or_default());
        script += &line(how, number, &typed);
    }
    let Some(stage) = Stage::play(&script) else {
        return;
    };
    let mut wrong = Vec::new();
    let mut whole = BTreeSet::new();
    for (number, (_, verb, width)) in runs.into_iter().enumerate() {
        let said = stage.said(number);
        if !matches!(stage.codes.get(&number), Some(0 | 1 | 3)) {
            wrong.push(format!(
                "{verb} {width:?}: {:?}: {said}",
                stage.codes.get(&number)
            ));
        }
        let tells_of_deaths = verb.starts_with("watch") || verb.starts_with("history");
        if tells_of_deaths && ![":18081", "DEATHS"].iter().any(|one| said.contains(one)) {
            wrong.push(format!("{verb} {width:?} tells of no death:\n{said}"));
        }
        let Some(width) = width else {
            whole = kept(&said);
            continue;
        };
        let wide = said.lines().filter(|line| is_too_wide(line, width));
        wrong.extend(wide.map(|line| format!("{verb} --width {width}: too wide: {line}")));
        let there = kept(&said);
        let cut = whole.iter().filter(|word| !there.contains(*word));
        wrong.extend(
            cut.map(|word| format!("{verb} --width {width}: {word} is missing in\n{said}")),
        );
    }
    assert!(
        wrong.is_empty(),
        "{}\n{}",
        wrong.join("\n"),
        stage.complaints
    );
}

/// More than one word can be broken.
fn is_too_wide(line: &str, width: usize) -> bool {
    let longest = line
        .split_whitespace()
        .map(|word| word.chars().count())
        .max();
    line.chars().count() > width && longest.is_some_and(|longest| longest + 8 < width)
}

/// The words that no width may take away: addresses with ports, and settings as they are and will
/// be.
fn kept(said: &str) -> BTreeSet<String> {
    let words = said.split(|c: char| c.is_whitespace() || ",;()".contains(c));
    // A time of day at the end of a sentence is no address.
    let words = words.map(|word| word.trim_end_matches('.'));
    let is_kept = |word: &&str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let address = word.contains(':') && word.contains(['.', '[']) && digits > 2;
        let keepalive = word.matches('/').count() == 2 && digits > 2 && !word.contains(['-', '.']);
        address || keepalive
    };
    words.filter(is_kept).map(str::to_owned).collect()
}
