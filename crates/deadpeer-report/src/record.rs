//! The lines of `--json`, to be written and to be read.
//!
//! Field names are the kernel's where it has one, with the unit in the name. `null` means "unknown"
//! or "not set"; that something never happens is said by the word "never". Every line has a `type`,
//! and one struct here is one type; [`Line`] reads any of them.

mod audit;
mod configuration;
mod ends;
mod explain;
mod guard;
mod history;
mod kill;
mod lab;
mod line;
mod ping;
mod place;
mod plan;
mod protect;
mod remedy;
#[cfg(test)]
mod schemas;
mod settings;
mod test;
mod time;
mod watch;

pub use audit::{
    Bound, Connection, Finding, FindingCount, GivenUp, Hanging, Leak, Listener, Owner, Proven,
    Service, SettingsCount, Socket, Summary, Timer, Unread, Waiting, Warning, Worst, Worsts,
};
pub use configuration::{
    Configuration, ConfigurationLine, ConfigurationOwn, ConfigurationRemark, ConfigurationSockets,
};
pub use ends::{Connected, Ended, Listening, Seen};
pub use explain::{
    Capture, Event, Evidence, Group, Packet, SeenAs, Side, Story, StoryVerdict, Translated,
};
pub use guard::{GuardClosedWindow, GuardHolding, GuardStatus, Guarded};
pub use history::{CauseCount, DeathGroup, History, LostDeaths};
pub use kill::{Kill, KillSummary};
pub use lab::{Cell, Experiment, Tally};
pub use line::Line;
pub use ping::{Ends, Ping, PingSummary, Reply};
pub use place::{Container, Place, Pod};
pub use plan::{Plan, Refusal};
pub use protect::{
    Failed, ForgottenUndoFile, ProtectPlan, ProtectSummary, ProtectSysctl, RemovedProtection,
    Returned, StandingProtection, SysctlChange, SysctlUndone, UndoFile, Undone,
};
pub use remedy::{Recipe, Remedy, RemedySide, RemedyTimeout, ServiceRemedy};
pub use settings::{AfterClose, Forecast, Notice, Options, Outlook};
pub use test::{TestCase, TestSummary};
pub use time::Time;
pub use watch::{Death, DeathCount, Deaths, LastOwner, Limit, Watch};

/// A word for programs, of those that the field's documentation lists. More may come.
pub type Word = std::borrow::Cow<'static, str>;
