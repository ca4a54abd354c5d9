//! Redis on a host, a guard beside it, and clients on other hosts.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Deref;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_lab::router::{Action, Condition, Rule};
use deadpeer_lab::{Host, Lab, Process};
use deadpeer_sys::testing::skip;
use serde_json::Value;

use crate::common::guarding::{BOUND, Guarding};
use crate::common::{Ran, read_back};

const PORT: u16 = 6379;
/// Where the guard shows its metrics, on the server.
const METRICS: &str = "127.0.0.1:9717";

pub(crate) struct Scene {
    pub(crate) lab: Lab,
    pub(crate) clients: Vec<TcpStream>,
    guarding: Guarding,
    _redis: Process,
    guard: Option<Process>,
}

/// The policy of a configuration, with these modes.
pub(crate) fn policy(modes: &str) -> String {
    format!(
        "[[policy]]\nname = \"redis\"\nmatch = {{ port = {PORT} }}\ndeadline = \"12s\"\n{modes}\n"
    )
}

impl Scene {
    /// A server, and as many clients as are asked for, one on each host. `None`: there is no Redis.
    pub(crate) fn new(clients: usize) -> Option<Self> {
        let Some(server) = program("redis-server") else {
            skip("redis-server is not installed");
            return None;
        };
        let names = (0..clients).map(|client| format!("client{client}"));
        let lab = Lab::with_hosts(["server".to_owned()].into_iter().chain(names));
        let lab = lab.start().unwrap();
        let options =
            format!("--port {PORT} --bind * --protected-mode no --tcp-keepalive 0 --save");
        let mut command = Command::new(server);
        command
            .args(options.split(' '))
            .arg("")
            .stdout(Stdio::null());
        let redis = lab.hosts()[0].spawn(&mut command).unwrap();
        let clients = lab.hosts()[1..]
            .iter()
            .map(|host| connect(&lab.hosts()[0], host));
        Some(Self {
            clients: clients.collect(),
            guarding: Guarding::new(),
            _redis: redis,
            guard: None,
            lab,
        })
    }

    /// One more client on the host of this one.
    pub(crate) fn another(&mut self, client: usize) {
        let stream = connect(self.server(), &self.lab.hosts()[1 + client]);
        self.clients.push(stream);
    }

    fn server(&self) -> &Host {
        &self.lab.hosts()[0]
    }

    /// Begins to guard, in place of whoever does.
    pub(crate) fn guard(&mut self, text: &str) {
        self.guard = None;
        self.guard = Some(self.start(text, &["--listen", METRICS]));
        self.begun();
    }

    /// Starts a guard beside the server.
    pub(crate) fn start(&self, text: &str, args: &[&str]) -> Process {
        let mut command = self.command(text, args);
        self.server().spawn(&mut command).unwrap()
    }

    /// Runs the command beside the server.
    pub(crate) fn at_server(&self, args: &[&str]) -> Ran {
        self.server().enter(|| self.run(args)).unwrap()
    }

    /// Another connection of this client to the server.
    pub(crate) fn connect(&self, client: usize) -> TcpStream {
        connect(self.server(), &self.lab.hosts()[1 + client])
    }

    /// The connection that was destroyed, as the history tells it.
    pub(crate) fn remembered(&self) -> Value {
        let bound = Instant::now() + BOUND;
        loop {
            let told = self.run(&["history", "--json"]);
            let lines = told.stdout.lines().map(read_back);
            let mut deaths = lines.filter(|line| line["cause"] == "destroyed");
            if let Some(death) = deaths.next() {
                return death;
            }
            self.wait(bound, "no death is remembered");
        }
    }

    /// A connection to where the guard shows its metrics.
    pub(crate) fn scraper(&self) -> TcpStream {
        let connect = || TcpStream::connect(METRICS);
        let stream = self.server().enter(connect).unwrap().unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        stream
    }

    /// What the guard answers there, head and all.
    pub(crate) fn get(&self, path: &str) -> String {
        let mut scraper = self.scraper();
        let request = format!("GET {path} HTTP/1.1\r\nHost: guard\r\n\r\n");
        scraper.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        scraper.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Nothing passes between the server and this client any more; what undoes it.
    pub(crate) fn cut(&self, client: usize) -> Vec<deadpeer_lab::router::RuleId> {
        let host = &self.lab.hosts()[1 + client];
        [
            Condition::any().from(host.end()),
            Condition::any().to(host.end()),
        ]
        .into_iter()
        .map(|when| {
            self.lab
                .wire()
                .add(Rule::new("cut", when, Action::Drop))
                .unwrap()
        })
        .collect()
    }

    /// The same of this one of its connections alone.
    pub(crate) fn cut_connection(&self, client: usize) -> deadpeer_lab::router::RuleId {
        let port = self.clients[client].local_addr().unwrap().port();
        let rule = Rule::new("cut", Condition::tcp().port(port), Action::Drop);
        self.lab.wire().add(rule).unwrap()
    }

    /// The client's connection carries a question and its answer.
    pub(crate) fn works(&mut self, client: usize) {
        let stream = &mut self.clients[client];
        stream.write_all(b"PING\r\n").unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
    }

    /// How many connections the server says it has.
    pub(crate) fn connected(&mut self, client: usize) -> usize {
        let stream = &mut self.clients[client];
        stream.write_all(b"INFO clients\r\n").unwrap();
        let mut answer = String::new();
        let mut bytes = [0; 4096];
        while !answer.contains("connected_clients:") || !answer.ends_with("\r\n\r\n") {
            let read = stream.read(&mut bytes).unwrap();
            answer.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            if read < bytes.len() && answer.contains("connected_clients:") {
                break;
            }
        }
        let (_, count) = answer.split_once("connected_clients:").unwrap();
        count.lines().next().unwrap().trim().parse().unwrap()
    }
}

impl Deref for Scene {
    type Target = Guarding;

    fn deref(&self) -> &Guarding {
        &self.guarding
    }
}

fn connect(server: &Host, client: &Host) -> TcpStream {
    let bound = Instant::now() + BOUND;
    loop {
        let stream = client
            .enter(|| TcpStream::connect((server.v4(), PORT)))
            .unwrap();
        match stream {
            Ok(stream) => {
                stream.set_read_timeout(Some(BOUND)).unwrap();
                return stream;
            }
            Err(error) => assert!(Instant::now() < bound, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn program(name: &str) -> Option<String> {
    let found =
        ["/usr/bin", "/usr/sbin", "/usr/local/bin"].map(|folder| format!("{folder}/{name}"));
    found.into_iter().find(|path| Path::new(path).exists())
}
