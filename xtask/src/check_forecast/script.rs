//! What is done to a connection, and when.

use std::time::Duration;

use deadpeer_core::forecast::model_timeout_ms;
use deadpeer_core::{SocketOptions, Sysctls};

use super::dice::Dice;
use super::kind::Kind;

/// One thing that is done to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Bytes arrive from the peer.
    Hear,
    /// The peer's host drops what we send.
    Mute,
    /// It takes it again.
    Unmute,
    /// connect() to a host that is gone.
    Connect,
    /// A SYN arrives whose sender is gone.
    Request,
    Write,
    /// 5,000 bytes.
    Respond,
    /// As many small segments as are not paced.
    WarmUp,
    /// 1,000 bytes, at so many a second.
    WritePaced(u32),
    CloseWindow,
    /// shutdown() on our side.
    Finish,
    PeerFinishes,
    /// Our FIN is acknowledged, however late the others made it.
    AwaitAcknowledgement,
    Close,
    /// Another `TCP_KEEPINTVL`.
    SetInterval(u32),
    /// The forecast is asked.
    Predict,
    /// The path mends after an outage.
    Mend,
    /// What arrived after the outage is counted.
    Count,
}

/// Deeds in the order of their moments after the start.
pub(super) type Script = Vec<(Duration, Deed)>;

/// A script for this kind of silence.
pub(super) fn draw(
    dice: &mut Dice,
    kind: Kind,
    options: &SocketOptions,
    sysctls: &Sysctls,
) -> Script {
    let vanish = dice.millis(2_000..5_000);
    let mut script = Script::new();
    if !kind.connects() && kind != Kind::LongClosedWindow && !kind.is_amid_probes() {
        // Early enough for our acknowledgement to arrive: else the peer repeats itself.
        let early = vanish - Duration::from_millis(1_200);
        for _ in 0..dice.u32(0..3) {
            script.push((dice.part(early, 0..900), Deed::Hear));
        }
    }
    let mut then = |after: Duration, deeds: &[Deed]| {
        script.extend(deeds.iter().map(|deed| (after, *deed)));
    };
    let soon = Duration::from_millis(1_500);
    match kind {
        Kind::Idle | Kind::ArmedBySysctl => then(vanish, &[Deed::Mute, Deed::Predict]),
        Kind::AmidProbes | Kind::IntervalChanged => {
            let [idle, interval] =
                [options.keepidle_s, options.keepintvl_s].map(|s| s.unwrap_or(1));
            let probed = Duration::from_secs(u64::from(idle)) + Duration::from_millis(600);
            let at = probed + dice.part(Duration::from_secs(u64::from(interval)), 0..1_800);
            then(Duration::from_millis(200), &[Deed::Mute]);
            if kind == Kind::IntervalChanged {
                then(at, &[Deed::SetInterval(dice.u32(1..10))]);
            }
            then(at, &[Deed::Predict]);
        }
        Kind::Write => then(vanish, &[Deed::Mute, Deed::Write, Deed::Predict]),
        Kind::LateWrite => {
            then(vanish, &[Deed::Mute]);
            let late = vanish + dice.millis(100..20_000);
            then(late, &[Deed::Write, Deed::Predict]);
        }
        Kind::FirstRun | Kind::SecondRun | Kind::ThirdRun => {
            let mut at = vanish;
            for _ in 0..kind.earlier_runs() {
                let outage = dice.millis(500..2_000);
                then(at, &[Deed::Mute, Deed::Write]);
                then(at + outage, &[Deed::Unmute]);
                // The next retransmission arrives.
                at += outage * 3 + Duration::from_millis(2_500);
            }
            then(at, &[Deed::Mute, Deed::Write]);
            then(
                at + into_a_run(dice, options, sysctls, false),
                &[Deed::Predict],
            );
        }
        Kind::Paced => {
            then(Duration::from_millis(100), &[Deed::WarmUp]);
            let rate = dice.u32(100..2_000);
            then(vanish, &[Deed::Mute, Deed::WritePaced(rate)]);
            // The probe and the first timeout came at the largest RTO each, at the latest.
            then(vanish + dice.millis(5_000..8_000), &[Deed::Predict]);
        }
        Kind::ClosedWindow => then(vanish, &[Deed::CloseWindow, Deed::Mute, Deed::Predict]),
        Kind::LongClosedWindow => {
            then(Duration::ZERO, &[Deed::CloseWindow]);
            then(vanish, &[Deed::Mute, Deed::Predict]);
        }
        Kind::Connect => then(vanish, &[Deed::Connect, Deed::Predict]),
        Kind::Request => {
            then(vanish, &[Deed::Request]);
            then(vanish + dice.millis(50..900), &[Deed::Predict]);
        }
        Kind::Fin => then(vanish, &[Deed::Mute, Deed::Finish, Deed::Predict]),
        Kind::AcknowledgedFin => {
            then(vanish, &[Deed::Finish]);
            then(vanish + soon, &[Deed::Mute, Deed::Predict]);
        }
        Kind::ClosedWithData => then(
            vanish,
            &[Deed::Mute, Deed::Write, Deed::Close, Deed::Predict],
        ),
        Kind::ClosedForAWhile => {
            then(vanish, &[Deed::Mute, Deed::Write, Deed::Close]);
            then(
                vanish + into_a_run(dice, options, sysctls, true),
                &[Deed::Predict],
            );
        }
        // The forecast tells when the path mends.
        Kind::OutageSurvived | Kind::OutageNotSurvived => then(
            vanish,
            &[Deed::Mute, Deed::Respond, Deed::Close, Deed::Predict],
        ),
        Kind::LastAck => {
            then(vanish, &[Deed::PeerFinishes]);
            then(vanish + soon, &[Deed::Mute, Deed::Close, Deed::Predict]);
        }
        Kind::Closing => {
            then(vanish, &[Deed::Mute, Deed::Close, Deed::PeerFinishes]);
            then(vanish + Duration::from_millis(50), &[Deed::Predict]);
        }
        Kind::FinWait2 => {
            then(vanish, &[Deed::Finish]);
            let deeds = [Deed::AwaitAcknowledgement, Deed::Close, Deed::Predict];
            then(vanish + soon, &deeds);
        }
        Kind::ClosedBehindWindow => {
            let deeds = [Deed::CloseWindow, Deed::Mute, Deed::Close, Deed::Predict];
            then(vanish, &deeds);
        }
    }
    script
}

/// Some time into a run of timeouts, before it can end.
fn into_a_run(
    dice: &mut Dice,
    options: &SocketOptions,
    sysctls: &Sysctls,
    orphan: bool,
) -> Duration {
    let rto_max = options.rto_max_ms.unwrap_or(120_000);
    let limit = options
        .user_timeout_ms
        .filter(|ms| *ms > 0)
        .unwrap_or_else(|| match orphan {
            // With its RTO at the largest an orphan is not counted as alive.
            true => rto_max.min(model_timeout_ms(
                sysctls.orphan_retries.max(1),
                rto_max,
                200,
            )),
            false => model_timeout_ms(sysctls.retries2, rto_max, 200),
        });
    dice.part(Duration::from_millis(limit.min(40_000).into()), 50..800)
}

/// When a late write comes.
pub(super) fn late_write(script: &Script, kind: Kind) -> Option<Duration> {
    let write = script.iter().find(|(_, deed)| *deed == Deed::Write);
    write.filter(|_| kind == Kind::LateWrite).map(|(at, _)| *at)
}
