//! Which idle times connections between the same hosts survived: what an idle timeout between them
//! cannot be shorter than.

use std::collections::HashMap;
use std::time::Duration;

use crate::Endpoint;
use crate::talk::{Conversation, HostId};

/// The longest idle time that a connection survived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Survivor {
    pub(crate) survived: Duration,
    /// The number of the connection.
    pub(crate) number: u64,
}

/// The survivors, by the two hosts, and by the server's port whoever the client is.
#[derive(Debug, Default)]
pub(crate) struct Survivors {
    between: HashMap<(HostId, HostId), Survivor, foldhash::fast::RandomState>,
    with: HashMap<Endpoint, Survivor, foldhash::fast::RandomState>,
}

impl Survivors {
    /// Takes in what a conversation survived.
    pub(super) fn add(&mut self, conversation: &Conversation) {
        let Some(survived) = conversation.silences.survived() else {
            return;
        };
        let survivor = Survivor {
            survived,
            number: conversation.number,
        };
        let [_, server] = conversation.ends;
        let between = self.between.entry(pair(conversation)).or_insert(survivor);
        let with = self.with.entry(server).or_insert(survivor);
        for longest in [between, with] {
            if survived > longest.survived {
                *longest = survivor;
            }
        }
    }

    /// The longest between the hosts of a conversation, of its own silences too.
    pub(super) fn between_hosts_of(&self, conversation: &Conversation) -> Option<Survivor> {
        self.between.get(&pair(conversation)).copied()
    }

    /// The longest of any client with the server of a conversation.
    pub(super) fn with_server_of(&self, conversation: &Conversation) -> Option<Survivor> {
        let [_, server] = conversation.ends;
        self.with.get(&server).copied()
    }
}

/// The two hosts in one order.
fn pair(conversation: &Conversation) -> (HostId, HostId) {
    let [one, other] = conversation.hosts;
    (one.min(other), one.max(other))
}
