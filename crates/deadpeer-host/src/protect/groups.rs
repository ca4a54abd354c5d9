//! What a survey is going to change, as the undo file has it.

use deadpeer_core::{SocketOption, SocketOptions};

use super::Step;
use super::survey::{Fate, Survey};
use crate::undo::Group;

impl Survey {
    /// What there is to undo once the survey is carried out.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Option<Group>> = self
            .parts
            .iter()
            .map(|part| {
                let Fate::Judged(Step::Change(change)) = part.fate else {
                    return None;
                };
                let before = part.before?.of_those(&change.options);
                let name = part.process.as_ref();
                Some(Group {
                    process: name.map(|name| String::from_utf8_lossy(name).into_owned()),
                    listeners: part.are_listeners(),
                    followed_sysctl: part.own.map(|own| followed(&own, &change.options)),
                    ..Group::new(before, change.options, Vec::new())
                })
            })
            .collect();
        for (cookie, part) in self.changing() {
            if let Some(Some(group)) = groups.get_mut(part) {
                group.cookies.push(cookie);
            }
        }
        let groups = groups.into_iter().flatten();
        groups.filter(|group| !group.cookies.is_empty()).collect()
    }
}

/// Whether anything that was set followed a sysctl while `own` was all that was set on the socket.
fn followed(own: &SocketOptions, set: &SocketOptions) -> bool {
    let follows = |option: SocketOption| option.may_follow_sysctl() && own.get(option).is_none();
    set.settings().any(|set| follows(set.option))
}
