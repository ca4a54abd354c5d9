//! What stays in the kernel's table of connections that were closed when a lossy path had gone
//! altogether, beside plain sockets.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use deadpeer::Watch;
use deadpeer_lab::Host;
use deadpeer_sys::sock_diag::SockDiag;
use deadpeer_sys::sockopt;

use super::{Connection, SPELL};
use crate::check_watch::orphans::cookies;

/// Half of them are closed so long after the path has gone, and the others so long.
const CLOSED: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(15)];
/// How long is waited for the last of them.
const PATIENCE: Duration = Duration::from_secs(520);
/// How often the table is read.
const TICK: Duration = Duration::from_millis(250);
/// How much later than the last plain one may a supervised one go: a step of its user timeout, and
/// timers are late.
const LATENESS: Duration = Duration::from_secs(13);
/// Where more than half of the questions fail it may go so much later than the loss has lasted: no
/// look may have found a pause in that, and the user timeout is half a minute ahead.
const LEEWAY: Duration = Duration::from_secs(30);
/// And the kernel's clock may begin so much later: BBR, whose estimate of the path's rate comes to
/// a few bytes a second there, stamps what it sends again with the moment at which it should leave
/// (net/ipv4/tcp_output.c, `tcp_update_skb_after_send`). 145 s ahead was the most that was seen.
const PACED: Duration = Duration::from_secs(150);

/// One group's, closed at one time.
pub(super) struct Left {
    loss: f64,
    /// `None`: plain sockets.
    deadline: Option<u64>,
    closed: Duration,
    gone_after: Vec<Duration>,
    never: usize,
}

/// One socket that was closed.
struct Closed {
    group: usize,
    at: Duration,
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
    let mut due = CLOSED.into_iter().enumerate().peekable();
    while start.elapsed() < PATIENCE {
        if let Some((half, at)) = due.next_if(|(_, at)| *at <= start.elapsed()) {
            for (group, (.., connections)) in groups.iter_mut().enumerate() {
                let mine = connections.extract_if(.., |c| c.number % 2 == half);
                for connection in mine.filter(|c| !c.is_over) {
                    closed.push(Closed {
                        group,
                        at,
                        cookie: sockopt::cookie(&connection.near)?,
                        gone_after: None,
                    });
                }
            }
        }
        let there = cookies(&mut table)?;
        for one in closed.iter_mut().filter(|one| one.gone_after.is_none()) {
            let gone = !there.contains(&one.cookie);
            one.gone_after = gone.then(|| start.elapsed().saturating_sub(one.at));
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
        for at in CLOSED {
            let mine = || {
                closed
                    .iter()
                    .filter(|one| one.group == group && one.at == at)
            };
            let mut gone_after: Vec<_> = mine().filter_map(|one| one.gone_after).collect();
            gone_after.sort();
            all.push(Left {
                loss,
                deadline: *deadline,
                closed: at,
                never: mine().count() - gone_after.len(),
                gone_after,
            });
        }
    }
    Ok(all)
}

/// Returns whether supervised ones went no later than plain ones.
pub(super) fn print(all: &[Left]) -> bool {
    println!("| lost each way before | watched | closed after | sockets | median | latest |");
    println!("|--:|---|--:|--:|--:|--:|");
    let mut all_in_time = true;
    for left in all {
        let plain = all.iter().find(|other| {
            other.deadline.is_none() && (other.loss, other.closed) == (left.loss, left.closed)
        });
        let failing = 1.0 - (1.0 - left.loss).powi(2);
        let documented = if failing > 0.5 {
            SPELL + LEEWAY + PACED
        } else {
            Duration::ZERO
        };
        let plain = plain.map_or(PATIENCE, Left::latest);
        let allowed = plain.max(documented) + LATENESS;
        let in_time = left.never == 0 && left.latest() <= allowed;
        all_in_time &= in_time;
        let watched = left
            .deadline
            .map_or("no".to_owned(), |s| format!("within {s} s"));
        let median = left.gone_after.get(left.gone_after.len() / 2);
        println!(
            "| {:.0} % | {watched} | {} s | {} | {:.1} s | {:.1} s{}{} |",
            left.loss * 100.0,
            left.closed.as_secs(),
            left.gone_after.len() + left.never,
            median.copied().unwrap_or_default().as_secs_f64(),
            left.latest().as_secs_f64(),
            match left.never {
                0 => String::new(),
                never => format!(", {never} still there after {} s", PATIENCE.as_secs()),
            },
            if in_time { "" } else { ": TOO LATE" },
        );
    }
    all_in_time
}

impl Left {
    fn latest(&self) -> Duration {
        self.gone_after.last().copied().unwrap_or_default()
    }
}
