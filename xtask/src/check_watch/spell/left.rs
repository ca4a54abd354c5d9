//! What stays in the kernel's table of connections that were closed when a lossy path had gone
//! altogether, beside plain sockets.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use deadpeer::Watch;
use deadpeer_lab::Host;
use deadpeer_sys::sock_diag::SockDiag;
use deadpeer_sys::sockopt;

use super::Connection;
use crate::check_watch::orphans::cookies;

/// How a third of them each are closed.
const WAYS: [Way; 3] = [
    Way::after(1),
    Way::after(15),
    Way {
        is_removed: true,
        ..Way::after(15)
    },
];
/// How long is waited for the last of them.
const PATIENCE: Duration = Duration::from_secs(520);
/// How often the table is read.
const TICK: Duration = Duration::from_millis(250);
/// How much later than the last plain one may one go: a step of the user timeout, and timers are
/// late.
const LATENESS: Duration = Duration::from_secs(13);
/// The share of a group that may go later than that if it is closed while it is watched: no look
/// found a pause in what was sent again, or the kernel's clock began late (BBR stamps what it sends
/// again with the moment at which it should leave: net/ipv4/tcp_output.c,
/// `tcp_update_skb_after_send`).
const LATER: f64 = 0.15;

#[derive(Clone, Copy)]
struct Way {
    /// How long after the path has gone.
    after: Duration,
    /// Whether it is taken out of its watch before.
    is_removed: bool,
}

impl Way {
    const fn after(seconds: u64) -> Self {
        Self {
            after: Duration::from_secs(seconds),
            is_removed: false,
        }
    }
}

/// One group's, closed in one way.
pub(super) struct Left {
    loss: f64,
    /// `None`: plain sockets.
    deadline: Option<u64>,
    way: Way,
    gone_after: Vec<Duration>,
    never: usize,
}

/// One socket that was closed.
struct Closed {
    group: usize,
    way: usize,
    cookie: u64,
    gone_after: Option<Duration>,
}

/// Closes what is open still, and looks until all has gone. Each group with its deadline and its
/// watch.
pub(super) fn behind(
    ours: &Host,
    loss: f64,
    mut groups: Vec<(Option<u64>, Option<Watch>, Vec<Connection>)>,
) -> Result<Vec<Left>> {
    let mut table = ours.enter(SockDiag::open)??;
    let start = Instant::now();
    let mut closed = Vec::new();
    let mut due = WAYS.into_iter().enumerate().peekable();
    while start.elapsed() < PATIENCE {
        if let Some((way, how)) = due.next_if(|(_, how)| how.after <= start.elapsed()) {
            for (group, (_, watch, connections)) in groups.iter_mut().enumerate() {
                let mine = connections.extract_if(.., |c| c.number % WAYS.len() == way);
                for connection in mine.filter(|c| !c.is_over) {
                    if let Some(watch) = watch.as_mut().filter(|_| how.is_removed) {
                        watch.remove(&connection.near);
                    }
                    closed.push(Closed {
                        group,
                        way,
                        cookie: sockopt::cookie(&connection.near)?,
                        gone_after: None,
                    });
                }
            }
        }
        let there = cookies(&mut table)?;
        for one in closed.iter_mut().filter(|one| one.gone_after.is_none()) {
            let gone = !there.contains(&one.cookie);
            one.gone_after = gone.then(|| start.elapsed().saturating_sub(WAYS[one.way].after));
        }
        if due.peek().is_none() && closed.iter().all(|one| one.gone_after.is_some()) {
            break;
        }
        for watch in groups.iter_mut().filter_map(|(_, watch, _)| watch.as_mut()) {
            watch.wait(&mut Vec::new(), Some(Duration::ZERO))?;
        }
        thread::sleep(TICK);
    }
    let mut all = Vec::new();
    for (group, (deadline, ..)) in groups.iter().enumerate() {
        for (way, how) in WAYS.into_iter().enumerate() {
            let mine = || (closed.iter()).filter(|one| (one.group, one.way) == (group, way));
            let mut gone_after: Vec<_> = mine().filter_map(|one| one.gone_after).collect();
            gone_after.sort();
            all.push(Left {
                loss,
                deadline: *deadline,
                way: how,
                never: mine().count() - gone_after.len(),
                gone_after,
            });
        }
    }
    Ok(all)
}

/// Returns whether those that were taken out of their watches went no later than plain ones, and
/// of the others as few as is documented.
pub(super) fn print(all: &[Left]) -> bool {
    println!(
        "| lost each way before | watched | closed after | sockets | median | latest | later than plain ones |"
    );
    println!("|--:|---|---|--:|--:|--:|--:|");
    let mut is_right = true;
    for left in all {
        let plain = all.iter().filter(|other| other.is_plain_beside(left));
        let last = plain.map(Left::latest).max().unwrap_or_default() + LATENESS;
        let later = left.later_than(last);
        let most = match (left.deadline, left.way.is_removed) {
            (None, _) => left.count(),
            (Some(_), true) => 0,
            (Some(_), false) => (LATER * left.count() as f64) as usize,
        };
        is_right &= later <= most;
        let word = if later <= most { "" } else { ": TOO MANY" };
        println!("{}{later}{word} |", left.row());
    }
    is_right
}

impl Left {
    fn is_plain_beside(&self, other: &Self) -> bool {
        self.deadline.is_none() && self.loss == other.loss
    }

    fn count(&self) -> usize {
        self.gone_after.len() + self.never
    }

    fn latest(&self) -> Duration {
        self.gone_after.last().copied().unwrap_or_default()
    }

    fn later_than(&self, last: Duration) -> usize {
        self.never
            + (self.gone_after.iter())
                .filter(|gone| **gone > last)
                .count()
    }

    fn row(&self) -> String {
        let watched = match self.deadline {
            Some(seconds) => format!("within {seconds} s"),
            None => "no".to_owned(),
        };
        let removed = match (self.deadline, self.way.is_removed) {
            (Some(_), true) => ", removed first",
            _ => "",
        };
        let median = self.gone_after.get(self.gone_after.len() / 2);
        let never = match self.never {
            0 => String::new(),
            never => format!(", {never} still there after {} s", PATIENCE.as_secs()),
        };
        format!(
            "| {:.0} % | {watched} | {} s{removed} | {} | {:.1} s | {:.1} s{never} | ",
            self.loss * 100.0,
            self.way.after.as_secs(),
            self.count(),
            median.copied().unwrap_or_default().as_secs_f64(),
            self.latest().as_secs_f64(),
        )
    }
}
