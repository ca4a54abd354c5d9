//! Containers asked, protected and undone from outside, all of them by one command.

use deadpeer_lab::testing::inside;

use crate::common::{json, of_type, run};
use crate::machine::{KINDS, Machine};

#[test]
fn one_command_reaches_all_containers_and_each_undo_file_finds_its_own() {
    inside(|| {
        let Some(_machine) = Machine::start() else {
            return;
        };
        let chosen: Vec<&str> = KINDS
            .iter()
            .flat_map(|kind| ["--container", kind.id])
            .collect();
        let with = |args: &[&'static str]| {
            let all = ["--netns", "all"];
            [args, &all, &chosen[..]].concat()
        };
        let asked = run(&with(&["ping", "-c", "1"]));
        assert_eq!(asked.code, 0, "{}{}", asked.stdout, asked.stderr);
        let lines = json(&with(&["protect", "--within", "60s", "--yes", "--json"]));
        let summaries = of_type(&lines, "protect_summary");
        assert_eq!(summaries.len(), KINDS.len(), "{lines:?}");
        for summary in &summaries {
            assert_eq!(
                summary["changed"], 2,
                "a listener and a connection: {summary}"
            );
        }
        let kept = run(&with(&["audit", "--within", "61s"]));
        assert_eq!(kept.code, 0, "{}", kept.stdout);
        for summary in &summaries {
            let file = summary["undo_file"].as_str().unwrap();
            let undone = run(&["protect", "--undo", file, "--yes"]);
            assert_eq!(undone.code, 0, "{}{}", undone.stdout, undone.stderr);
        }
        let again = run(&with(&["audit", "--within", "61s"]));
        assert_eq!(again.code, 1, "{}", again.stdout);

        let refused = run(&with(&["kill", "--unreachable", "--dry-run"]));
        for kind in &KINDS {
            let place = match kind.names {
                Some(names) => names.join("/"),
                None => format!("{} {}", kind.runtime, &kind.id[..12]),
            };
            assert!(
                refused.stdout.contains(&place),
                "{place}: {}",
                refused.stdout
            );
        }
    });
}
