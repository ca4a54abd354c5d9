//! A program's sockets changed from outside, as an administrator's tool might do.

use deadpeer::{Apply as _, SocketOptions};
use deadpeer_sys::pidfd;

use crate::audit::Audit;
use crate::common::run;
use crate::program::with_program;
use crate::redis::{ADDRESS, ping, redis};
use crate::settings::Settings;

#[test]
fn what_came_too_late_for_open_connections_is_found() {
    with_program("redis-server", |executable| {
        let (mut server, first) = redis(executable, "0", ADDRESS);
        let listener = Audit::each(&[]).listener(ADDRESS);
        let [owner] = &listener.owners[..] else {
            panic!("{listener:?}");
        };
        let socket = pidfd::descriptor(pidfd::open(owner.pid).unwrap(), owner.fd).unwrap();
        let late = SocketOptions {
            keepalive: Some(true),
            keepidle_s: Some(40),
            user_timeout_ms: Some(90_000),
            ..SocketOptions::default()
        };
        late.apply(&socket).unwrap();
        drop(socket);
        let mut second = server.connect(ADDRESS);
        ping(&mut second);

        let audit = Audit::each(&[]);
        let set = Settings::keepalive(40, 75, 9).user_timeout_ms(90_000);
        audit
            .listener(ADDRESS)
            .check_owners(&server, &["redis-server"]);
        assert_eq!(audit.listener(ADDRESS).settings, Some(set));
        let first = audit.accepted(&first);
        first.check(&server, "redis-server", Settings::UNTOUCHED);
        assert_eq!(first.finding_codes(), ["not-inherited"]);
        assert_eq!(
            first.findings[0].options,
            ["SO_KEEPALIVE", "TCP_USER_TIMEOUT"]
        );
        let second = audit.accepted(&second);
        assert_eq!(second.settings, Some(set));
        assert!(
            !second.finding_codes().contains(&"not-inherited"),
            "{second:?}"
        );

        let grouped = run(&["audit", "--process", "redis-server"]).stdout;
        assert!(
            grouped.contains("SO_KEEPALIVE, TCP_USER_TIMEOUT"),
            "{grouped}"
        );
    });
}
