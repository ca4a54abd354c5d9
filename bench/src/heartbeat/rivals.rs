//! What people use: a queue of delays, a tree of deadlines, a task for each connection.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key;

use super::contender::{DEADLINE, Deadlines};

/// Deadlines in order, and the deadline of each connection to find its place.
pub(super) struct Tree {
    order: BTreeSet<(Duration, u32)>,
    deadlines: Vec<Duration>,
}

impl Tree {
    pub(super) fn new(connections: u32) -> (Self, Vec<u32>) {
        let joined = |connection| Duration::from_secs(1) / connections * connection + DEADLINE;
        let deadlines: Vec<Duration> = (0..connections).map(joined).collect();
        let order = deadlines.iter().copied().zip(0..).collect();
        (Self { order, deadlines }, (0..connections).collect())
    }
}

impl Deadlines for Tree {
    type Handle = u32;

    fn hear(&mut self, connection: u32, now: Duration) {
        let deadline = &mut self.deadlines[connection as usize];
        self.order.remove(&(*deadline, connection));
        *deadline = now + DEADLINE;
        self.order.insert((*deadline, connection));
    }

    fn pass(&mut self, now: Duration) -> u32 {
        let mut silent = 0;
        while let Some((deadline, connection)) = self.order.first().copied() {
            if deadline > now {
                break;
            }
            self.order.pop_first();
            black_box(connection);
            silent += 1;
        }
        silent
    }
}

/// tokio-util's queue, on tokio's stopped clock.
pub(super) struct Queue(DelayQueue<u32>);

impl Queue {
    pub(super) fn new(connections: u32) -> (Self, Vec<Key>) {
        let mut queue = DelayQueue::new();
        let keys = (0..connections)
            .map(|connection| {
                let joined = Duration::from_secs(1) / connections * connection;
                queue.insert(connection, joined + DEADLINE)
            })
            .collect();
        (Self(queue), keys)
    }

    pub(super) fn hear(&mut self, connection: Key) {
        self.0.reset(&connection, DEADLINE);
    }

    pub(super) async fn pass(&mut self) -> u32 {
        let mut silent = 0;
        poll_fn(|context| {
            while let Poll::Ready(Some(expired)) = self.0.poll_expired(context) {
                black_box(expired);
                silent += 1;
            }
            Poll::Ready(())
        })
        .await;
        silent
    }
}

/// A task for each connection that sleeps until its deadline or until it is heard.
pub(super) struct Tasks {
    heard: Arc<[Notify]>,
    silent: Arc<AtomicU32>,
}

impl Tasks {
    pub(super) fn new(connections: u32) -> (Self, Vec<u32>) {
        let heard: Arc<[Notify]> = (0..connections).map(|_| Notify::new()).collect();
        let silent = Arc::new(AtomicU32::new(0));
        for connection in 0..connections {
            let joined = Duration::from_secs(1) / connections * connection;
            tokio::spawn(wait(
                Arc::clone(&heard),
                connection,
                Instant::now() + joined + DEADLINE,
                Arc::clone(&silent),
            ));
        }
        (Self { heard, silent }, (0..connections).collect())
    }

    pub(super) fn hear(&mut self, connection: u32) {
        self.heard[connection as usize].notify_one();
    }

    /// Lets the tasks run; returns how many fell silent.
    pub(super) async fn pass(&mut self) -> u32 {
        tokio::task::yield_now().await;
        self.silent.swap(0, Ordering::Relaxed)
    }
}

async fn wait(heard: Arc<[Notify]>, connection: u32, deadline: Instant, silent: Arc<AtomicU32>) {
    let mut sleep = pin!(sleep_until(deadline));
    loop {
        tokio::select! {
            biased;
            () = heard[connection as usize].notified() => {
                sleep.as_mut().reset(Instant::now() + DEADLINE);
            }
            () = &mut sleep => break,
        }
    }
    silent.fetch_add(1, Ordering::Relaxed);
}
