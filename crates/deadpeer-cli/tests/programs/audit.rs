//! What `deadpeer audit` shows, and whether it is true.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::common::run;
use crate::program::{Holder, Program};
use crate::settings::Settings;

/// The JSON lines of one run.
#[derive(Debug)]
pub(crate) struct Audit {
    pub(crate) code: i32,
    pub(crate) lines: Vec<Value>,
}

/// A connection or a listener of `audit --each`.
#[derive(Debug, Deserialize)]
pub(crate) struct Socket {
    pub(crate) local: String,
    peer: Option<String>,
    inode: Option<u32>,
    pub(crate) owners: Vec<Holder>,
    pub(crate) settings: Option<Settings>,
    settings_from: String,
    pub(crate) notices_in: Option<Forecast>,
    pub(crate) timer: Option<Timer>,
    pub(crate) over_deadline: Option<bool>,
    pub(crate) findings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Forecast {
    pub(crate) idle: Outlook,
    pub(crate) in_flight: Outlook,
    late_write: Outlook,
    lost_probes_survived: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Outlook {
    pub(crate) worst: Notice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub(crate) enum Notice {
    Within { earliest_ms: u64, latest_ms: u64 },
    Never,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Timer {
    kind: String,
    expires_in_ms: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Finding {
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) options: Vec<String>,
}

impl Audit {
    /// Every socket of the namespace, or those that the further arguments choose.
    pub(crate) fn each(args: &[&str]) -> Self {
        Self::of(&[&["--each"], args].concat())
    }

    /// By service.
    pub(crate) fn grouped(args: &[&str]) -> Self {
        Self::of(args)
    }

    fn of(args: &[&str]) -> Self {
        let ran = run(&[&["audit", "--json"], args].concat());
        assert_eq!(ran.stderr, "");
        let lines = ran.stdout.lines();
        Self {
            code: ran.code,
            lines: lines
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        }
    }

    /// The listener on this address.
    pub(crate) fn listener(&self, address: &str) -> Socket {
        self.only(&|line| line["type"] == "listener" && line["local"] == address)
    }

    /// The program's end of this client's connection.
    pub(crate) fn accepted(&self, client: &TcpStream) -> Socket {
        let local = client.peer_addr().unwrap().to_string();
        let peer = client.local_addr().unwrap().to_string();
        self.only(&|line| line["local"] == local && line["peer"] == peer)
    }

    fn only(&self, is: &dyn Fn(&Value) -> bool) -> Socket {
        let mut lines = self.lines.iter().filter(|line| is(line));
        match (lines.next(), lines.next()) {
            (Some(line), None) => Socket::deserialize(line).unwrap(),
            other => panic!("one such line, not {other:?}, in {:#?}", self.lines),
        }
    }

    /// A number of the summary.
    pub(crate) fn summary(&self, field: &str) -> u64 {
        let summary = self.lines.iter().find(|line| line["type"] == "summary");
        summary.unwrap()[field].as_u64().unwrap()
    }
}

impl Socket {
    /// Compares all that is shown with what is true: who holds the socket, the options that were
    /// configured, and what follows from them.
    pub(crate) fn check(&self, program: &Program, name: &str, configured: Settings) {
        self.check_owners(program, &[name]);
        self.check_settings(configured);
    }

    /// Compares the owners with /proc, and their names with these.
    pub(crate) fn check_owners(&self, program: &Program, names: &[&str]) {
        let mut owners = self.owners.clone();
        owners.sort();
        let inode = self.inode.expect("a program holds it");
        assert_eq!(owners, program.holders(inode), "{}", self.local);
        assert!(!owners.is_empty(), "{}", self.local);
        let named = |owner: &Holder| names.contains(&owner.process.as_str());
        assert!(owners.iter().all(named), "{owners:?}");
    }

    /// Compares the settings, the forecast and the armed timer with the configuration.
    pub(crate) fn check_settings(&self, configured: Settings) {
        assert_eq!(self.settings, Some(configured), "{}", self.local);
        assert_eq!(self.settings_from, "socket");
        let forecast = self.notices_in.as_ref().unwrap();
        let (idle_ms, in_flight_ms) = (configured.idle_ms(), configured.in_flight_ms());
        let wait_ms = configured.last_wait_ms();
        assert_near(forecast.idle.worst, idle_ms, 0);
        assert_near(forecast.in_flight.worst, Some(in_flight_ms), wait_ms);
        assert_near(
            forecast.late_write.worst,
            idle_ms.map(|idle| idle + in_flight_ms),
            wait_ms,
        );
        assert_eq!(
            forecast.lost_probes_survived,
            configured.lost_probes_survived()
        );
        if self.peer.is_some() {
            self.check_timer(configured);
        }
    }

    /// An idle connection has the keepalive timer if and only if keepalive is on; another timer
    /// hides it.
    fn check_timer(&self, configured: Settings) {
        let idle_ms = 1000 * u64::from(configured.tcp_keepidle_s);
        match &self.timer {
            None => assert!(!configured.so_keepalive),
            Some(timer) if timer.kind == "keepalive" => {
                assert!(
                    configured.so_keepalive && timer.expires_in_ms <= idle_ms,
                    "{timer:?}"
                );
            }
            Some(_) => {}
        }
    }

    /// Whether keepalive's timer is the one that is shown: nothing is in flight.
    pub(crate) fn waits_for_keepalive(&self) -> bool {
        self.timer
            .as_ref()
            .is_some_and(|timer| timer.kind == "keepalive")
    }

    /// The words for what is odd about it.
    pub(crate) fn finding_codes(&self) -> Vec<&str> {
        let findings = self.findings.iter();
        findings.map(|finding| finding.code.as_str()).collect()
    }
}

impl Notice {
    /// The latest moment, milliseconds; `None`: never.
    pub(crate) fn latest_ms(self) -> Option<u64> {
        match self {
            Self::Within { latest_ms, .. } => Some(latest_ms),
            Self::Never => None,
        }
    }
}

/// Looks again and again until `is` holds of the program's end of a connection.
pub(crate) fn wait_until(client: &TcpStream, is: impl Fn(&Socket) -> bool) -> Socket {
    let bound = Instant::now() + Duration::from_secs(10);
    loop {
        let socket = Audit::each(&[]).accepted(client);
        if is(&socket) {
            return socket;
        }
        assert!(Instant::now() < bound, "{socket:?}");
    }
}

/// Compares a forecast with what it were if timers were exact and the network took no time. The
/// kernel's timers are late by an eighth at most, retransmission begins after up to a second on
/// loopback, and where its waits end short of the limit there is one more.
fn assert_near(worst: Notice, exact_ms: Option<u64>, wait_ms: u64) {
    match (worst, exact_ms) {
        (Notice::Never, None) => {}
        (
            Notice::Within {
                earliest_ms,
                latest_ms,
            },
            Some(exact_ms),
        ) => {
            assert!(
                earliest_ms + 20 >= exact_ms,
                "{worst:?}, exactly {exact_ms}"
            );
            let late_ms = exact_ms / 8 + 1000 + wait_ms;
            assert!(
                (exact_ms..=exact_ms + late_ms).contains(&latest_ms),
                "{worst:?}, exactly {exact_ms}"
            );
        }
        (worst, exact_ms) => panic!("{worst:?}, exactly {exact_ms:?}"),
    }
}
