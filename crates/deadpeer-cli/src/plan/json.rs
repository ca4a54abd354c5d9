//! A plan as JSON lines.

use super::Asked;
use crate::exit::Stop;
use crate::json::{ForecastJson, OptionsJson, line, milliseconds};
use crate::policy_args::SlowReadersArg;
use deadpeer_core::Refusal;
use serde::Serialize;
use std::io::Write;

/// Options that keep a promise.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "plan")]
pub(crate) struct PlanJson {
    /// The deadline asked for.
    within_ms: u64,
    /// Lost probes that a live peer was to survive.
    survive_lost_probes: u32,
    /// Whether live peers that don't read are kept.
    keep_slow_readers: bool,
    /// Kinds of silence that need not keep the deadline.
    except: Vec<&'static str>,
    /// What to set.
    options: OptionsJson,
    /// What that promises.
    notices_in: ForecastJson,
    /// The retransmission timeout up to which the promise holds; null: it holds whatever that is.
    assumed_rto_ms: Option<u64>,
}

/// A promise that no options can keep.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "refusal")]
pub(crate) struct RefusalJson {
    /// The deadline asked for.
    within_ms: u64,
    /// Why not, as a sentence.
    reason: String,
    /// The nearest deadline that can be kept; null: none.
    nearest_ms: Option<u64>,
    /// Concessions, each of which alone makes the deadline possible.
    possible_if_you: Vec<String>,
}

/// Writes a plan.
pub(super) fn plan(asked: &Asked<'_>, out: &mut impl Write) -> Result<(), Stop> {
    let json = PlanJson {
        within_ms: milliseconds(asked.args.within),
        survive_lost_probes: asked.args.policy.survive_lost,
        keep_slow_readers: asked.args.policy.slow_readers == SlowReadersArg::Keep,
        except: asked
            .args
            .except
            .iter()
            .map(|silence| silence.name())
            .collect(),
        options: OptionsJson::of(asked.plan.options()),
        notices_in: asked.plan.forecast().into(),
        assumed_rto_ms: asked.plan.assumed_rto().map(milliseconds),
    };
    line(out, &json)
}

/// Writes a refusal.
pub(crate) fn refusal(refusal: &Refusal, out: &mut impl Write) -> Result<(), Stop> {
    let json = RefusalJson {
        within_ms: milliseconds(refusal.within),
        reason: refusal.reason.to_string(),
        nearest_ms: refusal.nearest.map(milliseconds),
        possible_if_you: refusal
            .relaxations
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    line(out, &json)
}
