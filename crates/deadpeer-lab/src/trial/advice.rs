//! What to change about a server that failed.

use std::time::Duration;

use deadpeer_core::{Effective, Notice};

use super::{By, Case, CaseVerdict, Failure, Outcome, State, Timer};

/// What is wrong, in one sentence without a full stop; `None` where nothing is.
#[must_use]
pub fn advice(outcome: &Outcome) -> Option<String> {
    let CaseVerdict::Failed(failure) = outcome.verdict else {
        return None;
    };
    let settings = outcome.settings.as_ref();
    Some(match failure {
        Failure::NotNoticed { .. } | Failure::Foretold => {
            unnoticed(outcome.case, settings, outcome.forecast)
        }
        Failure::Kept { after, .. } => format!(
            "the kernel gave the connection up after {}, but the server keeps its descriptor: it neither reads nor polls it",
            seconds(after)
        ),
        Failure::NotClosed { .. } => {
            "the client's FIN arrived, but the server neither reads nor closes the connection"
                .to_owned()
        }
        Failure::Forgotten { limit } => forgotten(settings, limit),
        Failure::Dropped { by, .. } => dropped(by, settings),
    })
}

fn forgotten(settings: Option<&Effective>, limit: Duration) -> String {
    let limit = seconds(limit);
    let probe = match settings.filter(|settings| settings.keepalive) {
        Some(settings) => format!("the first probe comes after {} s", settings.keepidle_s),
        None => "keepalive is off on accepted sockets".to_owned(),
    };
    format!("a middlebox in the path forgets an idle connection after {limit}, and {probe}")
}

fn unnoticed(case: Case, settings: Option<&Effective>, forecast: Option<Notice>) -> String {
    let Some(settings) = settings else {
        return "the settings of the accepted sockets could not be read".to_owned();
    };
    let when = match forecast {
        Some(Notice::Within(span)) => format!("only after {}", seconds(span.latest)),
        Some(Notice::Never) | None => "never".to_owned(),
    };
    let given_up = match forecast {
        Some(Notice::Within(_)) => format!("given up {when}"),
        Some(Notice::Never) | None => "never given up".to_owned(),
    };
    let state = match case {
        Case::Vanish { state, .. } | Case::Untried(state) => state,
        Case::Live(_) | Case::Middlebox => State::Idle,
    };
    match (state, settings.user_timeout_ms) {
        (State::Idle, _) if !settings.keepalive && matches!(case, Case::Untried(_)) => {
            "keepalive is off on accepted sockets: a vanished client is never given up".to_owned()
        }
        (State::Idle, _) if !settings.keepalive => {
            "keepalive is off on accepted sockets, and the server did not close in time by itself"
                .to_owned()
        }
        (State::Idle, _) => format!(
            "keepalive {}/{}/{} on accepted sockets gives up {when}",
            settings.keepidle_s, settings.keepintvl_s, settings.keepcnt
        ),
        (State::InFlight | State::ZeroWindow | State::Sending | State::LateWrite, Some(ms)) => {
            format!(
                "TCP_USER_TIMEOUT of {} on accepted sockets gives up {when}",
                seconds(Duration::from_millis(ms.into()))
            )
        }
        (State::LateWrite, None) => format!(
            "no TCP_USER_TIMEOUT and no smaller TCP_RTO_MAX_MS on accepted sockets: \
             what is written after the client vanished is {given_up}; keepalive plays no part any more"
        ),
        (State::InFlight | State::Sending, None) => format!(
            "no TCP_USER_TIMEOUT and no smaller TCP_RTO_MAX_MS on accepted sockets: \
             unacknowledged data is {given_up}; keepalive plays no part in that"
        ),
        (State::ZeroWindow, None) => format!(
            "no TCP_USER_TIMEOUT and no smaller TCP_RTO_MAX_MS on accepted sockets: \
             a closed window is {given_up}; keepalive plays no part in that"
        ),
    }
}

fn dropped(by: By, settings: Option<&Effective>) -> String {
    let user_timeout = settings.and_then(|settings| settings.user_timeout_ms);
    match (by, user_timeout) {
        (By::Kernel(_), Some(ms)) => format!(
            "TCP_USER_TIMEOUT of {} drops live clients",
            seconds(Duration::from_millis(ms.into()))
        ),
        (By::Kernel(Timer::Keepalive), None) => {
            "keepalive gives up before a few lost probes are sent again".to_owned()
        }
        (By::Kernel(_), None) => "the kernel gives up too soon".to_owned(),
        (By::Reset, _) => "a RST came in".to_owned(),
        (By::Server, _) => "the server itself closed the connection of a live client".to_owned(),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use deadpeer_core::Sysctls;

    use super::*;
    use crate::trial::Fault;

    fn outcome(state: State, failure: Failure) -> Outcome {
        Outcome {
            case: Case::Vanish {
                fault: Fault::PowerOff,
                state,
            },
            verdict: CaseVerdict::Failed(failure),
            connections: 1,
            settings: Some(Effective::untouched(&Sysctls::DEFAULT)),
            forecast: Some(Notice::Never),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn every_state_names_its_own_setting() {
        let unnoticed = Failure::NotNoticed { connections: 1 };
        for (state, said) in [
            (State::Idle, "keepalive is off"),
            (State::InFlight, "TCP_USER_TIMEOUT"),
            (State::ZeroWindow, "closed window"),
            (State::Sending, "unacknowledged data"),
            (State::LateWrite, "written after the client vanished"),
        ] {
            let said_so = advice(&outcome(state, unnoticed)).unwrap();
            assert!(said_so.contains(said), "{said_so}");
        }
        let mut slow = outcome(State::Idle, unnoticed);
        if let Some(settings) = &mut slow.settings {
            settings.keepalive = true;
        }
        let said = advice(&slow).unwrap();
        assert!(said.contains("keepalive 7200/75/9"), "{said}");
        slow.case = Case::Untried(State::Idle);
        slow.settings = Some(Effective::untouched(&Sysctls::DEFAULT));
        assert!(!advice(&slow).unwrap().contains("the server did not"));
        slow.settings = None;
        assert!(advice(&slow).unwrap().contains("could not be read"));
    }

    #[test]
    fn who_passes_gets_no_advice() {
        let mut fine = outcome(State::Idle, Failure::NotNoticed { connections: 1 });
        fine.verdict = CaseVerdict::Passed {
            after: None,
            by: None,
        };
        assert_eq!(advice(&fine), None);
    }
}
