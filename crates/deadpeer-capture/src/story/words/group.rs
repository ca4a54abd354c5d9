//! Stories that are one as a sentence.

use std::time::Duration;

use crate::story::{Common, Forgets, Group, limits};

impl Group {
    /// One sentence for a person, without a full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        let count = many(self.connections.len());
        match self.what {
            Common::PortScan {
                client,
                server,
                ports,
            } => format!(
                "{count} SYNs of {client} to {} ports of {server}, one each, unanswered: a scan",
                many(ports)
            ),
            Common::HostScan {
                client,
                port,
                hosts,
            } => format!(
                "{count} SYNs of {client} to port {port} of {} hosts, one each, unanswered: a scan",
                many(hosts)
            ),
            Common::SynFlood { server, hosts } => format!(
                "{count} SYNs of {} hosts to {server}, one each, unanswered: a flood, or a server that is gone",
                many(hosts)
            ),
            Common::IdleReset { server, seconds } => {
                let users = limits::who(Duration::from_secs(seconds), Forgets::AtOnce);
                let users = match users.is_empty() {
                    true => String::new(),
                    false => format!("; {} use that", users.join(", ")),
                };
                format!(
                    "{count} connections to {server} reset after {seconds} s idle: looks like an idle timeout{users}"
                )
            }
        }
    }

    /// One word for filters, labels and JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.what {
            Common::PortScan { .. } => "port-scan",
            Common::HostScan { .. } => "host-scan",
            Common::SynFlood { .. } => "syn-flood",
            Common::IdleReset { .. } => "idle-reset",
        }
    }
}

/// A number with its thousands apart.
fn many(count: usize) -> String {
    let digits = count.to_string();
    let mut said = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    said
}
