//! What this process could not see of sockets, and what would help who runs it.

use std::collections::BTreeMap;

use deadpeer_host::filter::User;
use deadpeer_host::{Coverage, Unreadable, unreached};
use deadpeer_report::sanitize::sanitize;
use deadpeer_report::{Gap, Looker, Unreached};

/// Sockets by why they could not be reached, and by user.
pub(crate) type Missing = BTreeMap<(Unreadable, u32), u64>;

/// What is missing of sockets, each kind said by `gap`, and of the table.
pub(crate) fn all(
    missing: &Missing,
    gap: fn(Unreached, Looker) -> Gap,
    coverage: &Coverage,
) -> Vec<Gap> {
    let looker = looker();
    let sockets = unreached(missing, user).into_iter();
    let sockets = sockets.map(|unreached| gap(unreached, looker));
    sockets.chain(coverage.gaps(looker)).collect()
}

/// Whose rights this process has.
pub(crate) fn looker() -> Looker {
    match rustix::process::geteuid().is_root() {
        true => Looker::Root,
        false => Looker::Nobody,
    }
}

/// A user's name, or the number where there is none.
fn user(uid: u32) -> String {
    match User::name_of(uid) {
        Some(name) => sanitize(&name).into_owned(),
        None => uid.to_string(),
    }
}
