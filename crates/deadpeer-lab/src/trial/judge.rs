//! From what was seen to a verdict. Nothing here looks at anything.

use std::time::{Duration, Instant};

use deadpeer_core::TcpState;

use super::ending::Circumstances;
use super::seen::Seen;
use super::{By, Case, CaseVerdict, Failure, Living, Outcome};

/// Times after which a server closes are taken for the same limit if they differ by less than this
/// share, or by less than what serving one client after the other takes.
const ALIKE: f64 = 0.8;
const APART: Duration = Duration::from_millis(500);

/// Whether vanished clients were noticed. `struck`: the moment at which they vanished.
pub(super) fn vanished(
    seen: &[Seen],
    struck: Instant,
    within: Duration,
    circumstances: Circumstances,
) -> CaseVerdict {
    let after = |at: Instant| at.saturating_duration_since(struck);
    let late = |seen: &&Seen| seen.ended().is_none_or(|at| after(at) > within);
    let late: Vec<&Seen> = seen.iter().filter(late).collect();
    let connections = late.len();
    if connections == 0 {
        let last = seen.iter().filter_map(|seen| Some((seen.ended()?, seen)));
        let last = last.max_by_key(|(at, _)| *at);
        let last = last.map(|(at, seen)| (after(at), by(seen, after(at), circumstances)));
        let (after, by) = last.unzip();
        return CaseVerdict::Passed { after, by };
    }
    let first_gone = late.iter().filter_map(|seen| seen.gone).min();
    CaseVerdict::Failed(match first_gone.map(after) {
        Some(after) if after <= within => Failure::Kept { connections, after },
        _ if late
            .iter()
            .all(|seen| seen.last.state == TcpState::CloseWait) =>
        {
            Failure::NotClosed { connections }
        }
        Some(_) | None => Failure::NotNoticed { connections },
    })
}

/// Whether live clients were kept.
pub(super) fn lived(seen: &[Seen], struck: Instant, circumstances: Circumstances) -> CaseVerdict {
    let given_up = |seen: &Seen| seen.closed.into_iter().chain(seen.gone).min();
    let first = seen
        .iter()
        .filter_map(|seen| Some((given_up(seen)?, seen)))
        .min_by_key(|(at, _)| *at);
    match first {
        None => CaseVerdict::Passed {
            after: None,
            by: None,
        },
        Some((at, seen)) => {
            let after = at.saturating_duration_since(struck);
            CaseVerdict::Failed(Failure::Dropped {
                after,
                by: by(seen, after, circumstances),
            })
        }
    }
}

fn by(seen: &Seen, after: Duration, circumstances: Circumstances) -> By {
    By::of(
        seen,
        Circumstances {
            after,
            ..circumstances
        },
    )
}

/// Forgives what a server does to every client alike (a limit of its own on idle time), and what it
/// may do. What it does so late that such a limit may be about to strike everybody is unclear.
pub(super) fn forgive(outcomes: &mut [Outcome], within: Duration, may_drop_slow: bool) {
    let untouched = |outcome: &&Outcome| outcome.case == Case::Live(Living::Untouched);
    let limit = outcomes.iter().find(untouched).and_then(|outcome| {
        let CaseVerdict::Failed(Failure::Dropped { after, by }) = outcome.verdict else {
            return None;
        };
        (by == By::Server).then_some(after)
    });
    for outcome in outcomes {
        let CaseVerdict::Failed(Failure::Dropped { after, by }) = outcome.verdict else {
            continue;
        };
        let alike = |limit| is_alike(after, limit);
        let allowed = may_drop_slow && outcome.case == Case::Live(Living::SlowReader);
        outcome.verdict = match (by, limit) {
            _ if allowed => closed(after, by),
            (By::Server, Some(limit)) if alike(limit) => closed(after, by),
            (By::Server, None) if alike(within) => CaseVerdict::Unclear {
                why: format!(
                    "the server itself closed it after {:.1} s, and may have been about to close all: untouched ones were watched no longer than {:.1} s",
                    after.as_secs_f64(),
                    within.as_secs_f64()
                ),
            },
            _ => continue,
        };
    }
}

fn is_alike(after: Duration, limit: Duration) -> bool {
    after >= limit.mul_f64(ALIKE).min(limit.saturating_sub(APART))
}

fn closed(after: Duration, by: By) -> CaseVerdict {
    CaseVerdict::Passed {
        after: Some(after),
        by: Some(by),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use deadpeer_sys::sock_diag::Socket;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn seen(state: TcpState) -> Seen {
        let local = "192.0.2.1:80".parse().unwrap();
        let mut socket = Socket::new(state, local, "192.0.2.2:5".parse().unwrap());
        socket.inode = NonZeroU32::new(7);
        Seen::first(&socket)
    }

    fn outcome(living: Living, verdict: CaseVerdict) -> Outcome {
        Outcome {
            case: Case::Live(living),
            verdict,
            connections: 1,
            settings: None,
            forecast: None,
            took: SECOND,
        }
    }

    #[test]
    fn given_up_and_closed_is_what_counts() {
        let struck = Instant::now();
        let judge = |seen: Seen| vanished(&[seen], struck, SECOND * 5, Circumstances::default());
        let standing = seen(TcpState::Established);
        assert_eq!(
            judge(standing.clone()),
            CaseVerdict::Failed(Failure::NotNoticed { connections: 1 })
        );
        let mut gone = standing;
        gone.gone = Some(struck + SECOND);
        let kept = Failure::Kept {
            connections: 1,
            after: SECOND,
        };
        assert_eq!(judge(gone.clone()), CaseVerdict::Failed(kept));
        let mut closed = gone;
        closed.closed = Some(struck + SECOND * 2);
        let passed = CaseVerdict::Passed {
            after: Some(SECOND * 2),
            by: Some(By::Server),
        };
        assert_eq!(judge(closed.clone()), passed);
        closed.closed = Some(struck + SECOND * 6);
        assert!(matches!(judge(closed), CaseVerdict::Failed(_)));
        assert_eq!(
            judge(seen(TcpState::CloseWait)),
            CaseVerdict::Failed(Failure::NotClosed { connections: 1 })
        );
    }

    #[test]
    fn the_last_connection_decides() {
        let struck = Instant::now();
        let mut early = seen(TcpState::Established);
        early.gone = Some(struck + SECOND);
        early.closed = early.gone;
        let mut late = early.clone();
        late.closed = Some(struck + SECOND * 3);
        let resets = Circumstances {
            resets: true,
            ..Circumstances::default()
        };
        let verdict = vanished(&[late, early], struck, SECOND * 5, resets);
        let CaseVerdict::Passed { after, by } = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!((after, by), (Some(SECOND * 3), Some(By::Reset)));
    }

    #[test]
    fn a_limit_on_idleness_holds_for_all() {
        let dropped = |seconds| {
            CaseVerdict::Failed(Failure::Dropped {
                after: SECOND * seconds,
                by: By::Server,
            })
        };
        let mut outcomes = [
            outcome(Living::Untouched, dropped(10)),
            outcome(Living::Lossy, dropped(9)),
            outcome(Living::Outage, dropped(4)),
            outcome(Living::SlowReader, dropped(2)),
        ];
        forgive(&mut outcomes, SECOND * 30, false);
        let failed = outcomes
            .each_ref()
            .map(|o| matches!(o.verdict, CaseVerdict::Failed(_)));
        assert_eq!(failed, [false, false, true, true]);
        forgive(&mut outcomes, SECOND * 30, true);
        assert!(matches!(outcomes[3].verdict, CaseVerdict::Passed { .. }));
        assert!(matches!(outcomes[2].verdict, CaseVerdict::Failed(_)));
    }
    #[test]
    fn a_limit_about_to_strike_all_accuses_nobody() {
        let kept = CaseVerdict::Passed {
            after: None,
            by: None,
        };
        let dropped = |ms| {
            CaseVerdict::Failed(Failure::Dropped {
                after: Duration::from_millis(ms),
                by: By::Server,
            })
        };
        let mut outcomes = [
            outcome(Living::Untouched, kept),
            outcome(Living::Lossy, dropped(19_400)),
            outcome(Living::Outage, dropped(9_000)),
        ];
        forgive(&mut outcomes, SECOND * 20, false);
        assert!(matches!(outcomes[1].verdict, CaseVerdict::Unclear { .. }));
        assert!(matches!(outcomes[2].verdict, CaseVerdict::Failed(_)));
    }

    #[test]
    fn a_server_that_closes_at_once_does_so_to_all() {
        let dropped = |ms| {
            CaseVerdict::Failed(Failure::Dropped {
                after: Duration::from_millis(ms),
                by: By::Server,
            })
        };
        let mut outcomes = [
            outcome(Living::Untouched, dropped(179)),
            outcome(Living::Lossy, dropped(85)),
        ];
        forgive(&mut outcomes, SECOND * 20, false);
        assert!(matches!(outcomes[1].verdict, CaseVerdict::Passed { .. }));
    }
}
