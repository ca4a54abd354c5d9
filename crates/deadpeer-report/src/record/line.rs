//! Any line, told apart by its `type`.

use serde::{Deserialize, Serialize, Serializer};

use super::*;

/// Declares [`Line`] and the schemas of all of its types from one list.
macro_rules! lines {
    ($($kind:literal => $record:ident,)*) => {
        /// A line of any type.
        #[derive(Debug, Clone, PartialEq, Deserialize)]
        #[serde(tag = "type")]
        #[non_exhaustive]
        pub enum Line {
            $(
                #[doc = concat!("A line of type `", $kind, "`.")]
                #[serde(rename = $kind)]
                $record(Box<$record>),
            )*
        }

        /// Each record says its type itself.
        impl Serialize for Line {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$record(record) => record.serialize(serializer),)*
                }
            }
        }

        impl Line {
            /// Every type there is.
            pub const TYPES: &[&str] = &[$($kind),*];
        }

        #[cfg(test)]
        pub(super) fn schemas() -> Vec<(&'static str, schemars::Schema)> {
            vec![$(($kind, super::schemas::schema::<$record>($kind))),*]
        }
    };
}

lines! {
    "capture" => Capture,
    "cell" => Cell,
    "configuration" => Configuration,
    "connected" => Connected,
    "connection" => Connection,
    "death" => Death,
    "death_group" => DeathGroup,
    "deaths" => Deaths,
    "ended" => Ended,
    "experiment" => Experiment,
    "forgotten_undo_file" => ForgottenUndoFile,
    "group" => Group,
    "guard_status" => GuardStatus,
    "guarded" => Guarded,
    "hanging" => Hanging,
    "history" => History,
    "kill" => Kill,
    "kill_summary" => KillSummary,
    "leak" => Leak,
    "listener" => Listener,
    "listening" => Listening,
    "packet" => Packet,
    "ping" => Ping,
    "ping_summary" => PingSummary,
    "plan" => Plan,
    "protect_plan" => ProtectPlan,
    "protect_summary" => ProtectSummary,
    "protect_sysctl" => ProtectSysctl,
    "recipe" => Recipe,
    "refusal" => Refusal,
    "remedy" => Remedy,
    "removed_protection" => RemovedProtection,
    "seen" => Seen,
    "service" => Service,
    "standing_protection" => StandingProtection,
    "story" => Story,
    "summary" => Summary,
    "tally" => Tally,
    "test_case" => TestCase,
    "test_summary" => TestSummary,
    "undo_file" => UndoFile,
    "undone" => Undone,
    "warning" => Warning,
    "watch" => Watch,
}
