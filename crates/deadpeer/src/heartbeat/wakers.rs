//! Who is to be woken.
//!
//! A transport remembers one task for each direction. But whoever polls a heartbeat does the work
//! of all: a reader sends pings, a writer reads pongs. So the transport and the timer are given one
//! waker, which wakes everybody who waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// What a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Read,
    Write,
    Watch,
}

const SIDES: usize = 3;

#[derive(Debug)]
pub(super) struct Wakers {
    waiting: Mutex<[Option<Waker>; SIDES]>,
    rung: AtomicBool,
}

/// Rung from the start: nobody has looked yet.
impl Default for Wakers {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            rung: AtomicBool::new(true),
        }
    }
}

impl Wakers {
    /// Remembers the task that waits for `side`. Comes before looking whether there is something,
    /// so that no call is lost.
    pub(super) fn register(&self, side: Side, waker: &Waker) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut waiting[side as usize];
        if !slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    /// Wakes who waits for one thing.
    pub(super) fn wake_side(&self, side: Side) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waker = waiting[side as usize].take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes everybody.
    pub(super) fn wake_all(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let wakers = std::mem::take(&mut *waiting);
        drop(waiting);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Whether the transport or the timer has called since [`answer`](Self::answer).
    pub(super) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    /// Somebody looks after what was rung for.
    pub(super) fn answer(&self) {
        self.rung.store(false, Ordering::Release);
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Task(AtomicBool);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_call_reaches_every_task_once() {
        let wakers = Arc::new(Wakers::default());
        let (reader, writer) = (Arc::new(Task::default()), Arc::new(Task::default()));
        wakers.register(Side::Read, &Arc::clone(&reader).into());
        wakers.register(Side::Write, &Arc::clone(&writer).into());
        let waker = Waker::from(Arc::clone(&wakers));
        waker.wake_by_ref();
        for task in [&reader, &writer] {
            assert!(task.0.swap(false, Ordering::Relaxed));
        }
        assert!(wakers.is_rung());
        wakers.answer();
        assert!(!wakers.is_rung());
        waker.wake();
        assert!(
            !reader.0.load(Ordering::Relaxed),
            "it does not wait any more"
        );
    }

    #[test]
    fn one_side_wakes_alone() {
        let wakers = Wakers::default();
        let (reader, writer) = (Arc::new(Task::default()), Arc::new(Task::default()));
        wakers.register(Side::Read, &Arc::clone(&reader).into());
        wakers.register(Side::Write, &Arc::clone(&writer).into());
        wakers.wake_side(Side::Write);
        assert!(!reader.0.load(Ordering::Relaxed) && writer.0.load(Ordering::Relaxed));
    }
}
