//! Connections that deadpeer supervises in their own program.

use std::time::Duration;

use deadpeer::{Apply as _, Supervision};
use deadpeer_sys::testing::in_private_netns;

use crate::common::population::pair;
use crate::common::{json, of_type, run};

#[test]
fn they_are_shown_as_what_they_are_and_not_condemned() {
    in_private_netns(|| {
        let kernel = deadpeer::running_kernel().unwrap();
        let options = Supervision::within(Duration::from_secs(30)).options(&kernel);
        let pair = pair(&options);
        options.apply(&pair.client).unwrap();
        let port = pair.port();
        let ran = run(&["audit", "--within", "30s", "--port", &port]);
        assert_eq!(ran.code, 3, "{}", ran.stdout);
        assert!(
            ran.stdout.contains("supervised by its program"),
            "{}",
            ran.stdout
        );
        assert!(ran.stdout.contains(" program "), "{}", ran.stdout);
        assert!(!ran.stdout.contains("keepcnt"), "{}", ran.stdout);
        assert!(
            ran.stdout
                .contains("their programs supervise them (deadpeer), and decide"),
            "{}",
            ran.stdout
        );
        let lines = json(&["audit", "--json", "--within", "30s", "--port", &port]);
        let summary = &of_type(&lines, "summary")[0];
        assert_eq!(summary["supervised"], 3, "{summary}");
        assert_eq!(summary["connections_over_deadline"], 0, "{summary}");
        let worst = &of_type(&lines, "service")[0]["worst"];
        assert_eq!(worst["idle"]["notice"], "by_program", "{worst}");
    });
}
