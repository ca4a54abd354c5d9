//! The machine, its clients, the guard and Prometheus; and what is done to them.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::time::{Duration, Instant};

use deadpeer_lab::router::{Action, Condition, Lost, Rule, RuleId};
use deadpeer_lab::{Host, Lab, Process};
use serde_json::Value;

use crate::clients::Client;
use crate::common::guarding::Guarding;
use crate::common::read_back;
use crate::containers::{Containers, Service};
use crate::prometheus::Prometheus;

pub(crate) const DEADLINE: Duration = Duration::from_secs(12);

/// A verdict may come a moment before the deadline, so that the end does not come after.
const LEAST_SILENCE: Duration = Duration::from_secs(11);

/// Where the guard and Prometheus are.
const NODE: &str = "node";
const METRICS: &str = "127.0.0.1:9717";
/// From here the clients connect that are behind a NAT.
const BEHIND_NAT: u16 = 40_000;

/// A connection: the service, and the host of the client.
pub(crate) type Connection = (String, String);

pub(crate) struct Scene {
    pub(crate) clients: Vec<Client>,
    pub(crate) lab: Lab,
    services: &'static [Service],
    guarding: Guarding,
    nat: RuleId,
    prometheus: Prometheus,
    _guard: Process,
    _containers: Containers,
    _room: tempfile::TempDir,
}

impl Scene {
    /// Everybody is connected, and the guard, which does this with whom it judges gone, has
    /// begun to ask. The clients on the host `nat` are behind one. `None`, loudly, where it
    /// can't be made.
    pub(crate) fn set(services: &'static [Service], clients: &[&str], kill: &str) -> Option<Self> {
        let names = services.iter().map(|service| service.name);
        let hosts = names.chain(clients.iter().copied()).chain([NODE]);
        let lab = Lab::with_hosts(hosts).start().unwrap();
        let room = tempfile::tempdir().unwrap();
        let containers = Containers::start(&lab, services, room.path())?;
        let node = lab.host(NODE).unwrap();
        let prometheus = Prometheus::start(node, room.path(), METRICS)?;
        let track = Action::Track {
            idle: None,
            lost: Lost::Silent,
        };
        let nat = Rule::new("nat", Condition::tcp().port(BEHIND_NAT), track);
        let nat = lab.wire().add(nat).unwrap();
        let connect = |client: &&str, service: &'static Service| {
            let port = if *client == "nat" { BEHIND_NAT } else { 0 };
            let host = |name| lab.host(name).unwrap();
            Client::new(service, host(service.name), host(client), port)
        };
        let of = |client| services.iter().map(move |service| connect(client, service));
        let clients: Vec<Client> = clients.iter().flat_map(of).collect();
        let guarding = Guarding::new();
        let args = ["--netns", "all", "--listen", METRICS];
        let mut command = guarding.command(&policies(services, kill), &args);
        let guard = node.spawn(&mut command).unwrap();
        guarding.begun();
        let all = clients.len();
        guarding.until("nobody is asked", |status| status["changed"] == all);
        Some(Self {
            clients,
            lab,
            services,
            guarding,
            nat,
            prometheus,
            _guard: guard,
            _containers: containers,
            _room: room,
        })
    }

    pub(crate) fn host(&self, name: &str) -> &Host {
        self.lab.host(name).unwrap()
    }

    /// The NAT loses its table.
    pub(crate) fn forget(&self) {
        assert!(self.lab.wire().forget(self.nat).unwrap());
    }

    /// Whoever was behind the NAT connects anew. Nobody uses what is gone any more.
    pub(crate) fn come_back(&mut self) {
        let is_gone = |client: &Client| ["off", "nat"].contains(&&*client.host);
        self.clients.retain(|client| !is_gone(client));
        for service in self.services {
            let client = Client::new(service, self.host(service.name), self.host("nat"), 0);
            self.clients.push(client);
        }
    }

    /// Nothing passes between these hosts and anybody, for so long.
    pub(crate) fn cut_for(&self, hosts: &[&str], time: Duration) {
        let begun = Instant::now();
        let ways = hosts.iter().flat_map(|host| {
            let end = self.host(host).end();
            [Condition::any().from(end), Condition::any().to(end)]
        });
        let rules = ways.map(|when| Rule::new("outage", when, Action::Drop));
        let rules: Vec<_> = rules
            .map(|rule| self.lab.wire().add(rule).unwrap())
            .collect();
        self.until("the time does not pass", |_| begun.elapsed() >= time);
        for rule in rules {
            self.lab.wire().remove(rule).unwrap();
        }
    }

    /// The link of a host goes down and comes back.
    pub(crate) fn flap(&self, host: &str, down: Duration) {
        let end = self.host(host).end();
        self.lab.wire().unplug(end).unwrap();
        std::thread::sleep(down);
        self.lab.wire().plug(end).unwrap();
    }

    /// The connections of which the log has said this, each as often as it was said.
    pub(crate) fn told(&self, what: &str) -> Vec<Connection> {
        let log = self.logged();
        let lines = log.lines().filter_map(|line| {
            let (_, facts) = line.split_once(&format!(" {what} policy="))?;
            let policy = facts.split(' ').next()?;
            let (_, rest) = facts.split_once(" peer=")?;
            let (peer, _) = rest.split_once(':')?;
            for (fact, least) in [("silence_ms", LEAST_SILENCE.as_millis()), ("unanswered", 4)] {
                let (_, value) = line.split_once(&format!(" {fact}="))?;
                let value = value.split(' ').next()?.parse();
                assert!(value.is_ok_and(|value: u128| value >= least), "{line}");
            }
            Some((policy.to_owned(), self.named(peer)))
        });
        lines.collect()
    }

    /// Deaths of this cause in our containers, as `deadpeer history` tells them.
    pub(crate) fn died(&self, cause: &str) -> Vec<(Connection, Value)> {
        let deaths = self.services.iter().flat_map(|service| {
            let told = self.history(&["--cause", cause, "--container", &service.id()]);
            let deaths = told.into_iter().filter(|line| line["type"] == "death");
            deaths.map(|death| {
                let peer = death["peer"].as_str().unwrap().split(':').next();
                let client = self.named(peer.unwrap());
                ((service.name.to_owned(), client), death)
            })
        });
        deaths.collect()
    }

    /// Whether the program still holds its connection to the client.
    pub(crate) fn is_held(&self, service: &Service, client: &str) -> bool {
        let (id, peer) = (service.id(), self.host(client).v4().to_string());
        let which = ["--netns", "all", "--container", &id, "--peer", &peer];
        let told = self.run(&[&["audit", "--each", "--json"], &which[..]].concat());
        let mut lines = told.stdout.lines().map(read_back);
        lines.any(|line| line["type"] == "connection" && line["state"] == "established")
    }

    pub(crate) fn history(&self, args: &[&str]) -> Vec<Value> {
        let args = [&["history", "--json", "--since", "1h"], args].concat();
        let told = self.run(&args);
        assert_eq!((told.code, &*told.stderr), (0, ""), "{args:?}");
        told.stdout.lines().map(read_back).collect()
    }

    /// What Prometheus has scraped comes to this.
    pub(crate) fn prometheus_says(&self, query: &str, value: f64) {
        self.prometheus.comes_to(self.host(NODE), query, value);
    }

    /// Whose address it is.
    fn named(&self, address: &str) -> String {
        let hosts = self.lab.hosts().iter();
        let mut hosts = hosts.filter(|host| host.v4().to_string() == address);
        hosts.next().map_or(address, Host::name).to_owned()
    }
}

impl Deref for Scene {
    type Target = Guarding;

    fn deref(&self) -> &Guarding {
        &self.guarding
    }
}

/// Why it holds.
pub(crate) fn holding(status: &Value) -> BTreeSet<&str> {
    let holds = status["holding"].as_array().into_iter().flatten();
    holds.filter_map(|hold| hold["reason"].as_str()).collect()
}

/// One for each container.
fn policies(services: &[Service], kill: &str) -> String {
    let policy = |service: &Service| {
        format!(
            "[[policy]]\nname = \"{}\"\nmatch = {{ container = \"{}\" }}\ndeadline = \"{}s\"\nsupervise = \"enforce\"\nkill = \"{kill}\"\n",
            service.name,
            service.id(),
            DEADLINE.as_secs(),
        )
    };
    services.iter().map(policy).collect()
}
