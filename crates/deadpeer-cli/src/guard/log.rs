//! Where the guard's log goes, and how it looks.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::exit::Stop;

/// Log lines to the journal with fields of their own under systemd, else to stderr for people, or
/// as JSON lines. `DEADPEER_LOG` says from which level on: error, warn, info or debug.
pub(super) fn begin(json: bool) -> Result<(), Stop> {
    let level = match std::env::var("DEADPEER_LOG") {
        Ok(level) => level.parse::<LevelFilter>().map_err(|_| {
            Stop::because(format!(
                "DEADPEER_LOG={level}: it must be error, warn, info or debug"
            ))
        })?,
        Err(_) => LevelFilter::INFO,
    };
    let plain = fmt::layer().with_writer(io::stderr).with_target(false);
    let lines = registry().with(level);
    let begun = if json {
        lines.with(plain.json().flatten_event(true)).try_init()
    } else if let (true, Ok(journal)) = (is_journal(), tracing_journald::layer()) {
        lines.with(journal).try_init()
    } else {
        let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        lines.with(plain.with_ansi(color)).try_init()
    };
    begun.map_err(Stop::because)
}

/// Whether stderr goes to the journal (systemd.exec(5), `JOURNAL_STREAM`).
fn is_journal() -> bool {
    let Some(stream) = std::env::var("JOURNAL_STREAM").ok() else {
        return false;
    };
    let stat = rustix::fs::fstat(io::stderr());
    stat.is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}
