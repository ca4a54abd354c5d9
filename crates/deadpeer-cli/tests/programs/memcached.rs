//! memcached: keepalive on its listener, and everything else as the system has it.

use std::fs;

use deadpeer_sys::testing::skip;

use crate::audit::Audit;
use crate::program::{Program, ask, with_program};
use crate::settings::Settings;

const ADDRESS: &str = "127.0.0.1:11211";

#[test]
fn keepalive_follows_the_sysctls() {
    with_program("memcached", |executable| {
        let options = ["-l", "127.0.0.1", "-U", "0", "-u", "nobody"];
        let mut server = Program::start(executable, &options);
        let mut client = server.connect(ADDRESS);
        ask(&mut client, b"version\r\n", b"VERSION ");
        let audit = Audit::each(&["--process", "memcached"]);
        let system = Settings {
            so_keepalive: true,
            ..Settings::UNTOUCHED
        };
        audit.accepted(&client).check(&server, "memcached", system);
        audit.listener(ADDRESS).check(&server, "memcached", system);

        let sysctls = [("time", 300), ("intvl", 30), ("probes", 5)];
        for (name, value) in sysctls {
            let path = format!("/proc/sys/net/ipv4/tcp_keepalive_{name}");
            if let Err(error) = fs::write(path, value.to_string()) {
                return skip(&format!("sysctls cannot be written: {error}"));
            }
        }
        // What a program leaves to the system changes with it, but for the timer that runs already.
        let audit = Audit::each(&["--process", "memcached"]);
        let changed = Settings::keepalive(300, 30, 5);
        audit.listener(ADDRESS).check(&server, "memcached", changed);
        let accepted = audit.accepted(&client);
        assert_eq!(accepted.settings, Some(changed));
        assert_eq!(accepted.finding_codes(), ["armed-timer-differs"]);
        let mut second = server.connect(ADDRESS);
        ask(&mut second, b"version\r\n", b"VERSION ");
        let accepted = Audit::each(&[]).accepted(&second);
        accepted.check(&server, "memcached", changed);
        assert!(accepted.findings.is_empty(), "{accepted:?}");
    });
}
