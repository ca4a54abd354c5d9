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

/// A program that hangs keeps those waiting that are asked with it, and nobody else.
#[test]
fn who_hangs_keeps_no_connection_that_nobody_is_asked_about() {
    inside(|| {
        let Some(mut scene) = Scene::new(2) else {
            return;
        };
        let first = scene.clients[0].local_addr().unwrap().ip();
        let enforce = policy("supervise = \"enforce\"\nkill = \"enforce\"");
        let enforce = enforce.replace("\"12s\"", "\"5s\"");
        scene.guard(&format!(
            "[[policy]]\nname = \"first\"\nmatch = {{ peer = \"{first}\" }}\ndeadline = \"5s\"\nsupervise = \"enforce\"\nkill = \"enforce\"\nhooks = {{ before-kill = [\"/bin/sleep\", \"100\"] }}\n{enforce}"
        ));
        scene.until("nobody is asked", |status| status["changed"] == 2);
        // Both are judged in the same sweep: a deadline after the hold.
        scene.ask("hold").unwrap();
        (0..2).for_each(|client| drop(scene.cut(client)));
        scene.until("they are not silent", |status| status["spared"] == 2);
        scene.ask("resume").unwrap();
        let hangs = "before-kill: it took more than 5 s";
        scene.until("nobody was asked", |_| scene.logged().contains(hangs));
        let log = scene.logged();
        let (before, _) = log.split_once(hangs).unwrap();
        assert!(before.contains("INFO destroyed policy=redis"), "{log}");
    });
}
