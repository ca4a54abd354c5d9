//! What can be undone, and what was.

use std::path::Path;

use deadpeer_report::Gap;
use deadpeer_report::raw::RawText;
use deadpeer_report::record::{self, Failed, Returned, SysctlUndone, Undone};

use crate::undo::{Journal, Left, Restored, Returning, SysctlChange, SysctlFate, UndoFile};

impl Restored {
    /// The record of what came of undoing this file; `done`: and was not only rehearsed.
    #[must_use]
    pub fn to_record(&self, file: &Path, done: bool) -> Undone {
        let unreachable = self.unreachable.iter().map(|(why, count)| Failed {
            sockets: *count,
            because: why.reason().to_owned(),
        });
        let refused = (self.refused > 0).then(|| Failed {
            sockets: self.refused,
            because: "the kernel refused".to_owned(),
        });
        Undone {
            file: file.into(),
            done,
            restored: self.restored,
            returned: self.returning.iter().map(returned).collect(),
            unchanged: self.unchanged,
            gone: self.gone,
            overtaken: self.overtaken,
            own_now: self.own_now,
            later: self.later,
            handed_to: self
                .handed_to
                .iter()
                .map(|file| file.as_path().into())
                .collect(),
            unreadable_files: self.unreadable_files,
            failed: unreachable.chain(refused).collect(),
            sysctls: self.sysctls.iter().map(undone).collect(),
        }
    }
}

fn returned(returning: &Returning) -> Returned {
    Returned {
        process: returning.process.as_deref().map(RawText::from),
        listeners: returning.listeners,
        sockets: returning.count,
        before: (&returning.now).into(),
        after: (&returning.then).into(),
    }
}

fn undone((change, fate): &(SysctlChange, SysctlFate)) -> SysctlUndone {
    let (word, now, because) = match fate {
        SysctlFate::Restored => ("restored", Some(change.before), None),
        SysctlFate::Unchanged => ("unchanged", Some(change.before), None),
        SysctlFate::Overtaken(now) => ("overtaken", Some(*now), None),
        SysctlFate::Failed(why) => ("failed", None, Some(why.clone())),
    };
    SysctlUndone {
        name: change.sysctl.name().into(),
        fate: word.into(),
        now,
        because,
    }
}

impl From<&SysctlChange> for record::SysctlChange {
    fn from(change: &SysctlChange) -> Self {
        Self {
            name: change.sysctl.name().into(),
            before: change.before,
            after: change.after,
        }
    }
}

impl Journal {
    /// The files that can't be read.
    pub fn gaps(&self) -> impl Iterator<Item = Gap> {
        let unread = self.unreadable.iter();
        unread.map(|error| Gap::UndoFileUnread {
            why: error.to_string(),
        })
    }
}

impl UndoFile {
    /// The record of this file, and what is left of it.
    #[must_use]
    pub fn to_record(&self, left: Left) -> record::UndoFile {
        let record = self.record();
        record::UndoFile {
            file: self.path().into(),
            begun_unix_s: record.begun_unix_s,
            within_ms: record.within_ms,
            sockets: record.sockets() as u64,
            sysctls: record.sysctls.iter().map(Into::into).collect(),
            this_boot: left != Left::EarlierBoot,
            left: left.word(self).into(),
            sockets_left: left.sockets(),
            network_namespace: record.network_namespace,
        }
    }

    /// The record of forgetting it; `done`: and not only rehearsed.
    #[must_use]
    pub fn to_forgotten(&self, left: Left, done: bool) -> record::ForgottenUndoFile {
        record::ForgottenUndoFile {
            file: self.path().into(),
            left: left.word(self).into(),
            sockets_left: left.sockets(),
            done,
        }
    }
}

impl Left {
    fn word(self, file: &UndoFile) -> &'static str {
        match self {
            Self::EarlierBoot => "earlier-boot",
            Self::NamespaceGone => "namespace-gone",
            Self::Sockets(_) if self.is_over(file) => "sockets-gone",
            Self::Sockets(_) => "standing",
            Self::Unknown => "unknown",
        }
    }

    fn sockets(self) -> Option<u64> {
        match self {
            Self::EarlierBoot | Self::NamespaceGone => Some(0),
            Self::Sockets(sockets) => Some(sockets),
            Self::Unknown => None,
        }
    }
}
