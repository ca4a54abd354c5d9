//! What this process could not see of sockets, and what would help who runs it.

use std::collections::BTreeMap;

use deadpeer_host::filter::User;
use deadpeer_host::{Coverage, Unreadable, unreached};
use deadpeer_report::sanitize::sanitize;
use deadpeer_report::{Gap, Privilege, Unreached};

/// Sockets by why they could not be reached, and by user.
pub(crate) type Missing = BTreeMap<(Unreadable, u32), u64>;

/// What is missing of sockets, each kind said by `gap`, and of the table.
pub(crate) fn all(
    missing: &Missing,
    gap: fn(Unreached, Privilege) -> Gap,
    coverage: &Coverage,
) -> Vec<Gap> {
    let privilege = privilege();
    let sockets = unreached(missing, user).into_iter();
    let sockets = sockets.map(|unreached| gap(unreached, privilege));
    sockets.chain(coverage.gaps(privilege)).collect()
}

/// Whose rights this process has.
pub(crate) fn privilege() -> Privilege {
    match rustix::process::geteuid().is_root() {
        true => Privilege::Root,
        false => Privilege::Unprivileged,
    }
}

/// A user's name, or the number where there is none.
fn user(uid: u32) -> String {
    match User::name_of(uid) {
        Some(name) => sanitize(&name).into_owned(),
        None => uid.to_string(),
    }
}
