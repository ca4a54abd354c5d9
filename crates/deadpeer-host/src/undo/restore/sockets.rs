//! Putting back what sockets had, each by eBPF or through its owner's descriptor.

use std::ops::ControlFlow;
use std::os::fd::OwnedFd;

use deadpeer::Apply as _;
use deadpeer_bpf::Change;
use deadpeer_core::{Effective, SocketOptions};
use deadpeer_sys::sockopt;

use super::{RestoreError, Restored, Returning, Undoing};
use crate::table::fd_borrower::FdBorrower;
use crate::table::{Connection, Query, Table, Unreadable};
use crate::undo::inheritance::Inheritance;
use crate::undo::record::Group;
use crate::undo::way_back::WayBack;

/// Finds what is to be undone in the table, and undoes it.
pub(super) fn put_back_sockets(
    mut inheritance: Inheritance<'_>,
    table: &mut Table,
    undoing: Undoing,
    restored: &mut Restored,
) -> Result<(), RestoreError> {
    let mut borrower = FdBorrower::default();
    let query = Query {
        settings: table.uses_bpf(),
        tcp_info: false,
        ..Query::default()
    };
    let mut changes = Vec::new();
    let coverage = table.each(&query, |connection| {
        let cookie = connection.socket.cookie;
        if inheritance.later.remove(&cookie) {
            restored.later += 1;
        } else if let Some(groups) = inheritance.now.remove(&cookie) {
            match restored.seen_by_bpf(connection, &groups) {
                Some(change) => changes.extend(change),
                None => restored.through_descriptor(connection, &groups, undoing, &mut borrower),
            }
        }
        ControlFlow::Continue(())
    })?;
    let missing = (inheritance.now.len() + inheritance.later.len()) as u64;
    match coverage.interrupted && missing > 0 {
        // Not shown by a table that was not read to its end, they need not be gone.
        true => restored.unreachable.push((Unreadable::Refused, missing)),
        false => restored.gone += missing,
    }
    match undoing {
        Undoing::InEarnest => restored.change_by_bpf(changes, table),
        Undoing::Rehearsed => Ok(()),
    }
}

impl Restored {
    /// What is to be set on a socket that is seen by eBPF, if anything is; `None`: it is not.
    fn seen_by_bpf(
        &mut self,
        connection: &Connection<'_>,
        groups: &[&Group],
    ) -> Option<Option<Change>> {
        let (bpf, now) = (connection.bpf?, connection.settings.effective()?);
        let back = WayBack::of(now, groups);
        self.count(&back, now, groups);
        let mut change = Change::new(connection.socket.cookie, back.options);
        change.only_if = Some(bpf.own);
        Some((back.options != SocketOptions::default()).then_some(change))
    }

    fn change_by_bpf(&mut self, changes: Vec<Change>, table: &Table) -> Result<(), RestoreError> {
        let Some(view) = table.view() else {
            return Ok(());
        };
        let (mut gone, mut refused) = (changes.len() as u64, 0);
        view.set(changes, |outcome| {
            gone -= 1;
            refused += u64::from(outcome.refused.is_some());
        })?;
        self.restored -= refused + gone;
        self.refused += refused;
        self.gone += gone;
        Ok(())
    }

    fn through_descriptor(
        &mut self,
        connection: &Connection<'_>,
        groups: &[&Group],
        undoing: Undoing,
        borrower: &mut FdBorrower,
    ) {
        let socket = connection.socket;
        let waits = socket.state.may_send();
        let lent = match socket.inode {
            Some(_) => borrower.borrow_from(connection.owners().numbers(), socket.cookie),
            None if waits => Err(Unreadable::NoDescriptor),
            // Closed by its program: the kernel ends it by itself.
            None => Err(Unreadable::Gone),
        };
        match lent.map(|socket| put_back(&socket, groups, undoing)) {
            Ok(Ok((now, back))) => self.count(&back, &now, groups),
            Ok(Err(())) => self.refused += 1,
            Err(Unreadable::Gone) => self.gone += 1,
            Err(why) => self.count_unreachable(why),
        }
    }

    fn count(&mut self, back: &WayBack, now: &Effective, groups: &[&Group]) {
        match back.options == SocketOptions::default() {
            false => {
                self.restored += 1;
                self.returns(now, &now.with(&back.options), groups);
            }
            true if !back.overtaken => self.unchanged += 1,
            true => {}
        }
        self.overtaken += u64::from(back.overtaken);
        self.own_now += u64::from(back.own_now);
    }

    fn returns(&mut self, now: &Effective, then: &Effective, groups: &[&Group]) {
        let process = groups.last().and_then(|group| group.process.clone());
        let listeners = groups.iter().any(|group| group.listeners);
        let same = |known: &&mut Returning| {
            (&known.process, known.listeners) == (&process, listeners)
                && (known.now, known.then) == (*now, *then)
        };
        match self.returning.iter_mut().find(same) {
            Some(known) => known.count += 1,
            None => self.returning.push(Returning {
                process,
                listeners,
                now: *now,
                then: *then,
                count: 1,
            }),
        }
    }

    fn count_unreachable(&mut self, why: Unreadable) {
        match self.unreachable.iter_mut().find(|(known, _)| *known == why) {
            Some((_, count)) => *count += 1,
            None => self.unreachable.push((why, 1)),
        }
    }
}

fn put_back(
    socket: &OwnedFd,
    groups: &[&Group],
    undoing: Undoing,
) -> Result<(Effective, WayBack), ()> {
    let now = sockopt::effective(socket).map_err(drop)?;
    let back = WayBack::of(&now, groups);
    if back.options != SocketOptions::default() && undoing == Undoing::InEarnest {
        back.options.apply_from_outside(socket).map_err(drop)?;
    }
    Ok((now, back))
}
