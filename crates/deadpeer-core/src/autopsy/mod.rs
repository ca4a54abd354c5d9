//! How a connection died, from what was left of it at that moment.
//!
//! The kernel keeps one errno for each death, and several deaths share one: keepalive, unacknowledged data, a window that never
//! opened and a connect() without an answer are all `ETIMEDOUT`. What tells them apart are the counters beside it.
//! [`Autopsy::of`] puts both together. Where the errno is not known, because the application has taken it or nobody saw the
//! moment, the counters alone are judged, and [`Autopsy::certain`] says so.

mod certain;
mod likely;
mod limit;
mod manner;
mod remains;
#[cfg(test)]
mod tests;

pub use limit::Limit;
pub use manner::Manner;
pub use remains::Remains;

/// How a connection died, and which setting decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Autopsy {
    /// How it died.
    pub manner: Manner,
    /// The setting that made our kernel give up then and not earlier or later; `None` where no setting decided, or the settings
    /// are not known.
    pub limit: Option<Limit>,
    /// Whether the kernel's own word was known. If not, `manner` is what fits the counters best.
    pub certain: bool,
}

impl Autopsy {
    /// Judges what was left of a connection that is over.
    #[must_use]
    pub fn of(remains: &Remains) -> Self {
        let manner = match remains.errno {
            Some(errno) => certain::manner(errno, remains),
            None => likely::manner(remains),
        };
        Self {
            manner,
            limit: Limit::of(manner, remains),
            certain: remains.errno.is_some() && manner != Manner::Unknown,
        }
    }
}
