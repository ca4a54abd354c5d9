//! One after the other: whoever changes sockets of a network namespace keeps the others out.

use std::time::{Duration, Instant};

use deadpeer_host::{Namespace, NetnsLock};

use crate::drive::pause;
use crate::exit::Stop;

/// So long another is waited for: a question takes a second or so.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until nobody else changes sockets of this namespace, and keeps others out as long as what
/// this returns lives.
pub(crate) fn alone(namespace: &Namespace) -> Result<NetnsLock, Stop> {
    let begun = Instant::now();
    loop {
        let lock = namespace.lock()?;
        if let Some(lock) = lock {
            return Ok(lock);
        }
        if begun.elapsed() >= PATIENCE {
            let who = (namespace.locked_by()).map_or_else(String::new, |pid| format!(" ({pid})"));
            return Err(Stop::because(format!(
                "another process{who} is changing sockets of this network namespace: run this again when it is done (nothing was changed)"
            )));
        }
        pause(Duration::from_millis(20), None);
    }
}
