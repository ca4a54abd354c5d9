//! Putting back what was before.

use std::ops::ControlFlow;
use std::os::fd::OwnedFd;

use deadpeer::Apply as _;
use deadpeer_bpf::Change;
use deadpeer_core::{Effective, Setting, SocketOptions};
use deadpeer_sys::sockopt;
use rustc_hash::FxHashMap;

use super::record::{Group, Record};
use super::sysctl::{self, SysctlChange, SysctlFate};
use crate::table::Query;
use crate::table::Unreadable;
use crate::table::fd_borrower::FdBorrower;
use crate::table::{ReadTableError, Table};

/// What came of undoing a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Restored {
    /// Sockets that have their old values again.
    pub restored: u64,
    /// Sockets that had them still or already: killed before their turn came, or undone before.
    pub unchanged: u64,
    /// Sockets that are gone: there is nothing to restore.
    pub gone: u64,
    /// Sockets of which the application has set an option itself since; that option is its own and
    /// stays.
    pub overtaken: u64,
    /// Sockets that could not be reached, by reason.
    pub unreachable: Vec<(Unreadable, u64)>,
    /// Sockets that the kernel refused old values for.
    pub refused: u64,
    /// Sockets on which `TCP_KEEPIDLE`, `TCP_KEEPINTVL` or `TCP_KEEPCNT` now have the value they
    /// had, as their own: whether they had it from a sysctl before does not show, and the kernel
    /// cannot be told to follow it again (tcp(7)).
    pub own_now: u64,
    /// What came of the sysctls.
    pub sysctls: Vec<(SysctlChange, SysctlFate)>,
}

impl Restored {
    /// Whether nothing is left to be undone.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let failed = |fate: &SysctlFate| matches!(fate, SysctlFate::Failed(_));
        self.unreachable.is_empty()
            && self.refused == 0
            && !self.sysctls.iter().any(|(_, fate)| failed(fate))
    }
}

/// Puts back the values of a record on every socket of this namespace that it knows and that is
/// still there.
///
/// An option that holds neither what was set nor what was before is left alone: its application has
/// set it since. So is a sysctl.
///
/// # Errors
/// The table could not be read.
pub fn restore(record: &Record, table: &mut Table) -> Result<Restored, ReadTableError> {
    // A socket is in two groups if it was changed twice.
    let mut ways: FxHashMap<u64, Vec<&Group>> = FxHashMap::default();
    for group in &record.groups {
        for cookie in &group.cookies {
            ways.entry(*cookie).or_default().push(group);
        }
    }
    let mut restored = Restored::default();
    let mut borrower = FdBorrower::default();
    let by_bpf = table.uses_bpf();
    let query = Query {
        settings: by_bpf,
        tcp_info: false,
        ..Query::default()
    };
    let mut changes = Vec::new();
    table.each(&query, |connection| {
        let cookie = connection.socket.cookie;
        let Some(groups) = ways.remove(&cookie) else {
            return ControlFlow::Continue(());
        };
        if let (Some(bpf), Some(now)) = (connection.bpf, connection.settings.effective()) {
            let back = Back::of(now, &groups);
            restored.count(&back);
            if back.options != SocketOptions::default() {
                let mut change = Change::new(cookie, back.options);
                change.only_if = Some(bpf.own);
                changes.push(change);
            }
            return ControlFlow::Continue(());
        }
        let socket = connection.socket;
        let waits = socket.state.may_send();
        let lent = match socket.inode {
            Some(_) => borrower.borrow_from(connection.owners().numbers(), cookie),
            None if waits => Err(Unreadable::NoDescriptor),
            // Closed by its program: the kernel ends it by itself.
            None => Err(Unreadable::Gone),
        };
        match lent.map(|socket| put_back(&socket, &groups)) {
            Ok(Ok(back)) => restored.count(&back),
            Ok(Err(())) => restored.refused += 1,
            Err(Unreadable::Gone) => restored.gone += 1,
            Err(why) => restored.count_unreachable(why),
        }
        ControlFlow::Continue(())
    })?;
    restored.gone += ways.len() as u64;
    if let Some(view) = table.view() {
        let (mut gone, mut refused) = (changes.len() as u64, 0);
        view.set(changes, |outcome| {
            gone -= 1;
            refused += u64::from(outcome.refused.is_some());
        })?;
        restored.restored -= refused + gone;
        restored.refused += refused;
        restored.gone += gone;
    }
    restored.sysctls = sysctl::restore(record, table);
    Ok(restored)
}

/// What leads a socket back.
#[derive(Debug, Default)]
struct Back {
    options: SocketOptions,
    overtaken: bool,
    own_now: bool,
}

impl Back {
    /// From what it has now, the latest change first.
    fn of(now: &Effective, groups: &[&Group]) -> Self {
        let mut back = Self::default();
        let mut then = *now;
        for group in groups.iter().rev() {
            let (options, overtaken) = way_back(&then, &group.before, &group.after);
            back.overtaken |= overtaken;
            for setting in options.settings() {
                back.options.put(setting);
            }
            let timed = options.settings().any(|set| set.option.may_follow_sysctl());
            back.own_now |= timed && group.followed_sysctl != Some(false);
            then = then.with(&options);
        }
        back
    }
}

fn put_back(socket: &OwnedFd, groups: &[&Group]) -> Result<Back, ()> {
    let now = sockopt::effective(socket).map_err(drop)?;
    let back = Back::of(&now, groups);
    if back.options != SocketOptions::default() {
        back.options.apply(socket).map_err(drop)?;
    }
    Ok(back)
}

/// The options that still hold what was set, with what they had before, and whether any holds
/// something else.
fn way_back(
    now: &Effective,
    before: &SocketOptions,
    after: &SocketOptions,
) -> (SocketOptions, bool) {
    let mut back = SocketOptions::default();
    let mut overtaken = false;
    for old in before.settings() {
        let Some(value) = after.get(old.option) else {
            continue;
        };
        match now.held(old.option) {
            Some(held) if held == old => {}
            Some(held) if Setting::new(old.option, value).is_held_as(held) => back.put(old),
            Some(_) => overtaken = true,
            None => {}
        }
    }
    (back, overtaken)
}

impl Restored {
    fn count(&mut self, back: &Back) {
        match back.options == SocketOptions::default() {
            false => self.restored += 1,
            true if !back.overtaken => self.unchanged += 1,
            true => {}
        }
        self.overtaken += u64::from(back.overtaken);
        self.own_now += u64::from(back.own_now);
    }

    fn count_unreachable(&mut self, why: Unreadable) {
        match self.unreachable.iter_mut().find(|(known, _)| *known == why) {
            Some((_, count)) => *count += 1,
            None => self.unreachable.push((why, 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use deadpeer_core::Sysctls;

    use super::*;

    fn options(set: impl FnOnce(&mut SocketOptions)) -> SocketOptions {
        let mut options = SocketOptions::default();
        set(&mut options);
        options
    }

    fn group(before: SocketOptions, after: SocketOptions) -> Group {
        Group {
            process: None,
            listeners: false,
            before,
            after,
            followed_sysctl: None,
            cookies: vec![1],
        }
    }

    fn keepalive(on: bool, idle: u32) -> SocketOptions {
        options(|set| {
            set.keepalive = Some(on);
            set.keepidle_s = Some(idle);
        })
    }

    fn back(now: &SocketOptions, groups: &[Group]) -> (SocketOptions, bool) {
        let groups: Vec<&Group> = groups.iter().collect();
        let back = Back::of(&now.resolve(&Sysctls::DEFAULT), &groups);
        (back.options, back.overtaken)
    }

    #[test]
    fn what_was_set_goes_back_to_what_was() {
        let way = [group(keepalive(false, 7200), keepalive(true, 9))];
        assert_eq!(
            back(&keepalive(true, 9), &way),
            (keepalive(false, 7200), false)
        );
        // Undone before, or never done.
        let (nothing, overtaken) = back(&keepalive(false, 7200), &way);
        assert_eq!((nothing, overtaken), (SocketOptions::default(), false));
        // Killed halfway.
        let half = options(|set| set.keepalive = Some(true));
        let (rest, overtaken) = back(&half, &way);
        assert_eq!(
            (rest, overtaken),
            (options(|set| set.keepalive = Some(false)), false)
        );
    }

    #[test]
    fn what_the_application_set_since_is_its_own() {
        let way = [group(keepalive(false, 7200), keepalive(true, 9))];
        let (rest, overtaken) = back(&keepalive(true, 60), &way);
        assert!(overtaken);
        assert_eq!(rest, options(|set| set.keepalive = Some(false)));
    }

    #[test]
    fn two_changes_are_undone_in_reverse() {
        let ways = [
            group(keepalive(false, 7200), keepalive(true, 60)),
            group(keepalive(true, 60), keepalive(true, 9)),
        ];
        assert_eq!(
            back(&keepalive(true, 9), &ways),
            (keepalive(false, 7200), false)
        );
    }

    #[test]
    fn what_the_kernel_rounded_is_known_again() {
        let rto_max = |ms| options(|set| set.rto_max_ms = Some(ms));
        let way = [group(rto_max(120_000), rto_max(1001))];
        assert_eq!(back(&rto_max(1004), &way), (rto_max(120_000), false));
    }
}
