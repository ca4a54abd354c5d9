//! What was not tried is foretold from the settings of the accepted sockets.

use std::time::Duration;

use deadpeer_core::{Effective, Finding, Forecast, Notice, Snapshot, TcpState};

use super::{Case, CaseVerdict, Failure, Fault, Outcome, State, Trial};

/// The states that decide whether a server may hang. One that sends is in flight.
const DECIDE: [State; 4] = [
    State::Idle,
    State::InFlight,
    State::ZeroWindow,
    State::LateWrite,
];

/// An outcome for each state in which no client vanished silently. Beside each outcome: what the
/// settings of its connections promise; the worst decides.
pub(super) fn foretell(trial: &Trial, outcomes: &[(Outcome, Option<Forecast>)]) -> Vec<Outcome> {
    let limit = trial.middlebox;
    let middlebox = limit.map(|limit| behind_middlebox(limit, outcomes));
    let untried = DECIDE
        .into_iter()
        .filter(|state| !outcomes.iter().any(|(outcome, _)| tries(outcome, *state)));
    untried
        .map(|state| {
            let known = outcomes.iter().filter_map(|(outcome, forecast)| {
                let notice = forecast.as_ref()?.outlook(state.silence()).worst;
                Some((notice, outcome.settings))
            });
            let worst = known.reduce(|one, other| match other.0.is_later_than(one.0) {
                true => other,
                false => one,
            });
            let (forecast, settings) = worst.unzip();
            Outcome {
                case: Case::Untried(state),
                verdict: judge(trial, forecast),
                connections: 0,
                settings: settings.flatten(),
                forecast,
                took: Duration::ZERO,
            }
        })
        .chain(middlebox)
        .collect()
}

/// Whether a middlebox with this idle limit would forget one of the connections, which nobody
/// notices: it sends nothing.
fn behind_middlebox(limit: Duration, outcomes: &[(Outcome, Option<Forecast>)]) -> Outcome {
    let idle = Snapshot::new(TcpState::Established);
    let known = outcomes.iter().filter_map(|(outcome, _)| outcome.settings);
    let known: Vec<Effective> = known.collect();
    let forgets = |settings: &&Effective| Finding::of_middlebox(settings, &idle, limit).is_some();
    let forgotten = known.iter().find(forgets);
    Outcome {
        case: Case::Middlebox,
        verdict: match (forgotten, known.is_empty()) {
            (Some(_), _) => CaseVerdict::Failed(Failure::Forgotten { limit }),
            (None, false) => CaseVerdict::Foretold,
            (None, true) => CaseVerdict::Unclear { why: unknown() },
        },
        connections: 0,
        settings: forgotten.or(known.first()).copied(),
        forecast: None,
        took: Duration::ZERO,
    }
}

/// Whether it shows what the server does about silence in this state.
fn tries(outcome: &Outcome, state: State) -> bool {
    let Case::Vanish {
        fault,
        state: tried,
    } = outcome.case
    else {
        return false;
    };
    let decided = matches!(
        outcome.verdict,
        CaseVerdict::Passed { .. } | CaseVerdict::Failed(_)
    );
    let silent = matches!(fault, Fault::PowerOff | Fault::NatLost);
    decided && silent && tried.silence() == state.silence()
}

fn judge(trial: &Trial, forecast: Option<Notice>) -> CaseVerdict {
    match forecast {
        Some(notice) if trial.only_tried || notice.meets(trial.within) => CaseVerdict::Foretold,
        Some(_) => CaseVerdict::Failed(Failure::Foretold),
        None if trial.only_tried => CaseVerdict::Skipped { why: unknown() },
        None => CaseVerdict::Unclear { why: unknown() },
    }
}

fn unknown() -> String {
    "not tried, and the settings of the accepted sockets could not be read".to_owned()
}

#[cfg(test)]
mod tests {
    use deadpeer_core::{Kernel, Sysctls};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// What came of the silence of an idle client, with these settings.
    fn idle(verdict: CaseVerdict, settings: Effective) -> (Outcome, Option<Forecast>) {
        let kernel = Kernel::before_rto_max(None);
        let outcome = Outcome {
            case: Case::Vanish {
                fault: Fault::PowerOff,
                state: State::Idle,
            },
            verdict,
            connections: 1,
            settings: Some(settings),
            forecast: None,
            took: SECOND,
        };
        let forecast = Forecast::promised(&settings, SECOND, &kernel);
        (outcome, Some(forecast))
    }

    fn passed() -> CaseVerdict {
        CaseVerdict::Passed {
            after: None,
            by: None,
        }
    }

    fn found(trial: &Trial, tried: &[(Outcome, Option<Forecast>)]) -> Vec<(Case, CaseVerdict)> {
        let foretold = foretell(trial, tried).into_iter();
        foretold.map(|one| (one.case, one.verdict)).collect()
    }

    #[test]
    fn a_server_that_would_hang_fails_unless_that_is_allowed() {
        let mut trial = Trial::new(["true"], 80, SECOND * 30);
        let untouched = Effective::untouched(&Sysctls::DEFAULT);
        let failed = |state| (Case::Untried(state), CaseVerdict::Failed(Failure::Foretold));
        let rest = [State::InFlight, State::ZeroWindow, State::LateWrite].map(failed);
        assert_eq!(found(&trial, &[idle(passed(), untouched)]), rest);
        // What was not decided was not tried.
        let skipped = CaseVerdict::Skipped { why: String::new() };
        let all = found(&trial, &[idle(skipped, untouched)]);
        assert_eq!(all[0], failed(State::Idle));
        assert_eq!(all[1..], rest);
        trial.only_tried = true;
        let allowed = found(&trial, &[idle(passed(), untouched)]);
        assert!(
            allowed
                .iter()
                .all(|(_, verdict)| *verdict == CaseVerdict::Foretold)
        );
    }

    #[test]
    fn settings_that_notice_are_enough_if_all_have_them() {
        let trial = Trial::new(["true"], 80, SECOND * 30);
        let mut bounded = Effective::untouched(&Sysctls::DEFAULT);
        bounded.keepalive = true;
        (bounded.keepidle_s, bounded.keepintvl_s, bounded.keepcnt) = (3, 1, 3);
        bounded.user_timeout_ms = Some(8000);
        let good = idle(passed(), bounded);
        let told = found(&trial, std::slice::from_ref(&good));
        assert_eq!(told.len(), 3);
        assert!(
            told.iter()
                .all(|(_, verdict)| *verdict == CaseVerdict::Foretold),
            "{told:?}"
        );
        let bad = idle(passed(), Effective::untouched(&Sysctls::DEFAULT));
        let told = found(&trial, &[good, bad]);
        assert!(
            told.iter()
                .all(|(_, verdict)| matches!(verdict, CaseVerdict::Failed(_)))
        );
    }

    #[test]
    fn a_middlebox_must_hear_every_connection_in_time() {
        let mut trial = Trial::new(["true"], 80, SECOND * 30);
        let mut speaks = Effective::untouched(&Sysctls::DEFAULT);
        (speaks.keepalive, speaks.keepidle_s) = (true, 300);
        let silent = Effective::untouched(&Sysctls::DEFAULT);
        let told = |trial: &Trial, all: &[Effective]| {
            let tried: Vec<_> = all.iter().map(|one| idle(passed(), *one)).collect();
            let told = found(trial, &tried).into_iter();
            let mut told = told.filter(|(case, _)| *case == Case::Middlebox);
            told.next().map(|(_, verdict)| verdict)
        };
        assert_eq!(told(&trial, &[silent]), None, "nobody asked");
        let limit = SECOND * 350;
        trial.middlebox = Some(limit);
        let forgotten = Some(CaseVerdict::Failed(Failure::Forgotten { limit }));
        assert_eq!(told(&trial, &[speaks]), Some(CaseVerdict::Foretold));
        assert_eq!(told(&trial, &[speaks, silent]), forgotten);
        assert_eq!(told(&trial, &[silent, speaks]), forgotten);
        speaks.keepidle_s = 350;
        assert_eq!(told(&trial, &[speaks]), forgotten);
        assert!(matches!(
            told(&trial, &[]),
            Some(CaseVerdict::Unclear { .. })
        ));
    }

    #[test]
    fn without_settings_nobody_can_tell() {
        let trial = Trial::new(["true"], 80, SECOND);
        let told = found(&trial, &[]);
        assert_eq!(told.len(), 4);
        assert!(
            told.iter()
                .all(|(_, verdict)| matches!(verdict, CaseVerdict::Unclear { .. }))
        );
    }
}
