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
/// The share of those closed while they are watched that may go later than that: no look found a
/// pause in what was sent again, or the kernel's clock began late (BBR stamps what it sends again
/// with the moment at which it should leave: net/ipv4/tcp_output.c, `tcp_update_skb_after_send`).
const LATER: f64 = 0.125;
/// The same of those that left their watches first, plain sockets then: as many as plain ones may
/// differ by among themselves.
const LATER_BY_CHANCE: f64 = 0.05;

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
/// of the others as few later as is documented.
pub(super) fn print(all: &[Left]) -> bool {
    println!(
        "| lost each way before | watched | closed after | sockets | median | latest | later than plain ones |"
    );
    println!("|--:|---|---|--:|--:|--:|--:|");
    for left in all {
        println!(
            "{}{} |",
            left.row(),
            left.later_than(last_plain(all, left.loss))
        );
    }
    super::LOSSES.into_iter().fold(true, |is_right, loss| {
        is_right & share(all, loss, false, LATER) & share(all, loss, true, LATER_BY_CHANCE)
    })
}

/// The moment after which a socket is later than the plain ones.
fn last_plain(all: &[Left], loss: f64) -> Duration {
    let plain = all
        .iter()
        .filter(|left| left.deadline.is_none() && left.loss == loss);
    plain.map(Left::latest).max().unwrap_or_default() + LATENESS
}

/// Prints how many went later, of all deadlines; returns whether these are no more than `most`.
fn share(all: &[Left], loss: f64, is_removed: bool, most: f64) -> bool {
    let of_watches = all
        .iter()
        .filter(|left| left.deadline.is_some() && left.loss == loss);
    let mine = of_watches.filter(|left| left.way.is_removed == is_removed);
    let last = last_plain(all, loss);
    let (later, count) = mine.fold((0, 0), |(later, count), left| {
        (later + left.later_than(last), count + left.count())
    });
    let is_right = later as f64 <= most * count as f64;
    println!(
        "{:.0} %, {}: {later} of {count} later than {:.0} s{}",
        loss * 100.0,
        if is_removed {
            "removed first"
        } else {
            "watched"
        },
        last.as_secs_f64(),
        if is_right { "" } else { ": TOO MANY" },
    );
    is_right
}

impl Left {
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
