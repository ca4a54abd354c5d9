//! What could not be seen.

use std::collections::BTreeMap;

use deadpeer_report::{Burst, Gap, Privilege, Unreached};

use crate::protect::LoopbackBurst;
use crate::table::{Coverage, Unreadable};

impl Coverage {
    /// What this reading of the table leaves out, but for settings that could not be read.
    #[must_use]
    pub fn gaps(&self, privilege: Privilege) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = self.left_out(privilege).collect();
        if self.interrupted {
            gaps.push(Gap::DumpInterrupted {
                times: u64::from(self.repeats) + 1,
            });
        }
        if self.unknown_answers > 0 {
            gaps.push(Gap::UnknownAnswers(self.unknown_answers.into()));
        }
        gaps
    }

    /// What is meant and can't be seen at all: processes whose connections can't be told from those
    /// of others, and namespaces that can't be entered.
    pub fn left_out(&self, privilege: Privilege) -> impl Iterator<Item = Gap> {
        let processes = self.hidden_processes.len() as u64;
        let hidden = (processes > 0).then_some(Gap::OwnersHidden {
            processes,
            privilege,
        });
        let closed = self.closed.first().map(|closed| Gap::NamespacesUnread {
            namespaces: self.closed.len() as u64,
            known_as: closed.known_as.clone(),
            why: closed.why.clone(),
        });
        hidden.into_iter().chain(closed)
    }
}

/// Sockets that could not be reached, put together by reason. `name` gives a user's name by its
/// number.
pub fn unreached(
    sockets: &BTreeMap<(Unreadable, u32), u64>,
    name: impl Fn(u32) -> String,
) -> Vec<Unreached> {
    let mut all: Vec<Unreached> = Vec::new();
    for ((why, uid), count) in sockets {
        let user = name(*uid);
        match all.last_mut().filter(|last| last.why == *why) {
            Some(last) => {
                last.sockets += count;
                last.users.push(user);
            }
            None => all.push(Unreached {
                sockets: *count,
                why: *why,
                users: vec![user],
            }),
        }
    }
    all
}

impl From<&LoopbackBurst> for Burst {
    fn from(burst: &LoopbackBurst) -> Self {
        Self {
            sockets: burst.sockets as u64,
            backlog: burst.backlog as u64,
            batch: burst.batch() as u64,
            fits: burst.fits(),
            most_sockets: burst.most_sockets() as u64,
            backlog_needed: burst.backlog_needed() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_of_one_reason_are_named_together() {
        let sockets = BTreeMap::from([
            ((Unreadable::NotPermitted, 0), 1),
            ((Unreadable::NotPermitted, 7), 2),
            ((Unreadable::Gone, 7), 4),
        ]);
        let all = unreached(&sockets, |uid| uid.to_string());
        let told: Vec<_> = all
            .iter()
            .map(|unreached| (unreached.why, unreached.sockets, unreached.users.join(" ")))
            .collect();
        assert_eq!(
            told,
            [
                (Unreadable::NotPermitted, 3, "0 7".to_owned()),
                (Unreadable::Gone, 4, "7".to_owned())
            ]
        );
    }

    #[test]
    fn a_dump_that_was_interrupted_is_owned_up_to() {
        let coverage = Coverage {
            interrupted: true,
            repeats: 3,
            hidden_processes: vec![7],
            ..Coverage::default()
        };
        assert_eq!(
            coverage.gaps(Privilege::Root),
            [
                Gap::OwnersHidden {
                    processes: 1,
                    privilege: Privilege::Root
                },
                Gap::DumpInterrupted { times: 4 }
            ]
        );
    }
}
