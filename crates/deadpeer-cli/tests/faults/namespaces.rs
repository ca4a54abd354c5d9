//! Sockets of other network namespaces, those of containers: left alone unless they are named, and what is said of them.

use deadpeer::SocketOptions;
use deadpeer_sys::testing::in_private_netns;

use crate::common::population::{Holder, pair};
use crate::common::run;

#[test]
fn they_are_not_meant_by_all_and_are_reached_by_their_number() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let (port, end) = (pair.port(), pair.address().to_string());
        // Born here, so in this namespace.
        let holder = Holder::plain(pair.server);
        let pid = holder.pid().to_string();
        in_private_netns(|| {
            for verb in [
                &["audit", "--within", "30s"][..],
                &["ping", "-c", "1"],
                &["kill", "--unreachable", "--yes"],
                &["protect", "--within", "30s", "--dry-run"],
            ] {
                let ran = run(&[verb, &["--port", &port]].concat());
                assert_eq!(ran.code, 3, "{verb:?}: {}{}", ran.stdout, ran.stderr);
                assert!(
                    ran.stdout.contains(" matches --port "),
                    "{verb:?}: {}",
                    ran.stdout
                );
                let inside = run(&[verb, &["--local", &end, "--netns", &pid]].concat());
                assert!(inside.stdout.contains(&end), "{verb:?}: {}", inside.stdout);
            }
        });
    });
}
