//! Running this command again in an enclosure, and being interrupted there.

use std::time::Duration;

use deadpeer_lab::enclosure;
use deadpeer_sys::signals::Second;

use crate::drive::{interruption, pause};
use crate::exit::{Exit, Stop};

/// How long the command inside gets to clean up by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the same command in an enclosure and ends as it does.
///
/// A terminal sends its signals to both; a signal to this process alone ends everything inside
/// after the grace.
pub(crate) fn again() -> Result<Exit, Stop> {
    let interruption = interruption(Second::IsNoted)?;
    std::thread::spawn(move || {
        while !pause(Duration::from_secs(3600), Some(&interruption)) {}
        std::thread::sleep(GRACE);
        std::process::exit(Exit::Interrupted.code().into());
    });
    let status = enclosure::run(std::env::args_os().skip(1))
        .map_err(|error| Stop::because(error.to_string()))?;
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        // By a signal, which may have come to that one alone.
        Some(code) if code > 128 => std::process::exit(code.into()),
        Some(code) => Exit::of_code(code).ok_or_else(|| ended(status)),
        None => Err(ended(status)),
    }
}

fn ended(status: std::process::ExitStatus) -> Stop {
    Stop::because(format!("it ended without a result ({status})"))
}
