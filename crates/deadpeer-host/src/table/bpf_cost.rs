//! Whether it pays to ask the kernel by eBPF: its programs take a while to load, and then tell a
//! socket much faster.

use std::fs;

/// Whether a look through descriptors would take longer than loading programs, in the calling
/// thread's network namespace.
///
/// Looking for owners reads a link for every open file of the machine, and borrowing a socket takes
/// as long once more. So many of both take as long as the programs do to load: `cargo xtask bench
/// audit` shows both ways below, near and above it.
const LOOKS: u64 = 3_500;

pub(crate) fn bpf_pays() -> bool {
    open_files() + sockets() > LOOKS
}

/// The open files of the whole machine, about (Documentation/admin-guide/sysctl/fs.rst, file-nr).
fn open_files() -> u64 {
    let text = fs::read_to_string("/proc/sys/fs/file-nr").unwrap_or_default();
    first_number(&text)
}

/// The connections and listeners of the calling thread's network namespace (net/ipv4/proc.c,
/// `sockstat_seq_show`).
fn sockets() -> u64 {
    ["sockstat", "sockstat6"]
        .into_iter()
        .map(|file| fs::read_to_string(format!("/proc/thread-self/net/{file}")))
        .map(|text| in_use(&text.unwrap_or_default()))
        .sum()
}

fn in_use(text: &str) -> u64 {
    let mut lines = text.lines();
    let counted = lines.find_map(|line| {
        let line = line.strip_prefix("TCP")?;
        line.strip_prefix('6')
            .unwrap_or(line)
            .strip_prefix(": inuse ")
    });
    counted.map_or(0, first_number)
}

/// 0 where there is none: what can't be counted is taken for little.
fn first_number(text: &str) -> u64 {
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
        assert_eq!(in_use(v4), 17);
        assert_eq!(in_use("TCP6: inuse 5\nUDP6: inuse 2\n"), 5);
        assert_eq!(in_use("UDP6: inuse 2\n"), 0);
        assert_eq!(in_use(""), 0);
        assert_eq!(first_number("1017\t0\t2466183\n"), 1017);
        assert_eq!(first_number("none\n"), 0);
    }

    #[test]
    fn this_namespaces_sockets_are_counted_and_the_machines_files() {
        assert!(open_files() > 0);
        in_private_netns(|| {
            assert_eq!(sockets(), 0);
            let _v4 = TcpListener::bind("127.0.0.1:0").unwrap();
            let v6 = TcpListener::bind("[::1]:0");
            assert_eq!(sockets(), 1 + u64::from(v6.is_ok()));
        });
    }
}
