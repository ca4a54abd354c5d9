//! What leads a socket, or a sysctl, back: from what it has now and what was recorded. Pure.

use deadpeer_core::{Effective, Setting, SocketOptions};

use super::record::Group;

/// What leads a socket back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct WayBack {
    /// What is to be set.
    pub(crate) options: SocketOptions,
    /// Whether an option holds what was neither set nor there before: its program's, which stays.
    pub(crate) overtaken: bool,
    /// Whether what may have followed a sysctl has its value as its own now.
    pub(crate) own_now: bool,
}

impl WayBack {
    /// From what it has now, the latest change first.
    pub(crate) fn of(now: &Effective, groups: &[&Group]) -> Self {
        let mut back = Self::default();
        let mut then = *now;
        for group in groups.iter().rev() {
            let (options, overtaken) = match group.lent {
                true => (loan_back(&then, group), false),
                false => change_back(&then, group),
            };
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

/// The options that still hold what was set, with what they had before, and whether any holds
/// something else.
fn change_back(now: &Effective, group: &Group) -> (SocketOptions, bool) {
    let mut back = SocketOptions::default();
    let mut overtaken = false;
    for (old, set) in pairs(group) {
        match now.held(set.option) {
            Some(held) if held == old => {}
            Some(held) if set.is_held_as(held) => back.put(old),
            Some(_) => overtaken = true,
            None => {}
        }
    }
    (back, overtaken)
}

/// What was lent to a question goes back as a whole, and only while the loan stands: as long as
/// `TCP_KEEPIDLE` is what was lent, which is set first and given back last.
fn loan_back(now: &Effective, group: &Group) -> SocketOptions {
    let mut back = SocketOptions::default();
    if group.after.keepidle_s != Some(now.keepidle_s) {
        return back;
    }
    for (old, set) in pairs(group) {
        if now.held(set.option) == Some(set) && old != set {
            back.put(old);
        }
    }
    back
}

/// Each option of a group before and after.
fn pairs(group: &Group) -> impl Iterator<Item = (Setting, Setting)> {
    group.before.settings().filter_map(|old| {
        let set = Setting::new(old.option, group.after.get(old.option)?);
        Some((old, set))
    })
}

#[cfg(test)]
mod tests;
