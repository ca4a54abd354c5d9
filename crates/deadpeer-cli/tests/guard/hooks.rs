//! A program that is asked before each kill.

use std::fs;

use deadpeer_lab::testing::inside;

use crate::scene::{Scene, policy};

/// As long as it refuses, the connection is spared; it is asked again after another deadline.
#[test]
fn who_refuses_spares() {
    inside(|| {
        let Some(mut scene) = Scene::new(1) else {
            return;
        };
        let file = scene.directory().join("agrees");
        let hook = format!("[\"/usr/bin/test\", \"-e\", \"{}\"]", file.display());
        scene.guard(&policy(&format!(
            "supervise = \"enforce\"\nkill = \"enforce\"\nhooks = {{ before-kill = {hook} }}"
        )));
        scene.until("nobody is asked", |status| status["changed"] == 1);
        scene.cut(0);
        let spared = scene.until("it was not asked", |status| status["spared"] == 1);
        assert_eq!(spared["destroyed"], 0, "{spared}");
        let line = "let live: its before-kill program did not agree policy=redis";
        assert_eq!(scene.logged().matches(line).count(), 1);
        let series = "deadpeer_spared_total{policy=\"redis\",why=\"hook\"} 1";
        assert!(scene.get("/metrics").contains(series));
        fs::write(&file, "").unwrap();
        scene.until("it was not asked again", |status| status["destroyed"] == 1);
        assert_eq!(scene.logged().matches(line).count(), 1);
    });
}
