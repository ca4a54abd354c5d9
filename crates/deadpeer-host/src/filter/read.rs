//! The values of a filter as text: what a command line and a configuration have in common.

use std::fmt::Display;
use std::str::FromStr;

use deadpeer_core::TcpState;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Reads the number of a process.
///
/// # Errors
/// What a pid is, in words.
pub fn pid(text: &str) -> Result<u32, &'static str> {
    let pid = text.parse().ok();
    pid.filter(|pid| (1..=i32::MAX as u32).contains(pid))
        .ok_or("a pid is a positive number")
}

/// Reads a port: a number, or the name of a TCP service in `/etc/services` (services(5)).
///
/// # Errors
/// What a port is, in words.
pub fn port(text: &str) -> Result<u16, &'static str> {
    let number = text.parse().ok().filter(|port| *port > 0);
    let service = || service(&std::fs::read_to_string("/etc/services").ok()?, text);
    number
        .or_else(service)
        .ok_or("a port is a number from 1 to 65535, or the name of a TCP service in /etc/services")
}

/// The port of a service, by its name or one of its other names.
fn service(services: &str, name: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (first, end) = (words.next()?, words.next()?);
        let port = end.strip_suffix("/tcp")?.parse().ok()?;
        (first == name || words.any(|other| other == name)).then_some(port)
    })
}

/// Reads the name of a state, such as `established` or `listen`, as deadpeer, ss(8), netstat(8) or
/// lsof(8) write it, in any case.
///
/// # Errors
/// No state has this name.
pub fn state(text: &str) -> Result<TcpState, &'static str> {
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '_'], "");
    let typed = plain(text);
    let mut all = TcpState::ALL.into_iter();
    let named = all.find(|state| plain(state.name()) == typed);
    let other = || OTHER_NAMES.iter().find(|(name, _)| *name == typed);
    named
        .or_else(|| other().map(|(_, state)| *state))
        .ok_or("there is no such state")
}

/// Names of other tools that differ by more than case and marks between words.
const OTHER_NAMES: [(&str, TcpState); 5] = [
    ("estab", TcpState::Established),
    ("synreceived", TcpState::SynRecv),
    ("unconn", TcpState::Close),
    ("closed", TcpState::Close),
    ("listening", TcpState::Listen),
];

/// One value, or a list of them.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, a number, or a list of them")]
enum Values {
    One(Value),
    Many(Vec<Value>),
}

/// A text, or a number that need not be written as one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Number(u64),
    Text(String),
}

fn all<'de, D: Deserializer<'de>, T, E: Display>(
    deserializer: D,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, D::Error> {
    let values = match Values::deserialize(deserializer)? {
        Values::One(value) => vec![value],
        Values::Many(values) => values,
    };
    let texts = values.into_iter().map(|value| match value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text,
    });
    texts
        .map(|text| match text.is_empty() {
            true => Err(D::Error::custom("an empty text matches nothing")),
            false => read(&text).map_err(|error| D::Error::custom(format!("{text}: {error}"))),
        })
        .collect()
}

pub(super) fn each<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    all(deserializer, T::from_str)
}

pub(super) fn pids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    all(deserializer, pid)
}

pub(super) fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u16>, D::Error> {
    all(deserializer, port)
}

pub(super) fn states<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<TcpState>, D::Error> {
    all(deserializer, state)
}

#[cfg(test)]
mod tests {
    use deadpeer_core::TcpState;
    use serde_json::json;

    use crate::filter::{Container, Glob, Selector, User};

    fn read(configuration: serde_json::Value) -> Result<Selector, String> {
        serde_json::from_value(configuration).map_err(|error| error.to_string())
    }

    #[test]
    fn every_filter_can_be_written_down() {
        let written = read(json!({
            "pid": [1, "77"],
            "process": "postgres*",
            "port": 5432,
            "local": ["10.0.0.0/8", ":80"],
            "peer": "[::1]:443",
            "state": ["established", "listen"],
            "user": [0, "www-data"],
            "cgroup": "system.slice/*.service",
            "container": ["0123456789ab", "pod-name"],
        }))
        .unwrap();
        // A filter that is new must be written above, too.
        let Selector {
            pids,
            processes,
            ports,
            local,
            peer,
            states,
            users,
            cgroups,
            containers,
        } = written;
        assert_eq!(pids, [1, 77]);
        assert_eq!(processes, [Glob::new(*b"postgres*")]);
        assert_eq!(ports, [5432]);
        assert_eq!(
            local,
            ["10.0.0.0/8", ":80"].map(|text| text.parse().unwrap())
        );
        assert_eq!(peer, ["[::1]:443".parse().unwrap()]);
        assert_eq!(
            states,
            ["established", "listen"].map(|name| super::state(name).unwrap())
        );
        assert_eq!(users, [User::Id(0), User::Name("www-data".into())]);
        assert_eq!(
            cgroups,
            [std::path::PathBuf::from("system.slice/*.service")]
        );
        let names = ["0123456789ab", "pod-name"];
        assert_eq!(containers, names.map(Container::new));
    }

    #[test]
    fn states_of_ss_netstat_and_lsof() {
        for (name, meant) in [
            ("ESTAB", TcpState::Established),
            ("ESTABLISHED", TcpState::Established),
            ("SYN-SENT", TcpState::SynSent),
            ("SYN_RECV", TcpState::SynRecv),
            ("syn_received", TcpState::SynRecv),
            ("FIN-WAIT-1", TcpState::FinWait1),
            ("FIN_WAIT1", TcpState::FinWait1),
            ("FIN_WAIT_2", TcpState::FinWait2),
            ("TIME_WAIT", TcpState::TimeWait),
            ("UNCONN", TcpState::Close),
            ("CLOSE_WAIT", TcpState::CloseWait),
            ("LAST_ACK", TcpState::LastAck),
            ("LISTEN", TcpState::Listen),
            ("CLOSING", TcpState::Closing),
        ] {
            assert_eq!(super::state(name), Ok(meant), "{name}");
        }
    }

    #[test]
    fn services_are_ports() {
        let services =
            "# none\nhttp  80/tcp  www # WorldWideWeb\nsyslog 514/udp\nshell 514/tcp cmd syslog\n";
        assert_eq!(super::service(services, "http"), Some(80));
        assert_eq!(super::service(services, "www"), Some(80));
        assert_eq!(super::service(services, "syslog"), Some(514));
        assert_eq!(super::service(services, "none"), None);
    }

    #[test]
    fn nothing_written_is_everything() {
        assert_eq!(read(json!({})).unwrap(), Selector::default());
    }

    #[test]
    fn what_can_match_nothing_is_refused() {
        for (configuration, said) in [
            (json!({ "ports": 80 }), "unknown field `ports`"),
            (
                json!({ "port": 0 }),
                "0: a port is a number from 1 to 65535",
            ),
            (json!({ "pid": "self" }), "self: a pid is a positive number"),
            (json!({ "state": "open" }), "open: there is no such state"),
            (json!({ "peer": ["here"] }), "here: "),
            (json!({ "process": "" }), "an empty text matches nothing"),
            (
                json!({ "user": { "id": 0 } }),
                "a text, a number, or a list of them",
            ),
        ] {
            let error = read(configuration.clone()).unwrap_err();
            assert!(error.contains(said), "{configuration}: {error}");
        }
    }
}
