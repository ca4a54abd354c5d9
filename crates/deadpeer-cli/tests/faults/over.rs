//! TIME_WAIT, and what its program has closed: nobody waits for it, so no verb concerns itself with
//! it.

use std::time::{Duration, Instant};

use deadpeer::SocketOptions;
use deadpeer_sys::testing::in_private_netns;

use crate::common::population::pair;
use crate::common::{json, of_type, run};
use crate::{VERBS, assert_finds_nothing};

#[test]
fn what_is_over_is_shown_if_asked_for_and_otherwise_left_out() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let port = pair.port();
        drop(pair.listener);
        // Who closes first waits.
        drop(pair.client);
        drop(pair.server);
        let waiting = || {
            let args = ["audit", "--json", "--each", "--port", &port];
            of_type(
                &json(&[&args[..], &["--state", "time-wait"]].concat()),
                "connection",
            )
        };
        let is_over = || {
            let open = run(&["audit", "--port", &port]).stdout;
            open.contains(" matches --port ") && !waiting().is_empty()
        };
        let bound = Instant::now() + Duration::from_secs(30);
        while !is_over() {
            assert!(Instant::now() < bound, "never in TIME_WAIT");
        }
        assert_eq!(waiting()[0]["settings_from"], "nobody");
        for verb in VERBS {
            assert_finds_nothing(verb, &port);
        }
    });
}
