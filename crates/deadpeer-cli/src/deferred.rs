//! Signals to end that wait until something borrowed is given back.

use crate::exit::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_default};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// While it is there, a first signal is only noted. A second ends the process, as every one does afterwards.
#[derive(Debug)]
pub(crate) struct Deferred {
    came: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Deferred {
    pub(crate) fn begin() -> Result<Self, Stop> {
        let deferred = Self {
            came: Arc::default(),
            over: Arc::default(),
        };
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: what the first two ask is how things stood before this signal.
            register_conditional_default(signal, Arc::clone(&deferred.over))
                .and_then(|_| register_conditional_default(signal, Arc::clone(&deferred.came)))
                .and_then(|_| register(signal, Arc::clone(&deferred.came)))
                .map_err(|error| Stop::because(format!("cannot wait for signals: {error}")))?;
        }
        Ok(deferred)
    }

    /// Ends it. Returns whether a signal came.
    pub(crate) fn end(self) -> bool {
        self.over.store(true, Ordering::Relaxed);
        self.came.load(Ordering::Relaxed)
    }
}
