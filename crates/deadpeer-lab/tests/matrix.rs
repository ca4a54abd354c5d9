//! A representative part of the truth table, for root and for anybody, with a short deadline.

mod common;

use std::io::Write as _;
use std::time::Duration;

use common::{inside, inside_as_anybody};
use deadpeer_lab::matrix::{self, Cell, Experiment, Settings, Verdict};
use deadpeer_lab::peer::{self, Launch};
use deadpeer_lab::scenario::{self, Fate, Scenario};
use deadpeer_lab::state::State;

/// Set for the copy of this program that is the peer.
const PEER: &str = "DEADPEER_LAB_TEST_PEER";

/// No test: the program that the labs of the other tests start as their peer.
#[test]
fn the_peer() {
    if std::env::var_os(PEER).is_some() {
        // The harness has begun a line of its own.
        std::io::stdout().write_all(b"\n").unwrap();
        peer::serve().unwrap();
    }
}

fn settings(deadline_s: u64, ipv6: bool) -> Settings {
    Settings {
        deadline: Duration::from_secs(deadline_s),
        seed: 11,
        ipv6,
        at_once: 5,
        captures: None,
        peer: Launch {
            program: std::env::current_exe().unwrap().into(),
            arguments: ["--exact", "the_peer", "--nocapture", "--test-threads=1"]
                .map(Into::into)
                .into(),
            environment: vec![(PEER.into(), "1".into())],
        },
    }
}

fn scenarios(names: &[&str]) -> Vec<Scenario> {
    let named = |name: &&str| scenario::named(name).unwrap().unwrap();
    names.iter().map(named).collect()
}

/// Runs them, and asserts that every experiment proved itself and no cell is missing.
fn run(names: &[&str], settings: &Settings) -> Vec<Experiment> {
    run_these(&scenarios(names), settings)
}

fn run_these(scenarios: &[Scenario], settings: &Settings) -> Vec<Experiment> {
    let results = matrix::run_all(scenarios, settings, |_| {});
    let experiments: Vec<Experiment> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(experiments.len(), scenarios.len());
    for (experiment, scenario) in experiments.iter().zip(scenarios) {
        assert_eq!(experiment.problems, [""; 0], "{}", experiment.scenario);
        assert!(!experiment.proof.is_empty());
        let cells = scenario.states().count() * experiment.methods.len() * scenario.copies;
        assert_eq!(experiment.cells.len(), cells, "{}", experiment.scenario);
        for cell in &experiment.cells {
            if let Some(foretold) = &cell.forecast {
                let may_be = foretold.holds || has_slipped(cell);
                assert!(may_be, "{}: {cell:?}", experiment.scenario);
            }
        }
    }
    experiments
}

/// A retransmission that a busy machine brings about is loss to the judge, who then wants more questions to go unanswered:
/// certainty goes before the deadline.
fn has_slipped(cell: &Cell) -> bool {
    cell.method == "supervised" && cell.verdict == Verdict::Late
}

fn verdict(experiments: &[Experiment], scenario: &str, state: State, method: &str) -> Verdict {
    let experiment = experiments
        .iter()
        .find(|one| one.scenario == scenario)
        .unwrap();
    let found = experiment
        .cells
        .iter()
        .find(|cell| cell.state == state && cell.method == method);
    found
        .unwrap_or_else(|| panic!("{scenario} {state} {method}"))
        .verdict
}

#[test]
fn dead_peers_are_noticed_by_some_methods_and_missed_by_others() {
    inside_as_anybody(|| {
        let experiments = run(
            &[
                "silent-drop",
                "killed",
                "abort",
                "nat-lost-reset",
                "destroyed",
                "proxy",
                "reboot",
            ],
            &settings(5, false),
        );
        let is = |scenario, state, method| verdict(&experiments, scenario, state, method);
        for method in ["recv", "tcp-info", "epoll", "send", "ip-recverr"] {
            assert_eq!(
                is("silent-drop", State::Idle, method),
                Verdict::Missed,
                "{method}"
            );
        }
        assert_eq!(
            is("silent-drop", State::Idle, "keepalive"),
            Verdict::Noticed
        );
        assert_eq!(
            is("silent-drop", State::Sending, "keepalive"),
            Verdict::Missed
        );
        assert_eq!(
            is("silent-drop", State::Idle, "user-timeout"),
            Verdict::Missed
        );
        assert_eq!(
            is("silent-drop", State::Sending, "user-timeout"),
            Verdict::Noticed
        );
        assert_eq!(is("killed", State::Idle, "recv"), Verdict::Noticed);
        assert_eq!(is("abort", State::Idle, "epoll"), Verdict::Noticed);
        assert_eq!(
            is("destroyed", State::OnlyReading, "tcp-info"),
            Verdict::Noticed
        );
        assert_eq!(
            is("nat-lost-reset", State::Sending, "send"),
            Verdict::Noticed
        );
        assert_eq!(is("proxy", State::Idle, "keepalive"), Verdict::Unnoticeable);
        assert_eq!(is("proxy", State::Idle, "heartbeat"), Verdict::Noticed);
        assert_eq!(is("reboot", State::Idle, "keepalive"), Verdict::Noticed);
    });
}

#[test]
fn a_supervised_connection_is_known_to_be_dead_in_every_state() {
    inside(|| {
        let experiments = run(&["silent-drop", "power-off"], &settings(14, false));
        for state in State::ALL {
            for scenario in ["silent-drop", "power-off"] {
                let verdict = verdict(&experiments, scenario, state, "supervised");
                let known = matches!(verdict, Verdict::Noticed | Verdict::Late);
                assert!(known, "{scenario} {state}: {verdict:?}");
            }
        }
    });
}

/// A part of what `cargo xtask check-watch` does at length.
#[test]
fn a_supervisor_calls_no_live_peer_dead() {
    inside(|| {
        let mut scenarios = scenarios(&[
            "slow-reader",
            "not-reading",
            "outage-third",
            "delay",
            "loss-5",
        ]);
        for scenario in &mut scenarios {
            scenario.methods = Some(vec!["supervised".to_owned()]);
            scenario.copies = 4;
        }
        let experiments = run_these(&scenarios, &settings(10, false));
        let cells = || experiments.iter().flat_map(|experiment| &experiment.cells);
        assert!(cells().count() >= 150);
        for cell in cells() {
            assert_eq!(cell.verdict, Verdict::Quiet, "{cell:?}");
            assert!(cell.carried, "{cell:?}");
        }
    });
}

/// Nobody who asks TCP alone can tell them from live ones, and that is measured each time.
#[test]
fn what_goes_on_answering_is_told_apart_from_what_was_missed() {
    inside(|| {
        let experiments = run(&["proxy", "killed"], &settings(6, false));
        let is = |scenario, state, method| verdict(&experiments, scenario, state, method);
        for method in ["supervised", "keepalive", "recv"] {
            let proxied = is("proxy", State::Idle, method);
            assert_eq!(proxied, Verdict::Unnoticeable, "{method}");
            let finished = is("killed", State::HalfClosedByPeer, method);
            assert_eq!(finished, Verdict::Unnoticeable, "{method}");
        }
        assert_eq!(is("proxy", State::Idle, "heartbeat"), Verdict::Noticed);
        assert_eq!(is("killed", State::Idle, "supervised"), Verdict::Noticed);
    });
}

#[test]
fn live_peers_carry_bytes_afterwards_whatever_was_said_of_them() {
    inside(|| {
        let experiments = run(
            &[
                "not-reading",
                "loss-5",
                "outage-third",
                "delay",
                "busy",
                "half-close",
                "frozen",
            ],
            &settings(6, false),
        );
        let is = |scenario, state, method| verdict(&experiments, scenario, state, method);
        assert_eq!(
            is("not-reading", State::ZeroWindow, "user-timeout"),
            Verdict::FalseAlarm
        );
        assert_eq!(
            is("not-reading", State::ZeroWindow, "keepalive"),
            Verdict::Quiet
        );
        assert_eq!(
            is("not-reading", State::Idle, "heartbeat"),
            Verdict::FalseAlarm
        );
        assert_eq!(is("frozen", State::Idle, "heartbeat"), Verdict::Noticed);
        for experiment in &experiments {
            for cell in experiment
                .cells
                .iter()
                .filter(|cell| cell.method == "supervised")
            {
                assert_ne!(
                    cell.verdict,
                    Verdict::FalseAlarm,
                    "{}: {cell:?}",
                    experiment.scenario
                );
            }
            if experiment.peer == Fate::Finished {
                let right =
                    |method: &str| verdict(&experiments, &experiment.scenario, State::Idle, method);
                assert_eq!(right("epoll"), Verdict::Noticed);
            }
        }
    });
}

#[test]
fn ipv6_is_no_different() {
    inside(|| {
        let experiments = run(
            &[
                "silent-drop-theirs",
                "icmp-prohibited",
                "own-address-removed",
            ],
            &settings(5, true),
        );
        assert_eq!(
            verdict(&experiments, "silent-drop-theirs", State::Idle, "both"),
            Verdict::Noticed
        );
    });
}

#[test]
fn a_closed_peer_answers_probes_for_a_minute() {
    inside(|| {
        // Its expectations are its own; what is not kept is a problem.
        let experiments = run(&["fin-wait-2"], &settings(20, false));
        let cell = &experiments[0].cells[0];
        assert!(
            cell.answers.is_some_and(|answers| answers >= 10),
            "{cell:?}"
        );
    });
}
