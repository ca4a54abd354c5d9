//! What happens, and what has to come of it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use deadpeer_lab::testing;
use ipnet::IpNet;
use serde_json::Value;

use crate::clients::Client;
use crate::containers::{API, CACHE, DATABASE, Service, WEB};
use crate::scene::{Connection, DEADLINE, Scene, holding};

const ALL: [Service; 4] = [CACHE, DATABASE, WEB, API];
const ONE: [Service; 1] = [WEB];
/// Where clients are; those on `off` and `nat` will be gone, fewer than make the brake hold.
const CLIENTS: [&str; 7] = ["off", "nat", "slow", "one", "two", "three", "four"];
const LIVING: [&str; 5] = ["slow", "one", "two", "three", "four"];

/// What a run tells: who would have been destroyed, or was; and the account of it.
struct Told {
    gone: BTreeSet<Connection>,
    account: String,
}

/// One client of one program loses its power, and the others live.
pub(crate) fn power_off(who: &str, others: &[&str]) {
    let Some(mut scene) = Scene::set(&ONE, &[&[who], others].concat(), "enforce") else {
        return;
    };
    testing::power_off(&scene.lab, scene.host(who)).unwrap();
    scene.until("nothing was destroyed", |status| status["destroyed"] == 1);
    assert_eq!(scene.told("destroyed"), [("web".into(), who.into())]);
    let living = |client: &&mut Client| others.contains(&&*client.host);
    scene
        .clients
        .iter_mut()
        .filter(living)
        .for_each(Client::works);
    remembered(&scene, 1);
    scene.prometheus_says(&kills("enforce", "destroyed"), 1.0);
}

/// Every fault under each guard, who have to agree. What they told is written to the file.
pub(crate) fn observed_and_enforced(file: Option<OsString>) {
    let Some(observed) = weathers("observe") else {
        return;
    };
    let Some(enforced) = weathers("enforce") else {
        return;
    };
    assert_eq!(observed.gone, enforced.gone);
    if let Some(file) = file {
        let same = enforced.gone.len();
        let account = format!(
            "{}\n{}\nThe {same} that observing told are the {same} that enforcing destroyed.\n",
            observed.account, enforced.account
        );
        std::fs::write(file, account).unwrap();
    }
}

fn weathers(kill: &str) -> Option<Told> {
    let mut scene = Scene::set(&ALL, &CLIENTS, kill)?;
    let mut account = format!("kill = \"{kill}\"\n");
    let begun = Instant::now();
    let mut say = |what: String| {
        writeln!(account, "{:>4} s  {what}", begun.elapsed().as_secs()).unwrap();
    };
    let services = ALL.map(|service| service.title).join(", ");
    say(format!(
        "{} clients of {services}; those on one host stop reading",
        scene.clients.len()
    ));
    let slow = scene.clients.iter_mut().filter(|it| it.host == "slow");
    slow.for_each(|client| client.dawdle());

    testing::power_off(&scene.lab, scene.host("off")).unwrap();
    scene.forget();
    say("one host loses its power, and a NAT its table: 8 peers are gone".into());
    let enforces = kill == "enforce";
    let (count, words, mode, result) = match enforces {
        true => ("destroyed", "destroyed", "enforce", "destroyed"),
        false => ("would_destroy", "would destroy", "observe", "would-destroy"),
    };
    scene.until("not all are judged gone", |status| status[count] == 8);
    say(format!("the log: {words}, 8 times"));
    let told = scene.told(words);
    let gone: BTreeSet<Connection> = told.iter().cloned().collect();
    let expected = ALL
        .iter()
        .flat_map(|service| ["off", "nat"].map(|host| (service.name.to_owned(), host.to_owned())));
    assert_eq!((told.len(), &gone), (8, &expected.collect()));
    scene.come_back();
    say("those behind the NAT connect anew".into());

    scene.flap("web", Duration::from_secs(3));
    let flapped = |status: &_| holding(status).contains("network");
    scene.until("a link went unseen", flapped);
    say("the link of nginx flaps: the guard holds".into());

    let outage: Vec<&str> = LIVING.iter().copied().chain(["nat"]).collect();
    say("nobody can be reached, for two deadlines".into());
    scene.cut_for(&outage, DEADLINE * 2);
    let status = scene.ask("status").unwrap();
    assert!(holding(&status).contains("many-silent"), "{status}");
    let after = scene.until("it holds for ever", |status| holding(status).is_empty());
    say("they are back, and the guard no longer holds".into());
    let judged = [&after["destroyed"], &after["would_destroy"]];
    assert_eq!(judged, if enforces { [8, 0] } else { [0, 8] }, "{after}");
    scene.clients.iter_mut().for_each(Client::works);
    let living = scene.clients.len();
    assert_eq!(living, 24);
    say(format!(
        "all {living} who live are served, the slow readers too"
    ));

    agreed(&scene, enforces);
    scene.prometheus_says(&kills(mode, result), 8.0);
    let other = if enforces {
        "would-destroy"
    } else {
        "destroyed"
    };
    scene.prometheus_says(
        &format!("{} or vector(0)", kills("observe|enforce", other)),
        0.0,
    );
    for reason in ["many-silent", "network"] {
        let held = format!("max_over_time(deadpeer_holding{{reason=\"{reason}\"}}[10m])");
        scene.prometheus_says(&held, 1.0);
    }
    scene.prometheus_says("sum(deadpeer_holding)", 0.0);
    let recorded = "sum(deadpeer_deaths_total) - sum(deadpeer_history_records)";
    scene.prometheus_says(recorded, 0.0);
    say(format!(
        "Prometheus: {result} 8, it held for many-silent and network, deaths as many as in the history"
    ));
    say(match enforces {
        true => format!("the history: {}", silences(&scene)),
        false => "the kernel's table: the 8 still hang; the history: none was destroyed".into(),
    });
    Some(Told { gone, account })
}

/// The history has who was destroyed; an observer has let them stand.
fn agreed(scene: &Scene, enforces: bool) {
    if enforces {
        return remembered(scene, 8);
    }
    // Nobody has touched them, and the kernel still asks.
    assert_eq!(scene.died("destroyed"), []);
    for host in ["off", "nat"] {
        for service in &ALL {
            assert!(scene.is_held(service, host), "{} of {host}", service.title);
        }
    }
}

/// Those that the log says were destroyed, and by whom.
fn remembered(scene: &Scene, number: usize) {
    let gone: BTreeSet<Connection> = scene.told("destroyed").into_iter().collect();
    scene.until("the history is not written", |_| {
        scene.died("destroyed").len() == number
    });
    for (which, death) in scene.died("destroyed") {
        assert!(gone.contains(&which), "{death}");
        assert_eq!(death["destroyed_by"]["process"], "deadpeer", "{death}");
        assert!(death["silent_ms"].as_u64() >= Some(10_000), "{death}");
    }
}

/// Of the network behind the NAT, where some were given up and others came back.
fn silences(scene: &Scene) -> String {
    // Written a second after the sweep that has seen them come back.
    scene.until("no silence was survived", |_| {
        !of_nat(scene)["survived_silence_ms"].is_null()
    });
    let group = of_nat(scene);
    let seconds = |key: &str| group[key].as_u64().unwrap_or_else(|| panic!("{group}")) / 1_000;
    assert_eq!(group["deaths"], 4, "{group}");
    let (survived, fatal) = (seconds("survived_silence_ms"), seconds("fatal_silence_ms"));
    assert!(survived >= 15 && (10..40).contains(&fatal), "{group}");
    format!(
        "8 destroyed; behind the NAT a silence of {survived} s was survived, and {fatal} s given up after"
    )
}

/// The deaths of the network behind the NAT, added up.
fn of_nat(scene: &Scene) -> Value {
    let peer = scene.host("nat").v4();
    let groups = scene.history(&["--by", "peer", "--cause", "destroyed"]);
    let found = groups.iter().find(|group| {
        let network = group["network"].as_str();
        let network = network.and_then(|network| network.parse::<IpNet>().ok());
        network.is_some_and(|network| network.contains(&IpAddr::V4(peer)))
    });
    found.unwrap_or_else(|| panic!("{groups:?}")).clone()
}

/// How many peers were judged gone.
fn kills(mode: &str, result: &str) -> String {
    format!("sum(deadpeer_kills_total{{mode=~\"{mode}\",result=\"{result}\"}})")
}
