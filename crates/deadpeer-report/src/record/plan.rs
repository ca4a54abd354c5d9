//! What `plan` publishes.

use std::collections::BTreeMap;

use deadpeer_core::Silence;
use serde::{Deserialize, Serialize};

use super::{Forecast, Options, Word};
use crate::duration::milliseconds;

/// Options that keep a promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "plan")]
pub struct Plan {
    /// The deadline asked for.
    pub within_ms: u64,
    /// Lost probes that a live peer was to survive.
    pub survive_lost_probes: u32,
    /// Whether live peers that don't read are kept.
    pub keep_slow_readers: bool,
    /// Kinds of silence that need not keep the deadline.
    pub except: Vec<Word>,
    /// The outage that what is written just before close() was to survive.
    pub after_close_ms: u64,
    /// After how much silence a middlebox forgets connections; null: there is none.
    pub middlebox_ms: Option<u64>,
    /// What to set.
    pub options: Options,
    /// What to set for the whole network namespace, by name; empty: nothing.
    pub sysctls: BTreeMap<String, u32>,
    /// What that promises.
    pub notices_in: Forecast,
    /// The retransmission timeout up to which the promise holds; null: it holds whatever that is.
    pub assumed_rto_ms: Option<u64>,
}

/// A promise that no options can keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "refusal")]
pub struct Refusal {
    /// The deadline asked for.
    pub within_ms: u64,
    /// Why not, as a sentence.
    pub reason: String,
    /// The nearest deadline that can be kept; null: none.
    pub nearest_ms: Option<u64>,
    /// Concessions, each of which alone makes the deadline possible.
    pub possible_if_you: Vec<String>,
}

impl From<&deadpeer_core::Plan> for Plan {
    fn from(plan: &deadpeer_core::Plan) -> Self {
        let policy = plan.policy();
        let excepted = Silence::ALL
            .into_iter()
            .filter(|silence| !policy.promises(*silence));
        Self {
            within_ms: milliseconds(policy.within()),
            survive_lost_probes: policy.survives(),
            keep_slow_readers: policy.keeps_slow_readers(),
            except: excepted.map(|silence| silence.name().into()).collect(),
            after_close_ms: milliseconds(policy.outage_after_close()),
            middlebox_ms: policy.middlebox_limit().map(milliseconds),
            options: plan.options().into(),
            sysctls: (plan.sysctls().iter())
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            notices_in: plan.forecast().into(),
            assumed_rto_ms: plan.assumed_rto().map(milliseconds),
        }
    }
}

impl From<&deadpeer_core::Refusal> for Refusal {
    fn from(refusal: &deadpeer_core::Refusal) -> Self {
        let relaxations = refusal.relaxations.iter();
        Self {
            within_ms: milliseconds(refusal.within),
            reason: refusal.reason.to_string(),
            nearest_ms: refusal.nearest.map(milliseconds),
            possible_if_you: relaxations.map(ToString::to_string).collect(),
        }
    }
}
