//! How connections end: what shows, what is told, and that nothing is taken from the application.

#[cfg(feature = "tokio")]
mod asynchronous;
mod died;
mod errors;
mod scenes;

use std::time::{Duration, Instant};

/// Asks again and again, for ten seconds at most.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
