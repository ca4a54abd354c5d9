//! What can be undone, and what was.

use std::path::Path;

use deadpeer_report::record::{self, Failed, SysctlUndone, Undone};

use crate::undo::{Restored, SysctlChange, SysctlFate, UndoFile};

impl Restored {
    /// The record of what came of undoing this file.
    #[must_use]
    pub fn to_record(&self, file: &Path) -> Undone {
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
            restored: self.restored,
            unchanged: self.unchanged,
            gone: self.gone,
            overtaken: self.overtaken,
            own_now: self.own_now,
            failed: unreachable.chain(refused).collect(),
            sysctls: self.sysctls.iter().map(undone).collect(),
        }
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

impl UndoFile {
    /// The record of this file. `boot` is the number of the running boot
    /// ([`boot_id`](crate::undo::boot_id)).
    #[must_use]
    pub fn to_record(&self, boot: &str) -> record::UndoFile {
        let record = self.record();
        record::UndoFile {
            file: self.path().into(),
            begun_unix_s: record.begun_unix_s,
            within_ms: record.within_ms,
            sockets: record.sockets() as u64,
            sysctls: record.sysctls.iter().map(Into::into).collect(),
            this_boot: record.boot_id == boot,
            network_namespace: record.network_namespace,
        }
    }
}
