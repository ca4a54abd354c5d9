//! What a scrape takes where there are ten thousand services, each with everything that is counted
//! of a service.
//!
//! ```text
//! 2345 series
//! 6.7 ms (median of 21)
//! ```
#![expect(clippy::print_stdout, reason = "an example at the command line")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use deadpeer_core::Silence;
use deadpeer_core::close_reason::{CloseCause, CloseReason, LastState};
use deadpeer_guard::metrics::Board;
use deadpeer_guard::{Died, Event, Noticed, Protection, QuestionResult, Readings, ServiceReading};
use deadpeer_host::deaths::{Death, KnownBy, LastOwner, ServiceName};
use deadpeer_host::{Process, Role};

const SERVICES: u16 = 10_000;
const ROUNDS: usize = 21;

fn main() {
    let board = board();
    let mut took: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            let text = board.text();
            assert!(!text.is_empty());
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let text = board.text();
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    println!("{series} series");
    println!("{:.1} ms (median of {ROUNDS})", took[ROUNDS / 2]);
}

/// Of each service everything that can be counted of it, and deaths of all the usual causes.
fn board() -> Board {
    let board = Board::default();
    let mut readings = Readings::default();
    for port in 0..SERVICES {
        let process: Box<[u8]> = format!("service-{port}").into_bytes().into();
        let name = ServiceName::new(Some(process.clone()), Role::Accepted(port));
        for result in [QuestionResult::Answered, QuestionResult::Unanswered] {
            readings.questions.insert((name.clone(), result), 1);
        }
        readings.overwritten.insert(name.clone(), 1);
        let kept = [Protection::Kept, Protection::Supervised, Protection::Missed];
        let kept = kept.map(|protection| (protection, 1)).into();
        let notice = Silence::JUDGED
            .map(|silence| (silence, Noticed::Never))
            .into();
        readings.services.push(ServiceReading {
            service: name,
            connections: kept,
            notice,
        });
        for cause in CAUSES {
            board.count(&died(&process, port, cause));
        }
    }
    board.show(&readings, None, Instant::now());
    board
}

const CAUSES: [CloseCause; 5] = [
    CloseCause::Reset,
    CloseCause::KeepaliveUnanswered,
    CloseCause::DataUnacknowledged,
    CloseCause::SlowReader,
    CloseCause::Destroyed,
];

fn died(process: &[u8], port: u16, cause: CloseCause) -> Event {
    let end = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut reason = CloseReason::of(&LastState::default());
    reason.cause = cause;
    let mut death = Death::new(SystemTime::UNIX_EPOCH, 1, (end, end), reason);
    let process = Arc::new(Process::named(1, process));
    death.owner = Some(LastOwner {
        process,
        known_by: KnownBy::Holding,
    });
    death.role = Role::Accepted(port);
    death.last.silence = Some(Duration::from_secs(30));
    Event::Died(Box::new(Died::new(death)))
}
