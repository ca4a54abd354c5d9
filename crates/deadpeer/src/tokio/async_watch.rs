//! A watch in a task, and its handles in others.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::tokio::io::unix::AsyncFd;

use super::registered;
use crate::{AddError, Event, Watch, WatchError};

/// A [`Watch`] as a tokio task owns it.
///
/// The task waits for events; any other may add and remove sockets through a [`WatchHandle`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use deadpeer::{Supervision, Watch};
/// # use std::time::Duration;
///
/// let supervision = Supervision::within(Duration::from_secs(30));
/// let mut watch = deadpeer::tokio::AsyncWatch::new(Watch::supervised(supervision)?)?;
/// let handle = watch.handle();
/// tokio::spawn(async move {
///     let stream = tokio::net::TcpStream::connect("localhost:8888").await?;
///     handle.add(&stream, 7)?;
/// #   std::io::Result::Ok(())
/// });
/// loop {
///     let event = watch.next().await?;
///     println!("connection {}: {:?}", event.key, event.news);
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncWatch {
    watch: AsyncFd<WatchHandle>,
    events: Vec<Event>,
}

/// Reaches a [`Watch`] that a task waits for. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WatchHandle {
    watch: Arc<Mutex<Watch>>,
    /// The descriptor of the watch, for as long as it lives.
    number: RawFd,
}

impl WatchHandle {
    /// As [`Watch::add`].
    ///
    /// # Errors
    /// See [`AddError`].
    pub fn add(&self, socket: impl AsFd, key: u64) -> Result<(), AddError> {
        self.lock().add(socket, key)
    }

    /// As [`Watch::remove`].
    pub fn remove(&self, socket: impl AsFd) -> bool {
        self.lock().remove(socket)
    }

    /// The watch itself, for everything else. The task that waits for events stands still
    /// meanwhile: don't hold it across an await, and leave [`Watch::wait`] to the task.
    pub fn lock(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRawFd for WatchHandle {
    fn as_raw_fd(&self) -> RawFd {
        self.number
    }
}

impl AsyncWatch {
    /// Hands a watch to the runtime of the calling task.
    ///
    /// # Errors
    /// See [`WatchError`].
    ///
    /// # Panics
    /// Outside a runtime with its I/O driver enabled.
    pub fn new(watch: Watch) -> Result<Self, WatchError> {
        let number = watch.as_raw_fd();
        let watch = Arc::new(Mutex::new(watch));
        Ok(Self {
            watch: registered(WatchHandle { watch, number })?,
            events: Vec::new(),
        })
    }

    /// A handle for other tasks.
    #[must_use]
    pub fn handle(&self) -> WatchHandle {
        self.watch.get_ref().clone()
    }

    /// The watch, to add and remove sockets. Its [`wait`](Watch::wait) is [`next`](Self::next)
    /// here.
    pub fn watch(&mut self) -> MutexGuard<'_, Watch> {
        self.watch.get_ref().lock()
    }

    /// The next event. Dropping the future loses none.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub async fn next(&mut self) -> Result<Event, WatchError> {
        loop {
            if let Some(event) = self.events.pop() {
                return Ok(event);
            }
            let ready = self.watch.readable().await;
            let mut ready = ready.map_err(|_| WatchError::Runtime)?;
            let mut watch = ready.get_inner().lock();
            watch.wait(&mut self.events, Some(Duration::ZERO))?;
            drop(watch);
            if self.events.is_empty() {
                ready.clear_ready();
            }
            // The last is handed out first.
            self.events.reverse();
        }
    }
}
