//! What is said as JSON lines. Times count from the start of the command.

use std::net::SocketAddr;
use std::time::Duration;

use deadpeer_core::{Effective, Forecast};
use deadpeer_report::duration::milliseconds;
use deadpeer_report::raw::RawText;
use deadpeer_report::record;

use super::ending::Ending;
use super::method::Method;
use super::seen::Seen;
use super::standing::Standing;

pub(super) fn listening(address: SocketAddr, method: &Method) -> record::Listening {
    record::Listening {
        address: address.to_string(),
        method: method.name().into(),
        within_ms: milliseconds(method.within),
    }
}

pub(super) fn connected(
    line: Standing,
    method: &Method,
    settings: &Effective,
    forecast: &Forecast,
    at: Duration,
) -> record::Connected {
    record::Connected {
        at_ms: milliseconds(at),
        peer: line.peer.to_string(),
        local: line.local.to_string(),
        method: method.name().into(),
        within_ms: milliseconds(method.within),
        settings: settings.into(),
        notices_in: forecast.into(),
    }
}

pub(super) fn seen(
    peer: SocketAddr,
    seen: Seen,
    text: Option<RawText>,
    at: Duration,
) -> record::Seen {
    let mut json = record::Seen {
        at_ms: milliseconds(at),
        peer: peer.to_string(),
        what: seen.word().into(),
        bytes: None,
        text,
        question: None,
        unanswered: None,
        silent_ms: None,
    };
    match seen {
        Seen::Received { bytes } => json.bytes = Some(bytes as u64),
        Seen::WindowClosed { waiting } => json.bytes = Some(waiting.into()),
        Seen::Unanswered {
            what,
            count,
            silent,
        } => {
            json.question = Some(what.word().into());
            json.unanswered = Some(count);
            json.silent_ms = Some(milliseconds(silent));
        }
        Seen::HeardAgain { unanswered, silent } | Seen::Silent { silent, unanswered } => {
            json.unanswered = Some(unanswered);
            json.silent_ms = Some(milliseconds(silent));
        }
        Seen::Agreed { deadline } => json.silent_ms = Some(milliseconds(deadline)),
        Seen::Answered | Seen::WindowOpen { .. } | Seen::Fin | Seen::ShutDown => {}
    }
    json
}

pub(super) fn ended(
    line: Standing,
    method: &Method,
    ending: &Ending,
    at: Duration,
) -> record::Ended {
    record::Ended {
        at_ms: milliseconds(at),
        peer: line.peer.to_string(),
        lost: ending.is_loss(),
        by: ending.by.word().into(),
        question: ending.by.question().map(|asked| asked.word().into()),
        method: method.name().into(),
        sign: ending.sign.to_string(),
        cause: ending.cause.map(|cause| cause.word().into()),
        errno: ending.errno.clone(),
        why: ending.why(),
        silent_ms: ending.silent.map(milliseconds),
        unanswered: ending.unanswered,
        tcpi_state: ending.shown.state.map(Into::into),
        poll: ending.shown.bits.clone(),
        received: line.received,
        sent: line.sent,
        stood_ms: milliseconds(line.age),
    }
}
