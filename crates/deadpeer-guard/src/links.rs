//! Which links carry our traffic: their loss is ours.

use std::fs;

use rustc_hash::FxHashSet;

/// Links with a route to more than one address. Those of single containers have none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Links(FxHashSet<Vec<u8>>);

impl Links {
    /// Those of the calling thread's network namespace.
    pub(crate) fn now() -> Self {
        let read = |file| fs::read_to_string(format!("/proc/thread-self/net/{file}"));
        let (v4, v6) = (read("route"), read("ipv6_route"));
        Self::of(&v4.unwrap_or_default(), &v6.unwrap_or_default())
    }

    /// As net/ipv4/fib_trie.c, `fib_route_seq_show`, and net/ipv6/route.c, `rt6_info_route`, write
    /// them.
    fn of(v4: &str, v6: &str) -> Self {
        let v4 = v4.lines().skip(1).filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (name, mask) = (words.first()?, words.get(7)?);
            (*mask != "FFFFFFFF").then_some(*name)
        });
        let v6 = v6.lines().filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (destination, length) = (words.first()?, words.get(1)?);
            let of_link = destination.starts_with("fe80") || destination.starts_with("ff");
            let name = words.last().filter(|name| **name != "lo")?;
            (*length != "80" && !of_link).then_some(*name)
        });
        Self(v4.chain(v6).map(|name| name.as_bytes().to_vec()).collect())
    }

    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.0.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_with_more_than_one_address_behind_them() {
        let v4 = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
                  eth0 00000000 0100A8C0 0003 0 0 0 00000000 0 0 0\n\
                  cali1 0500A8C0 00000000 0005 0 0 0 FFFFFFFF 0 0 0\n";
        let v6 = "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth1\n\
                  fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth2\n";
        let links = Links::of(v4, v6);
        for (name, has) in [
            ("eth0", true),
            ("cali1", false),
            ("eth1", true),
            ("eth2", false),
        ] {
            assert_eq!(links.has(name.as_bytes()), has, "{name}");
        }
    }
}
