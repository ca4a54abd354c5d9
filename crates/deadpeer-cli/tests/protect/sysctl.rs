//! A sysctl on record: shown, put back, or left to who has set it since. `tests/kernels` sets it
//! where a kernel needs that.

use std::path::PathBuf;

use deadpeer_sys::sysctl;
use deadpeer_sys::testing::in_private_netns;
use serde_json::{Value, json};

use crate::sockets::Undo;

const NAME: &str = "net.ipv4.tcp_retries2";

fn now() -> u32 {
    sysctl::get("tcp_retries2").unwrap()
}

/// What a run that set it from 15 to 4 leaves.
fn on_record(undo: &Undo, name: &str) -> PathBuf {
    let table = deadpeer_host::Table::open(&deadpeer_host::Namespace::Own).unwrap();
    let boot = deadpeer_host::undo::boot_id().unwrap();
    let record = deadpeer_host::undo::Record::new(boot, table.namespace(), Some(30_000));
    let mut record = serde_json::to_value(&record).unwrap();
    record["sysctls"] = json!([{"sysctl": name, "before": 15, "after": 4}]);
    let file = undo.folder().join("protect-1-1.undo.json");
    std::fs::create_dir_all(undo.folder()).unwrap();
    std::fs::write(&file, record.to_string()).unwrap();
    file
}

fn fate(undone: &Value) -> (Value, Value) {
    let came_of_it = &undone["sysctls"][0];
    (came_of_it["fate"].clone(), came_of_it["now"].clone())
}

#[test]
fn it_is_listed_and_put_back() {
    in_private_netns(|| {
        let undo = Undo::new();
        sysctl::write("tcp_retries2", 4).unwrap();
        let file = on_record(&undo, NAME);
        let listed = undo.protect(&["--list"]).stdout;
        let words = listed.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&format!("{NAME} = 4 from 15")), "{listed}");
        let asked = undo.protect(&["--undo", file.to_str().unwrap(), "--dry-run"]);
        assert!(asked.stdout.contains(NAME), "{}", asked.stdout);
        assert_eq!((asked.code, now()), (0, 4));
        assert_eq!(fate(&undo.undo(&[])), (json!("restored"), json!(15)));
        assert_eq!((now(), file.exists()), (15, false));
    });
}

#[test]
fn somebody_elses_value_stays_and_is_named() {
    in_private_netns(|| {
        let undo = Undo::new();
        on_record(&undo, NAME);
        sysctl::write("tcp_retries2", 8).unwrap();
        assert_eq!(fate(&undo.undo(&[])), (json!("overtaken"), json!(8)));
        assert_eq!(now(), 8);
        let file = on_record(&undo, NAME);
        let undone = undo.protect(&["--undo", file.to_str().unwrap(), "--yes"]);
        let said = format!("{NAME} is 8, not 4 as it was set");
        assert!(undone.stdout.contains(&said), "{}", undone.stdout);
    });
}

#[test]
fn a_record_of_any_other_sysctl_is_refused() {
    in_private_netns(|| {
        let undo = Undo::new();
        let file = on_record(&undo, "kernel.core_pattern");
        let refused = undo.protect(&["--undo", file.to_str().unwrap(), "--yes"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
        assert!(
            refused.stderr.contains("is not an undo file"),
            "{}",
            refused.stderr
        );
    });
}
