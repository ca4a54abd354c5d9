//! Running this command again in an enclosure, and being interrupted there.

use crate::exit::{Exit, Stop};
use deadpeer_lab::enclosure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How long the command inside gets to clean up by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the same command in an enclosure and ends as it does.
///
/// A terminal sends its signals to both; a signal to this process alone ends everything inside after the grace.
pub(crate) fn again() -> Result<Exit, Stop> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(unwatched)?;
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            std::thread::sleep(GRACE);
            std::process::exit(128 + signal);
        }
    });
    let status = enclosure::run(std::env::args_os().skip(1))
        .map_err(|error| Stop::because(error.to_string()))?;
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code) => Exit::of_code(code).ok_or_else(|| ended(status)),
        None => Err(ended(status)),
    }
}

/// A flag that is set by the first signal to end.
pub(crate) fn interruption() -> Result<Arc<AtomicBool>, Stop> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(unwatched)?;
    }
    Ok(flag)
}

fn unwatched(error: std::io::Error) -> Stop {
    Stop::because(format!("cannot watch for signals: {error}"))
}

fn ended(status: std::process::ExitStatus) -> Stop {
    Stop::because(format!("it ended without a result ({status})"))
}
