//! What undoing one record leaves to others. Pure.
//!
//! Records are in the order in which they were begun. A socket that a later record changed as well
//! keeps what it has: that later change counts on it. Its way back is handed over to the later
//! record, in front of what that knows, so that any order of undoing ends at the first settings.
//! Loans are no such change: one that still stands was left by a process that was killed, and goes
//! back first. One that doesn't is over, and leaves its record: otherwise it could be taken for an
//! older one of the same value that comes to light again.

use rustc_hash::{FxHashMap, FxHashSet};

use super::record::{Group, Record};
use super::sysctl::SysctlChange;

/// What undoing one record comes to.
#[derive(Debug, Default)]
pub(crate) struct Inheritance<'r> {
    /// The sockets that can be put back now, with their changes, oldest first.
    pub(crate) now: FxHashMap<u64, Vec<&'r Group>>,
    /// The sysctls that can.
    pub(crate) sysctls: Vec<SysctlChange>,
    /// What later records are given.
    pub(crate) handed: Vec<Handed>,
    /// The sockets in there.
    pub(crate) later: FxHashSet<u64>,
    /// The loans of later records that are part of this, by the place of the record.
    pub(crate) loans: FxHashMap<usize, FxHashSet<u64>>,
}

/// What a later record is given.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Handed {
    /// The place of that record among the later ones.
    pub(crate) to: usize,
    /// The changes before its own.
    pub(crate) groups: Vec<Group>,
    /// The sysctls that were set before its own.
    pub(crate) sysctls: Vec<SysctlChange>,
}

impl<'r> Inheritance<'r> {
    /// Of a record, and of all later ones of the same namespace and boot, the earliest first.
    pub(crate) fn of(record: &'r Record, later: &[&'r Record]) -> Self {
        let heirs = heirs(record, later);
        let mut all = Self::default();
        let mut handed: Vec<Handed> = (0..later.len())
            .map(|to| Handed {
                to,
                ..Handed::default()
            })
            .collect();
        // With what was lent in between.
        let loans = later.iter().enumerate().flat_map(|(place, record)| {
            let lent = record.groups.iter().filter(|group| group.lent);
            lent.map(move |group| (Some(place), *record, group))
        });
        let own = record.groups.iter().map(|group| (None, record, group));
        for (from, record, group) in own.chain(loans) {
            let begun = group.handed_from_boot_ns.unwrap_or(record.begun_boot_ns);
            let mut shares: FxHashMap<usize, Vec<u64>> = FxHashMap::default();
            for cookie in &group.cookies {
                match heirs.get(cookie) {
                    Some(Some(heir)) if from.is_none_or(|from| from < *heir) => {
                        shares.entry(*heir).or_default().push(*cookie);
                    }
                    Some(None) => all.now.entry(*cookie).or_default().push(group),
                    Some(Some(_)) | None => continue,
                }
                if let Some(from) = from {
                    all.loans.entry(from).or_default().insert(*cookie);
                }
            }
            for (heir, cookies) in shares {
                all.later.extend(&cookies);
                if let Some(handed) = handed.get_mut(heir) {
                    handed.groups.push(Group {
                        cookies,
                        handed_from_boot_ns: Some(begun),
                        ..group.clone()
                    });
                }
            }
        }
        for change in &record.sysctls {
            let has = |record: &&Record| record.sysctls.iter().any(|it| it.sysctl == change.sysctl);
            match later
                .iter()
                .position(has)
                .and_then(|heir| handed.get_mut(heir))
            {
                Some(handed) => handed.sysctls.push(*change),
                None => all.sysctls.push(*change),
            }
        }
        handed.retain(|handed| !handed.groups.is_empty() || !handed.sysctls.is_empty());
        all.handed = handed;
        all
    }
}

/// Who changed each socket of a record next; `None`: nobody.
fn heirs(record: &Record, later: &[&Record]) -> FxHashMap<u64, Option<usize>> {
    let own = record.groups.iter().flat_map(|group| &group.cookies);
    let mut heirs: FxHashMap<u64, Option<usize>> = own.map(|cookie| (*cookie, None)).collect();
    for (place, record) in later.iter().enumerate().rev() {
        let changed = record.groups.iter().filter(|group| !group.lent);
        for cookie in changed.flat_map(|group| &group.cookies) {
            if let Some(heir) = heirs.get_mut(cookie) {
                *heir = Some(place);
            }
        }
    }
    heirs
}

impl Record {
    /// Puts what was handed over before its own.
    ///
    /// What it was handed already, by one that was killed before it could forget that, stands in
    /// its place and is not put before what came first.
    pub(crate) fn inherit(&mut self, handed: Handed) {
        let of = |group: &Group| {
            let begun = group.handed_from_boot_ns;
            let cookies = group.cookies.clone();
            cookies.into_iter().map(move |cookie| (begun, cookie))
        };
        let known: FxHashSet<(Option<u64>, u64)> = self.groups.iter().flat_map(of).collect();
        let new = handed.groups.into_iter().map(|mut group| {
            let begun = group.handed_from_boot_ns;
            let is_new = |cookie: &u64| !known.contains(&(begun, *cookie));
            group.cookies.retain(is_new);
            group
        });
        let new = new.filter(|group| !group.cookies.is_empty());
        self.groups.splice(0..0, new);
        self.sysctls.splice(0..0, handed.sysctls);
    }

    /// Knows no longer of what others were handed.
    pub(crate) fn leave(&mut self, sockets: &FxHashSet<u64>, sysctls: &[SysctlChange]) {
        for group in &mut self.groups {
            group.cookies.retain(|cookie| !sockets.contains(cookie));
        }
        self.groups.retain(|group| !group.cookies.is_empty());
        self.sysctls.retain(|change| !sysctls.contains(change));
    }
}

#[cfg(test)]
mod model;
