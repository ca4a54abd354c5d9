//! What tests need that use the lab.
//!
//! Behind the feature `testing`; no product code sees it.

use deadpeer_sys::testing::{heed_signals, skip};

use crate::enclosure::{self, EnclosureError};
use crate::error::LabError;
use crate::router::{Action, Condition, Rule};
use crate::{Host, Lab};

/// Runs the body of a test inside an enclosure, in a process of its own that runs the same test
/// again. Skips it where none can be made.
///
/// # Panics
/// If the test failed inside, or the closure was not written in it; instead of skipping if
/// `DEADPEER_NO_SKIP=1`.
pub fn inside<F: FnOnce()>(body: F) {
    if enclosure::current().is_some() {
        return body();
    }
    heed_signals();
    let test = test_of::<F>();
    // Of another name nothing would run, and nothing fail. A thread of a test has its name, but
    // for the main thread.
    if let Some(running) = std::thread::current().name().filter(|name| *name != "main") {
        assert_eq!(test, running, "the closure has to be written in the test");
    }
    // Whoever runs an ignored test means it.
    let only = ["--exact", test, "--include-ignored"];
    let way = ["--nocapture", "--test-threads=1"];
    match enclosure::run(only.into_iter().chain(way)) {
        Ok(status) => assert!(status.success(), "{test} inside its enclosure: {status}"),
        Err(EnclosureError::Refused { source }) => {
            skip(&format!("no private namespaces here: {source}"));
        }
        Err(error) => panic!("{error}"),
    }
}

/// The test that a closure was written in: `binary::test::{{closure}}`.
fn test_of<F>() -> &'static str {
    let name = std::any::type_name::<F>();
    let name = name.split_once("::").map_or(name, |(_, rest)| rest);
    name.strip_suffix("::{{closure}}").unwrap_or(name)
}

/// Does this to every packet that the host sends or is sent.
///
/// # Errors
/// The wire has failed.
pub fn on_every_packet(lab: &Lab, host: &Host, action: Action) -> Result<(), LabError> {
    let ways = [
        Condition::any().from(host.end()),
        Condition::any().to(host.end()),
    ];
    for when in ways {
        lab.wire().add(Rule::new(host.name(), when, action))?;
    }
    Ok(())
}

/// The host loses its power: nothing comes from it or reaches it any more.
///
/// # Errors
/// The wire has failed.
pub fn power_off(lab: &Lab, host: &Host) -> Result<(), LabError> {
    on_every_packet(lab, host, Action::Drop)
}
