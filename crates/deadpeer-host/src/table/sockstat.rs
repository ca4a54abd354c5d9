//! How many TCP sockets a network namespace has, as the kernel counts them (net/ipv4/proc.c,
//! `sockstat_seq_show`).

use std::fmt::Display;
use std::fs;

/// The sockets of one network namespace, of IPv4 and IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sockstat {
    /// Connections and listeners that the table has: those in a listener's queue and those that no
    /// descriptor is left of included, connection requests and TIME_WAIT not.
    pub(super) in_use: u64,
    /// Those in TIME_WAIT, and in FIN_WAIT2 without an owner, which is kept like it.
    pub(super) time_wait: u64,
}

impl Sockstat {
    /// Of the calling thread's network namespace; `None`: it can't be read.
    pub(super) fn here() -> Option<Self> {
        Self::of("thread-self")
    }

    /// Of the network namespace of a process; `None`: it can't be read.
    pub(super) fn of(process: impl Display) -> Option<Self> {
        let read = |file| fs::read_to_string(format!("/proc/{process}/net/{file}"));
        let v4 = read("sockstat").ok()?;
        // Kernels without IPv6 lack it.
        let v6 = read("sockstat6").unwrap_or_default();
        Some(Self {
            in_use: count(&v4, "inuse") + count(&v6, "inuse"),
            time_wait: count(&v4, "tw"),
        })
    }
}

/// What follows a word in the line of TCP.
fn count(text: &str, word: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with("TCP"));
    let mut words = line.unwrap_or_default().split_whitespace();
    words.find(|known| *known == word);
    first_number(words.next().unwrap_or_default())
}

/// 0 where there is none: what can't be counted is taken for little.
pub(super) fn first_number(text: &str) -> u64 {
    let mut words = text.split_whitespace();
    words.next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use deadpeer_sys::testing::in_private_netns;

    use super::*;

    #[test]
    fn the_kernels_words() {
        let v4 =
            "sockets: used 24\nTCP: inuse 17 orphan 3 tw 9 alloc 21 mem 1\nUDP: inuse 2 mem 0\n";
        assert_eq!((count(v4, "inuse"), count(v4, "tw")), (17, 9));
        assert_eq!(count("TCP6: inuse 5\nUDP6: inuse 2\n", "inuse"), 5);
        assert_eq!(count("UDP6: inuse 2\n", "inuse"), 0);
        assert_eq!(count("", "inuse"), 0);
        assert_eq!(first_number("1017\t0\t2466183\n"), 1017);
        assert_eq!(first_number("none\n"), 0);
    }

    #[test]
    fn a_namespaces_sockets_are_counted() {
        let in_use = || Sockstat::here().unwrap().in_use;
        in_private_netns(|| {
            assert_eq!(in_use(), 0);
            let _v4 = TcpListener::bind("127.0.0.1:0").unwrap();
            let v6 = TcpListener::bind("[::1]:0");
            assert_eq!(in_use(), 1 + u64::from(v6.is_ok()));
        });
    }
}
